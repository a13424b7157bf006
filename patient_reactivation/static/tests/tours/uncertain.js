import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("reactivation_uncertain", {
    url: "/odoo/reactivation-campaigns",
    steps: () => [
        {
            trigger: ".o_reactivation_attention:contains('2')",
        },
        {
            content: "The campaign says how many need a hand",
            trigger:
                ".o_kanban_record:contains('Tour recall') .o_reactivation_attention",
            run: "click",
        },
        {
            trigger: ".o_searchview_facet:contains('To Look After')",
        },
        {
            trigger: ".o_data_row td[name=partner_id]:contains('Tara Toures')",
            run: "click",
        },
        {
            content: "What is known of it",
            trigger:
                ".o_form_view .alert:contains('Nobody knows whether this message arrived'):contains('Connection lost'):contains('tour-1@clinic')",
        },
        {
            content: "The mail server's log says that it took the message",
            trigger: ".o_form_view button[name=action_mark_sent]",
            run: "click",
        },
        {
            trigger: ".modal:contains('counts as sent') .btn-primary",
            run: "click",
        },
        {
            trigger:
                "body:not(:has(.modal)) .o_statusbar_status .o_arrow_button_current:contains('Sent')",
        },
        {
            trigger: ".o_breadcrumb a:contains('Deliveries')",
            run: "click",
        },
        {
            content: "It needs no hand any more",
            trigger:
                ".o_list_view:not(:has(.o_data_row:contains('Tara Toures'))) .o_data_row td[name=partner_id]:contains('Ugo Toures')",
            run: "click",
        },
        {
            content: "The other one did not arrive",
            trigger: ".o_form_view button[name=action_retry]:not(.btn-primary)",
            run: "click",
        },
        {
            trigger: ".modal:contains('it arrives twice') .btn-primary",
            run: "click",
        },
        {
            trigger:
                "body:not(:has(.modal)) .o_statusbar_status .o_arrow_button_current:contains('Waiting')",
        },
        {
            trigger: ".o_breadcrumb a:contains('Campaigns')",
            run: "click",
        },
        {
            content: "Nothing needs a hand any more",
            trigger:
                ".o_kanban_record:contains('Tour recall'):not(:has(.o_reactivation_attention))",
        },
    ],
});
