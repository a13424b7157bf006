import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("reactivation_call", {
    url: "/odoo",
    steps: () => [
        {
            content: "The front desk sees that there is something to do",
            trigger: ".o_menu_systray .o-mail-ActivityMenu-counter",
        },
        {
            trigger: ".o_menu_systray i[aria-label='Activities']",
            run: "click",
        },
        {
            trigger: ".o-mail-ActivityGroup:contains('Enrollment') .btn:contains('Today')",
            run: "click",
        },
        {
            content: "The patient to call",
            trigger: ".o_data_row td[name=partner_id]:contains('Tara Toures')",
            run: "click",
        },
        {
            content: "The number and the words to say",
            trigger:
                ".o-mail-Activity:contains('Call Tara Toures'):contains('+1 212-555-0142'):contains('Would Thursday suit you?')",
        },
        {
            trigger: "[name=delivery_ids] .o_data_row:contains('Phone call'):contains('To Do')",
        },
        {
            trigger: ".o-mail-Activity .o-mail-Activity-markDone",
            run: "click",
        },
        {
            trigger: ".o-mail-ActivityMarkAsDone button[aria-label='Done']",
            run: "click",
        },
        {
            trigger: "body:not(:has(.o-mail-Activity))",
        },
        {
            content: "The patient was called",
            trigger: "[name=delivery_ids] .o_data_row:contains('Phone call'):contains('Sent')",
        },
    ],
});
