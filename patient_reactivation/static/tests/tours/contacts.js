import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("reactivation_contacts", {
    url: "/odoo/contacts",
    steps: () => [
        {
            trigger: ".o_searchview_dropdown_toggler",
            run: "click",
        },
        {
            trigger: ".o_filter_menu .o_menu_item:contains('Lapsed Patients')",
            run: "click",
        },
        {
            trigger: ".o_group_by_menu .o_menu_item:contains('Inactivity Tier')",
            run: "click",
        },
        {
            trigger: ".o_searchview_facet:contains('Inactivity Tier')",
        },
        {
            content: "Contacts are grouped by a fact that lives elsewhere",
            trigger: ".o_group_header:contains('6 to 12 months')",
            run: "click",
        },
        {
            trigger:
                ".o_list_view:has(.o_data_row:contains('Tara Toures')):not(:has(.o_data_row:contains('Abel Toures'))) .o_data_row td:contains('Tara Toures')",
            run: "click",
        },
        {
            trigger: "a[name=reactivation_patient]",
            run: "click",
        },
        {
            trigger: "[name=patient_status]:contains('Lapsed')",
        },
        {
            trigger: "[name=inactivity_tier_id]:contains('6 to 12 months')",
        },
        {
            content: "The number of visits, and the way to them",
            trigger:
                "button[name=action_open_reactivation_visits]:contains('2')",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row:contains('Took Place')",
        },
    ],
});
