import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

registry.category("web_tour.tours").add("reactivation_visit_source", {
    url: "/odoo/reactivation-sources",
    steps: () => [
        {
            trigger: ".o_list_button_add",
            run: "click",
        },
        {
            trigger: ".o_form_view [name=name] input",
            run: "edit Visits of the old system",
        },
        {
            content: "Choose the model",
            trigger: "[name=model_id] input",
            run: "edit Imported Visit",
        },
        {
            trigger: ".o-autocomplete--dropdown-item a:contains('Imported Visit'):not(:contains('Search'))",
            run: "click",
        },
        {
            content: "Usual paths are proposed and named in plain words",
            trigger: "[name=partner_path] .o_reactivation_path_names:contains('Patient')",
        },
        {
            content: "Type a wrong path",
            trigger: "[name=partner_path] input",
            run: "edit patient_idd",
        },
        {
            content: "Pick another one from the list of fields",
            trigger: "[name=practitioner_path] .o_reactivation_path_pick",
            run: "click",
        },
        {
            trigger: ".o_model_field_selector_popover_search input",
            run: "edit Practitioner",
        },
        {
            trigger:
                ".o_model_field_selector_popover_item[data-name=practitioner_id] .o_model_field_selector_popover_item_name",
            run: "click",
        },
        {
            trigger:
                "[name=practitioner_path] .o_reactivation_path_names:contains('Practitioner')",
        },
        {
            content: "The wrong path is marked",
            trigger: "[name=partner_path] .o_reactivation_path_invalid",
        },
        {
            trigger: ".o_form_button_save",
            run: "click",
        },
        {
            content: "The error names the field and the mistake",
            trigger: ".modal-body:contains('field “Patient”'):contains('patient_idd')",
        },
        {
            trigger: ".modal-footer button",
            run: "click",
        },
        {
            content: "Correct it",
            trigger: "body:not(:has(.modal)) [name=partner_path] input",
            run: "edit partner_id",
        },
        {
            content: "Say which records count",
            trigger: "a[name=domains]",
            run: "click",
        },
        {
            trigger: "[name=done_domain] .o_field_domain_panel:contains('record(s)')",
        },
        ...stepUtils.saveForm(),
        {
            trigger: "button[name=action_preview]",
            run: "click",
        },
        {
            content: "The visits of this source",
            trigger:
                ".o_list_view .o_data_row:contains('Tara Toures'):contains('Visits of the old system')",
        },
    ],
});
