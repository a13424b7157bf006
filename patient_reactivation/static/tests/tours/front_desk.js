import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

registry.category("web_tour.tours").add("reactivation_front_desk", {
    url: "/odoo",
    steps: () => [
        ...stepUtils.goToAppSteps(
            "patient_reactivation.reactivation_menu",
            "Open the app"
        ),
        {
            content: "The work of today comes first; the patients are next to it",
            trigger: "[data-menu-xmlid='patient_reactivation.reactivation_patient_menu']",
            run: "click",
        },
        {
            content: "Lapsed patients stand in the column of their tier",
            trigger:
                ".o_kanban_group:contains('6 to 12 months') .o_kanban_record:contains('Tara Toures')",
        },
        {
            content: "The card says how long ago the last visit was",
            trigger:
                ".o_kanban_record:contains('Tara Toures') [name=last_visit_date]:contains('8 months ago')",
        },
        {
            content: "A patient who came last month is not among them",
            trigger: "body:not(:has(.o_kanban_record:contains('Abel Toures')))",
        },
        {
            content: "The phone number can be dialed",
            trigger:
                ".o_kanban_record:contains('Tara Toures') a[href^='tel:+1']",
        },
        {
            content: "Switch to the list",
            trigger: ".o_switch_view.o_list",
            run: "click",
        },
        {
            content: "Open the patient",
            trigger: ".o_data_row td[name=partner_id]:contains('Tara Toures')",
            run: "click",
        },
        {
            content: "Say why she stays away",
            trigger: ".o_form_view [name=reason_id] input",
            run: "edit Cost",
        },
        {
            trigger: ".o-autocomplete--dropdown-item a:contains('Cost')",
            run: "click",
        },
        ...stepUtils.saveForm(),
        {
            content: "Look at her visits",
            trigger: "button[name=action_open_visits]",
            run: "click",
        },
        {
            content: "Both visits are listed, and nobody else's",
            trigger:
                ".o_list_view:has(.o_data_row:contains('Tara Toures'):contains('Took Place')):not(:has(.o_data_row:contains('Abel')))",
        },
        {
            content: "A row opens the document it stands for",
            trigger: ".o_data_row td[name=partner_id]:contains('Tara Toures')",
            run: "click",
        },
        {
            trigger: ".o_form_view [name=reference]:contains('TOUR')",
        },
    ],
});
