import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("reactivation_templates", {
    url: "/odoo/reactivation-templates",
    steps: () => [
        {
            content: "The card says for whom it is, and draws the steps",
            trigger:
                ".o_kanban_record:contains('6-month recall'):has(.o_reactivation_template_step:contains('Day 14'))",
        },
        {
            trigger: ".o_kanban_record:contains('6-month recall') button[name=action_use]",
            run: "click",
        },
        {
            content: "A draft with the segments",
            trigger:
                ".o_form_view [name=segment_ids]:contains('Came once, 6 to 12 months')",
        },
        {
            content: "See what one patient would get",
            trigger: "button[name=action_rehearse]",
            run: "click",
        },
        {
            trigger: ".modal .o_reactivation_rehearsal:contains('Tara Toures')",
        },
        {
            content: "Each step, when and to where",
            trigger:
                ".modal .o_reactivation_rehearsal_step:contains('t•••@example.com'):contains('First e-mail') summary",
            run: "click",
        },
        {
            content: "The e-mail as the patient sees it",
            trigger:
                ".modal .o_reactivation_rehearsal_step details[open] iframe.o_reactivation_rehearsal_mail",
        },
        {
            trigger: ".modal .o_reactivation_rehearsal_step:contains('Last e-mail')",
        },
        {
            trigger: ".modal button[name=action_another_patient]",
            run: "click",
        },
        {
            trigger: ".modal footer button:contains('Close')",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal)) .o_form_view",
        },
    ],
});
