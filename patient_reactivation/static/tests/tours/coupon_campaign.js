import { registry } from "@web/core/registry";

/** A new manager gives coupons that grow with inactivity, and looks before starting. */
registry.category("web_tour.tours").add("reactivation_coupon_campaign", {
    steps: () => [
        {
            trigger:
                ".o_kanban_record:contains('Win-back with coupons') button[name=action_use]",
            run: "click",
        },
        {
            trigger: ".o_form_view [name=segment_ids]:contains('Away for 6 to 12 months')",
        },
        {
            trigger: ".o_notebook .nav-link:contains('Offer')",
            run: "click",
        },
        {
            content: "The longer away, the more it gives",
            trigger:
                ".o_field_widget[name=offer_plan]:contains('6 to 12 months: 20% off your visit'):contains('12 months and more: 50% off your visit')",
        },
        {
            trigger: ".o_field_widget[name=coupon_budget] input",
            run: "edit 100",
        },
        {
            trigger: ".o_notebook .nav-link:contains('How')",
            run: "click",
        },
        {
            trigger: ".o_reactivation_methods_field:contains('Gives a coupon'):contains('Reminds of the coupon')",
        },
        {
            trigger: ".o_notebook .nav-link:contains('Measure')",
            run: "click",
        },
        {
            content: "A clinic of five patients needs no control group",
            trigger: ".o_field_widget[name=control_percent] input",
            run: "edit 0",
        },
        {
            trigger: "button[name=action_rehearse]",
            run: "click",
        },
        {
            content: "What this patient would get, or why not: the payer is known here",
            trigger: ".modal .o_reactivation_rehearsal:contains('With a coupon: 20% off your visit')",
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

/** What became of the coupons, and the unused ones of a stopped campaign. */
registry.category("web_tour.tours").add("reactivation_coupon_revoke", {
    steps: () => [
        {
            trigger: ".o-form-buttonbox .o_button_more",
            run: "click",
        },
        {
            trigger: "button[name=action_open_coupons]:contains('Coupons Used')",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row:contains('Ada Tour'):contains('Redeemed')",
        },
        {
            trigger: ".o_breadcrumb a:contains('Win-back'), .o_back_button",
            run: "click",
        },
        {
            trigger: "button[name=action_pause]",
            run: "click",
        },
        {
            trigger: "button[name=action_revoke_coupons]",
            run: "click",
        },
        {
            trigger: ".modal footer .btn-primary",
            run: "click",
        },
        {
            trigger: ".o_notification:contains('Unused coupons that were revoked: 2')",
        },
        {
            trigger: "body:not(:has(button[name=action_revoke_coupons])) .o_form_view",
        },
    ],
});
