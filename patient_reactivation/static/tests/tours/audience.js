import { registry } from "@web/core/registry";

const row = (name, text) =>
    `[name=segment_ids] .o_data_row:contains('${name}'):contains('${text}')`;

registry.category("web_tour.tours").add("reactivation_audience", {
    url: "/odoo/reactivation-campaigns",
    steps: () => [
        {
            trigger: ".o_kanban_record:contains('Tour audience')",
            run: "click",
        },
        {
            content: "Three came once; of the two in cash one is among them",
            trigger: row("Came once", "3 patients"),
        },
        {
            trigger: row("In cash", "1 patient"),
        },
        {
            trigger: `${row("In cash", "1 more in segments above")} [title='Came once: 1']`,
        },
        {
            content: "A field that does not exist any more is named",
            trigger: row("Old filter", "x_gone"),
        },
        {
            trigger: ".o_reactivation_segments:contains('1 of them are in no segment')",
        },
        {
            trigger: "[name=segment_ids] .o_data_row:contains('Came once') td[name=name]",
            run: "click",
        },
        {
            trigger: ".modal .o_reactivation_segment_counts:contains('3 patients')",
        },
        {
            content: "The number follows what is typed",
            trigger: ".modal [name=inactive_from] input",
            run: "edit 12",
        },
        {
            trigger: ".modal [name=inactive_to] input",
            run: "click",
        },
        {
            trigger: ".modal .o_reactivation_segment_counts:contains('1 patient')",
        },
        {
            trigger: ".modal .o_form_button_save",
            run: "click",
        },
        {
            trigger: `body:not(:has(.modal)) ${row("Came once", "1 patient")}`,
        },
        {
            content: "Nothing was saved: take it back",
            trigger: ".o_form_button_cancel",
            run: "click",
        },
        {
            trigger: row("Came once", "3 patients"),
        },
        {
            trigger: "button[name=action_preview_audience]",
            run: "click",
        },
        {
            trigger:
                ".modal .o_reactivation_audience_segment:contains('Came once'):contains('2 to contact'):contains('1 left out')",
        },
        {
            content: "From a reason to the names",
            trigger:
                ".modal .o_reactivation_audience_reason:contains('No address or number'):contains('1')",
            run: "click",
        },
        {
            trigger:
                "body:not(:has(.modal)) .o_list_view .o_data_row:contains('Mute Toures'):contains('No address or number')",
        },
        {
            trigger: ".o_breadcrumb a:contains('Tour audience')",
            run: "click",
        },
        {
            content: "From a number to the names",
            trigger: `${row("In cash", "1 patient")} .o_reactivation_open_segment`,
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row:contains('Twice Toures'):contains('To enroll')",
        },
    ],
});
