import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

const problem = (text, level = "error") =>
    `.o_reactivation_problem[data-level=${level}]:contains('${text}')`;

registry.category("web_tour.tours").add("reactivation_readiness", {
    url: "/odoo/reactivation-campaigns",
    steps: () => [
        {
            trigger: ".o_kanban_record:contains('Tour with faults')",
            run: "click",
        },
        {
            content: "Each fault is named",
            trigger: `.o_reactivation_readiness:contains('2 things to mend'):has(${problem(
                "not an e-mail address"
            )}):has(${problem("no script")})`,
        },
        {
            content: "What is only good to know is yellow",
            trigger: problem("control group", "warning"),
        },
        {
            content: "It does not start",
            trigger: "button[name=action_start]:contains('Start')",
            run: "click",
        },
        {
            trigger: ".modal-footer .btn-primary:contains('Start')",
            run: "click",
        },
        {
            trigger: ".modal:contains('cannot start yet'):contains('no script')",
        },
        {
            trigger: ".modal .modal-footer .btn-primary",
            run: "click",
        },
        {
            content: "A warning leads to its tab",
            trigger: `body:not(:has(.modal)) ${problem("control group", "warning")} .o_reactivation_mend`,
            run: "click",
        },
        {
            trigger: ".o_notebook_headers a[name=measure].active",
        },
        {
            content: "The sender is mended on the form itself",
            trigger: `${problem("not an e-mail address")} .o_reactivation_mend`,
            run: "click",
        },
        {
            trigger: "[name=email_from] input:focus",
            run: "edit Tour Clinic <tour@example.com>",
        },
        ...stepUtils.saveForm(),
        {
            trigger: `.o_reactivation_readiness:contains('One thing to mend')`,
        },
        {
            content: "The script is mended in the form of its step",
            trigger: `${problem("no script")} .o_reactivation_mend`,
            run: "click",
        },
        {
            trigger: ".o_form_view [name=script] textarea",
            run: "edit Would Thursday suit you?",
        },
        ...stepUtils.saveForm(),
        {
            content: "And back",
            trigger: ".o_breadcrumb a:contains('Tour with faults')",
            run: "click",
        },
        {
            trigger: ".o_reactivation_readiness:contains('Ready to start')",
        },
        {
            trigger: "button[name=action_start]:contains('Start')",
            run: "click",
        },
        {
            trigger: ".modal-footer .btn-primary:contains('Start')",
            run: "click",
        },
        {
            content: "It runs, and the list is gone",
            trigger:
                "body:not(:has(.modal)):not(:has(.o_reactivation_readiness)) .o_statusbar_status .o_arrow_button_current:contains('Running')",
        },
    ],
});

registry.category("web_tour.tours").add("reactivation_guide", {
    url: "/odoo",
    steps: () => [
        stepUtils.showAppsMenuItem(),
        {
            content: "The app opens with the first steps",
            trigger: ".o_app[data-menu-xmlid='patient_reactivation.reactivation_menu']",
            run: "click",
        },
        {
            content: "The visits are there already",
            trigger:
                "[data-step=visits][data-state=done]:contains('Stayed away: 1')",
        },
        {
            content: "The address is next, and what is missing is named",
            trigger: "[data-step=clinic][data-state=next]:contains('Missing: Street')",
        },
        {
            trigger: "[data-step=template][data-state=later]",
        },
        {
            trigger: "[data-step=clinic] button[name=action_clinic]",
            run: "click",
        },
        {
            trigger: ".o_form_view [name=street] input",
            run: "edit 1 Main Street",
        },
        ...stepUtils.saveForm(),
        {
            trigger: ".o_breadcrumb a:contains('Get Started'), .o_back_button",
            run: "click",
        },
        {
            content: "The page knows it",
            trigger:
                ".o_reactivation_guide:has([data-step=clinic][data-state=done]):has([data-step=template][data-state=next])",
        },
        {
            content: "Whoever knows the way puts it away",
            trigger: ".o_reactivation_guide_hide",
            run: "click",
        },
        {
            trigger:
                "body:not(:has([data-menu-xmlid='patient_reactivation.reactivation_guide_menu'])) .o_breadcrumb:contains('Campaigns')",
        },
    ],
});
