import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

registry.category("web_tour.tours").add("reactivation_why_not", {
    url: "/odoo",
    steps: () => [
        ...stepUtils.goToAppSteps(
            "patient_reactivation.reactivation_menu",
            "Open the app"
        ),
        {
            trigger: "[data-menu-xmlid='patient_reactivation.reactivation_reporting_menu']",
            run: "click",
        },
        {
            trigger: "[data-menu-xmlid='patient_reactivation.reactivation_no_contact_menu']",
            run: "click",
        },
        {
            content: "The reasons of the campaigns that are under way",
            trigger: ".o_searchview_facet:contains('Current Campaigns')",
        },
        {
            trigger: ".o_group_header:contains('No address or number (1)')",
        },
        {
            content: "In each campaign …",
            trigger: ".o_searchview_dropdown_toggler",
            run: "click",
        },
        {
            trigger: ".o_group_by_menu .o_menu_item:contains('Campaign')",
            run: "click",
        },
        {
            trigger: ".o_group_header:contains('Asked not to be contacted (1)')",
        },
        {
            content: "… what a clinic can mend",
            trigger: ".o_filter_menu .o_menu_item:contains('Can Be Mended')",
            run: "click",
        },
        {
            trigger:
                ".o_list_view:not(:has(.o_group_header:contains('Asked not'))) .o_group_header:contains('No address or number (1)')",
            run: "click",
        },
        {
            trigger: ".o_group_header:contains('Tour recall (1)')",
            run: "click",
        },
        {
            content: "Open the patient",
            trigger: ".o_data_row:contains('Nils Toures'):contains('Not enrolled') button[name=action_open_patient]",
            run: "click",
        },
        {
            content: "The patient's page gives the same answer",
            trigger: ".o_form_view [name=contact_answer]:contains('No address or number')",
        },
    ],
});
