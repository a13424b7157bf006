import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

/** The front desk logs three calls, one after the other. */
registry.category("web_tour.tours").add("reactivation_work_list", {
    url: "/odoo",
    steps: () => [
        ...stepUtils.goToAppSteps(
            "patient_reactivation.reactivation_menu",
            "The app opens with the work of today"
        ),
        {
            content: "Regular patients stand first",
            trigger:
                ".o_list_view .o_data_row:first:contains('Vera Toures')",
        },
        {
            content: "Open any of them",
            trigger: ".o_data_row td[name=partner_id]:contains('Tara')",
            run: "click",
        },
        {
            trigger: ".o_form_view:contains('Would Thursday suit you, Tara?')",
        },
        {
            content: "Not this one: back to the list",
            trigger: ".o_breadcrumb a:contains('Work List'), .o_back_button",
            run: "click",
        },
        {
            content: "Begin with whoever is first",
            trigger: ".o_list_view button[name=action_start]:contains('Start Calling')",
            run: "click",
        },
        {
            content: "Whom to call, and the words to say",
            trigger:
                ".o_form_view:contains('Vera Toures'):contains('Would Thursday suit you, Vera?')",
        },
        {
            content: "The number is dialed with one tap",
            trigger: ".o_form_view a[href='tel:+12125550143']",
        },
        {
            content: "It is the first of three",
            trigger: ".o_pager_value:contains('1') + span + .o_pager_limit:contains('3')",
        },
        {
            content: "What she says",
            trigger: ".o_reactivation_said input[aria-label=Note]",
            run: "edit Comes with her mother",
        },
        {
            content: "The call began before the sheet was opened",
            trigger: ".o_reactivation_said input[aria-label=Minutes]",
            run: "edit 7",
        },
        {
            content: "She booked: by keyboard",
            trigger: ".o_reactivation_results button[name=action_result_booked]",
            run: "press alt+o",
        },
        {
            content: "The next call opens by itself",
            trigger: ".o_form_view:contains('Would Thursday suit you, Tara?')",
        },
        {
            trigger: ".o_pager_value:contains('2') + span + .o_pager_limit:contains('3')",
        },
        {
            content: "The last patient's note is gone",
            trigger: ".o_reactivation_said input[aria-label=Note]:not(:value('mother'))",
        },
        {
            content: "And so are her minutes",
            trigger: ".o_reactivation_said input[aria-label=Minutes]:not(:value('7'))",
        },
        {
            trigger: ".o_reactivation_said select",
            run: "selectByLabel Cost",
        },
        {
            trigger: ".o_reactivation_said input[aria-label=Note]",
            run: "edit The line was bad",
        },
        {
            content: "Nobody picks up",
            trigger: ".o_reactivation_results button[name=action_result_no_answer]",
            run: "click",
        },
        {
            content: "The third call",
            trigger: ".o_form_view:contains('Would Thursday suit you, Uwe?')",
        },
        {
            content: "He wants to be called later",
            trigger: ".o_reactivation_results button[name=action_result_call_later]",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=note] input",
            run: "edit after work",
        },
        {
            trigger: ".modal button[name=action_confirm]",
            run: "click",
        },
        {
            content: "That was the last one: the list is back, without who booked",
            trigger: ".o_list_view:not(:has(.o_data_row:contains('Vera Toures')))",
        },
        {
            trigger: ".o_notification:contains('last one')",
        },
    ],
});
