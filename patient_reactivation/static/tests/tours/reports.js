import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

/** :return: steps: open a menu of Reporting */
function openReport(name) {
    return [
        ...stepUtils.goToAppSteps(
            "patient_reactivation.reactivation_menu",
            "Open the app"
        ),
        {
            trigger: "[data-menu-xmlid='patient_reactivation.reactivation_reporting_menu']",
            run: "click",
        },
        {
            trigger: `[data-menu-xmlid='patient_reactivation.${name}']`,
            run: "click",
        },
    ];
}

/** Fail if the page is wider than the phone. */
function checkWidth() {
    const page = document.querySelector(".o_action_manager .o_content");
    if (page.scrollWidth > page.clientWidth + 1) {
        throw new Error(`The page is ${page.scrollWidth} px wide.`);
    }
}

registry.category("web_tour.tours").add("reactivation_funnel", {
    url: "/odoo",
    steps: () => [
        ...openReport("reactivation_funnel_menu"),
        {
            content: "All contacts, and each channel",
            trigger:
                "[data-group='All contacts'] [name=planned] .o_reactivation_funnel_count:contains('16')",
        },
        {
            trigger:
                "[data-group='E-mail'] [name=opened].o_reactivation_funnel_hint:contains('4'):contains('40 %')",
        },
        {
            content: "Nobody opens a call",
            trigger: "[data-group='Phone call']:not(:has([name=opened])) [name=returned]",
        },
        {
            content: "By step",
            trigger: "button[name=step]",
            run: "click",
        },
        {
            trigger: "[data-group='First e-mail'] [name=returned]:contains('3')",
            run: "click",
        },
        {
            content: "The contacts behind the bar, and one of them",
            trigger: ".o_list_view .o_data_row:contains('Patient 0') td[name=step_id]",
            run: "click",
        },
        {
            trigger: ".o_form_view .o_field_widget[name=campaign_id]:contains('Tour recall')",
        },
        {
            content: "Back to the funnel, and its numbers",
            trigger: ".o_back_button, .breadcrumb-item:first a",
            run: "click",
        },
        {
            trigger: ".breadcrumb-item a:contains('Funnel')",
            run: "click",
        },
        {
            trigger: "button[name=analysis]",
            run: "click",
        },
        {
            trigger: ".o_pivot th:contains('Tour recall')",
        },
    ],
});

registry.category("web_tour.tours").add("reactivation_cohort", {
    url: "/odoo",
    steps: () => [
        ...openReport("reactivation_cohort_menu"),
        {
            content: "A line and a row",
            trigger: ".o_reactivation_cohort_figure path.o_reactivation_cohort_line",
        },
        {
            trigger:
                ".o_reactivation_cohort_table tbody tr:first .o_reactivation_cohort_cell[data-week='13']:contains('25 %')",
        },
        {
            content: "By method, beside the control group",
            trigger: ".o_reactivation_cohort_side",
            run: "select method",
        },
        {
            trigger: "tr[data-group='Control group']:contains('Fewer than five')",
        },
        {
            content: "The interval of one line",
            trigger: ".o_reactivation_cohort_legend button:contains('E-mails and calls')",
            run: "click",
        },
        {
            trigger: ".o_reactivation_cohort_figure path.o_reactivation_cohort_band",
        },
        {
            content: "The patients of a row",
            trigger: "tr[data-group='E-mails and calls'] .o_reactivation_cohort_open",
            run: "click",
        },
        {
            trigger: ".o_kanban_view .o_kanban_record:contains('Patient 0')",
        },
    ],
});

registry.category("web_tour.tours").add("reactivation_reports_empty", {
    url: "/odoo",
    steps: () => [
        ...openReport("reactivation_funnel_menu"),
        { trigger: ".o_reactivation_funnel:contains('No contact is planned yet')" },
        {
            trigger: "[data-menu-xmlid='patient_reactivation.reactivation_reporting_menu']",
            run: "click",
        },
        {
            trigger: "[data-menu-xmlid='patient_reactivation.reactivation_cohort_menu']",
            run: "click",
        },
        { trigger: ".o_reactivation_cohort:contains('Nobody is enrolled yet')" },
    ],
});

registry.category("web_tour.tours").add("reactivation_funnel_phone", {
    steps: () => [
        {
            trigger: "[data-group='E-mail'] [name=returned]",
            run: checkWidth,
        },
    ],
});

registry.category("web_tour.tours").add("reactivation_cohort_phone", {
    steps: () => [
        {
            trigger: ".o_reactivation_cohort_table tbody tr",
            run: checkWidth,
        },
    ],
});

registry.category("web_tour.tours").add("reactivation_campaign_card", {
    steps: () => [
        {
            content: "What the campaign did, and in which weeks",
            trigger:
                ".o_kanban_record:contains('Tour recall') .o_reactivation_lift:contains('too few patients yet')",
        },
        {
            trigger:
                ".o_kanban_record:contains('Tour recall') .o_reactivation_sparkline svg[aria-label^='Returns by week: ']",
        },
    ],
});
