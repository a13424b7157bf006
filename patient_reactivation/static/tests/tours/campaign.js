import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

registry.category("web_tour.tours").add("reactivation_campaign", {
    url: "/odoo/reactivation-campaigns",
    steps: () => [
        {
            trigger: ".o-kanban-button-new",
            run: "click",
        },
        {
            trigger: ".o_form_view [name=name] input",
            run: "edit Tour campaign",
        },
        {
            content: "Whom to win back",
            trigger: "[name=segment_ids] .o_field_x2many_list_row_add a",
            run: "click",
        },
        {
            trigger: ".modal .o_form_view [name=name] input",
            run: "edit Everybody",
        },
        {
            trigger: ".modal .o_form_button_save",
            run: "click",
        },
        {
            trigger:
                "body:not(:has(.modal)) [name=segment_ids] .o_data_row:contains('Everybody')",
        },
        {
            content: "How to win them back",
            trigger: "a[name=methods]",
            run: "click",
        },
        {
            trigger: "[name=method_ids] .o-kanban-button-new",
            run: "click",
        },
        {
            trigger: ".modal [name=name] input",
            run: "edit Friendly e-mail",
        },
        {
            trigger: ".modal [name=step_ids] .o_field_x2many_list_row_add a",
            run: "click",
        },
        {
            content: "A step has a form of its own",
            trigger: ".modal:contains('Create Step') .o_form_view [name=name] input",
            run: "edit First reminder",
        },
        {
            content: "When the e-mail cannot be used, the front desk calls",
            trigger: ".modal:contains('Create Step') [name=fallback_channel] input",
            run: "click",
        },
        {
            trigger: ".o_select_menu_item:contains('Phone call')",
            run: "click",
        },
        {
            trigger: ".modal:contains('Create Step') [name=script] textarea",
            run: "edit Would Thursday suit you?",
        },
        {
            trigger: ".modal:contains('Create Step') .o_form_button_save",
            run: "click",
        },
        {
            trigger:
                "body:not(:has(.modal:contains('Create Step'))) .modal [name=step_ids] .o_data_row:contains('First reminder'):contains('Phone call')",
        },
        {
            trigger: ".modal .o_form_button_save",
            run: "click",
        },
        {
            content: "The step is drawn, and says that its e-mail is missing",
            trigger:
                "body:not(:has(.modal)) [name=method_ids] .o_reactivation_step:contains('First reminder'):contains('else: Phone call'):contains('Would Thursday suit you?'):contains('The e-mail is not written yet')",
        },
        {
            content: "Write the e-mail: this saves the campaign",
            trigger: ".o_reactivation_write_mail",
            run: "click",
        },
        {
            content: "There is no way to send it to everybody",
            trigger:
                ".o_form_view:has([name=reactivation_lang]):not(:has(button[name=action_launch])):not(:has(button[name=action_schedule]))",
        },
        {
            content: "The ready text is in the designer",
            trigger: "[name=body_arch] :iframe .o_editable p:contains('Hello')",
        },
        {
            trigger: "[name=subject] input",
            run: "edit We would like to see you",
        },
        {
            content: "Change the text",
            trigger: "[name=body_arch] :iframe .o_editable h1",
            run: "editor Your clinic misses you",
        },
        ...stepUtils.saveForm(),
        {
            trigger: ".o_breadcrumb a:contains('Tour campaign')",
            run: "click",
        },
        {
            trigger: "a[name=methods]",
            run: "click",
        },
        {
            content: "The step shows its e-mail",
            trigger: ".o_reactivation_step:contains('We would like to see you')",
        },
        {
            trigger: "button[name=action_preview_audience]",
            run: "click",
        },
        {
            trigger: ".modal [name=enroll_count]:contains('1')",
        },
        {
            content: "The one without an address is left out, and it is said why",
            trigger: ".modal-body:contains('No address or number')",
        },
        {
            trigger: ".modal button[name=action_start]",
            run: "click",
        },
        {
            content: "It runs",
            trigger:
                "body:not(:has(.modal)) .o_statusbar_status .o_arrow_button_current:contains('Running')",
        },
        {
            trigger: ".o_breadcrumb a:contains('Campaigns')",
            run: "click",
        },
        {
            content: "One patient is enrolled",
            trigger:
                ".o_kanban_record:contains('Tour campaign') .o_reactivation_number:contains('Enrolled'):contains('1')",
        },
        {
            content: "No window is closed, so there is no rate",
            trigger:
                ".o_kanban_record:contains('Tour campaign') .o_reactivation_rate:contains('Win-back'):contains('–'):contains('windows still open until'):not(:contains('%'))",
        },
        {
            content: "The number opens the patients it counts",
            trigger:
                ".o_kanban_record:contains('Tour campaign') .o_reactivation_number:contains('Enrolled')",
            run: "click",
        },
        {
            trigger:
                ".o_kanban_group:contains('Enrolled') .o_kanban_record:contains('Tara Toures')",
        },
    ],
});
