import { registry } from "@web/core/registry";

/** A manager makes a method of two steps and sees it as a timeline. */
registry.category("web_tour.tours").add("reactivation_plan", {
    url: "/odoo/reactivation-campaigns",
    steps: () => [
        {
            trigger: ".o_kanban_record:contains('Plan tour')",
            run: "click",
        },
        {
            trigger: "a[name=methods]",
            run: "click",
        },
        {
            trigger: "[name=method_ids] .o-kanban-button-new",
            run: "click",
        },
        {
            trigger: ".modal [name=name] input",
            run: "edit Call, then letter",
        },
        {
            trigger: ".modal [name=step_ids] .o_field_x2many_list_row_add a",
            run: "click",
        },
        {
            content: "The first step is a call",
            trigger: ".modal:contains('Create Step') [name=channel] input",
            run: "click",
        },
        {
            trigger: ".o_select_menu_item:contains('Phone call')",
            run: "click",
        },
        {
            content: "Only on working days",
            trigger: ".modal:contains('Create Step') .o_reactivation_days input:first",
            run: "click",
        },
        {
            trigger: ".modal:contains('Create Step') [name=script] textarea",
            run: "edit Would Thursday suit you?",
        },
        {
            trigger: ".modal:contains('Create Step') .o_form_button_save_new",
            run: "click",
        },
        {
            content: "The second one is a letter, ten days later",
            trigger:
                ".modal:contains('Create Step'):not(:has([name=script])) [name=channel] input",
            run: "click",
        },
        {
            trigger: ".o_select_menu_item:contains('Letter')",
            run: "click",
        },
        {
            trigger: ".modal:contains('Create Step') [name=delay_days] input",
            run: "edit 10",
        },
        {
            trigger:
                ".modal:contains('Create Step') [name=letter_body] .odoo-editor-editable",
            run: "editor Dear {first_name}, come and see us.",
        },
        {
            trigger: ".modal:contains('Create Step') .o_form_button_save",
            run: "click",
        },
        {
            trigger:
                "body:not(:has(.modal:contains('Create Step'))) .modal [name=step_ids] .o_data_row:contains('Letter')",
        },
        {
            trigger: ".modal .o_form_button_save",
            run: "click",
        },
        {
            content: "The timeline tells when, how and what",
            trigger:
                "body:not(:has(.modal)) .o_reactivation_step:contains('At once'):contains('Phone call'):contains('Mon–Sat'):contains('Would Thursday suit you?')",
        },
        {
            trigger:
                ".o_reactivation_step:contains('Day 10'):contains('10 days later'):contains('come and see us')",
        },
        {
            trigger: ".o_form_button_save",
            run: "click",
        },
        {
            content: "A step is changed from the timeline",
            trigger: ".o_form_saved .o_reactivation_edit_step:eq(1)",
            run: "click",
        },
        {
            trigger: ".modal [name=delay_days] input",
            run: "edit 14",
        },
        {
            trigger: ".modal .o_form_button_save",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal)) .o_reactivation_step:contains('Day 14')",
        },
    ],
});

/** A running campaign: what patients are on stays, a new version is used. */
registry.category("web_tour.tours").add("reactivation_version", {
    url: "/odoo/reactivation-campaigns",
    steps: () => [
        {
            trigger: ".o_kanban_record:contains('Version tour')",
            run: "click",
        },
        {
            trigger: "a[name=methods]",
            run: "click",
        },
        {
            content: "What the step has done is told",
            trigger: ".o_reactivation_step .o_reactivation_step_sent:contains('1 sent')",
        },
        {
            content: "The method is locked, and says what to do",
            trigger:
                ".o_reactivation_method_locked:contains('Patients are enrolled') button[name=action_new_version]",
            run: "click",
        },
        {
            content: "The copy is open",
            trigger: ".o_form_view [name=step_ids] .o_data_row:contains('E-mail 1') td[name=name]",
            run: "click",
        },
        {
            trigger: ".modal [name=delay_days] input",
            run: "edit 3",
        },
        {
            trigger: ".modal .o_form_button_save",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal)) .o_reactivation_step:contains('Day 3')",
        },
        {
            trigger: "button[name=action_use]",
            run: "click",
        },
        {
            trigger: ".modal:contains('Use it from now on?') .modal-footer .btn-primary",
            run: "click",
        },
        {
            content: "It is in use",
            trigger:
                "body:not(:has(.modal)) .o_statusbar_status .o_arrow_button_current:contains('In Use')",
        },
        {
            trigger: ".o_breadcrumb a:contains('Version tour')",
            run: "click",
        },
        {
            trigger: "a[name=methods]",
            run: "click",
        },
        {
            content: "The campaign shows the new one, without the old one",
            trigger:
                "[name=method_ids]:not(:has(.o_reactivation_method_locked)) .o_kanban_record:contains('Version 2') .o_reactivation_step:contains('Day 3')",
        },
    ],
});
