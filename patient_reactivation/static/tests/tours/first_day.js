import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

/** From the empty app to a running campaign, as somebody who never saw it before. */
registry.category("web_tour.tours").add("reactivation_first_campaign", {
    url: "/odoo",
    steps: () => [
        stepUtils.showAppsMenuItem(),
        {
            trigger: ".o_app[data-menu-xmlid='patient_reactivation.reactivation_menu']",
            run: "click",
        },
        {
            content: "The app says what comes first",
            trigger: "[data-step=visits][data-state=next] button[name=action_refresh]",
            run: "click",
        },
        {
            trigger: ".o_notification:contains('Stayed away: 40')",
        },
        {
            trigger: "[data-step=visits][data-state=done]",
        },
        {
            trigger: "[data-step=template][data-state=next] button[name=action_templates]",
            run: "click",
        },
        {
            trigger:
                ".o_kanban_record:contains('12-month win-back') button[name=action_use]",
            run: "click",
        },
        {
            content: "Whom it is for, with live numbers",
            trigger:
                "[name=segment_ids] .o_data_row:contains('Came once'):contains('40 patients')",
        },
        {
            trigger: ".o_form_view:contains('Ready to start')",
        },
        {
            trigger: "button[name=action_preview_audience]",
            run: "click",
        },
        {
            trigger: ".modal:contains('40'):contains('to enroll')",
        },
        {
            trigger: ".modal footer button:contains('Close')",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal)) button[name=action_rehearse]",
            run: "click",
        },
        {
            content: "What one patient would get, and when",
            trigger: ".modal .o_reactivation_rehearsal_step:contains('Last e-mail')",
        },
        {
            trigger: ".modal footer button:contains('Close')",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal)) button[name=action_start]:contains('Start')",
            run: "click",
        },
        {
            trigger: ".modal footer button:contains('Start')",
            run: "click",
        },
        {
            trigger: ".o_statusbar_status .o_arrow_button_current:contains('Running')",
        },
    ],
});

const call = (place, result) => [
    {
        trigger: `.o_form_view .o_pager_value:contains('${place}')`,
    },
    {
        content: "The words to say, for this patient",
        trigger: ".o_reactivation_task_text:contains('Tour Clinic')",
    },
    {
        trigger: `.o_reactivation_results button[name=action_result_${result}]`,
        run: "click",
    },
];

registry.category("web_tour.tours").add("reactivation_first_calls", {
    url: "/odoo",
    steps: () => [
        ...stepUtils.goToAppSteps(
            "patient_reactivation.reactivation_menu",
            "The front desk finds the calls of today"
        ),
        {
            trigger: ".o_list_view button[name=action_start]",
            run: "click",
        },
        ...call(1, "booked"),
        ...call(2, "no_answer"),
        ...call(3, "not_interested"),
        {
            trigger: ".o_form_view .o_pager_value:contains('4')",
        },
    ],
});
