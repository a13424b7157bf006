import { registry } from "@web/core/registry";

const page = ".o_reactivation_dashboard_page";

/** The owner reads a month, goes back one, and looks at what is behind a figure. */
registry.category("web_tour.tours").add("reactivation_dashboard", {
    url: "/odoo/reactivation-dashboard",
    steps: () => [
        {
            content: "Names are text, also those that look like something else",
            trigger: `${page} [data-segment]:contains('<script>'):contains('All are being tried')`,
        },
        {
            trigger: `${page} [data-rate=return]:contains('40'):contains('of 40'):contains('20.0 points')`,
        },
        {
            trigger: `${page} button[name=enrolled]:contains('6')`,
        },
        {
            content: "The rules have answered, too",
            trigger: `${page} button[name=no_contact]:contains('No address or number'):contains('6')`,
        },
        {
            trigger: `${page} button[name=before]`,
            run: "click",
        },
        {
            trigger: `${page} button[name=enrolled]:contains('month before: 6'):contains('9')`,
            run: "click",
        },
        {
            content: "Those nine, as the list of enrollments shows them",
            trigger: ".o_control_panel:contains('Enrolled ·')",
        },
        {
            content: "Back to the page, in the month it was left",
            trigger: ".o_back_button a, .breadcrumb-item a:contains('Overview')",
            run: "click",
        },
        {
            trigger: `${page} button[name=enrolled]:contains('month before: 6')`,
        },
        {
            trigger: `${page} .o_reactivation_dashboard_words summary`,
            run: "click",
        },
        {
            trigger: `${page} .o_reactivation_dashboard_words[open]:contains('Loyalty window')`,
        },
    ],
});

/** On the phone nothing is cut off, and the page is as wide as the screen. */
registry.category("web_tour.tours").add("reactivation_dashboard_phone", {
    url: "/odoo/reactivation-dashboard",
    steps: () => [
        {
            trigger: `${page} button[name=no_contact]`,
        },
        {
            trigger: `${page} .o_reactivation_dashboard_words summary`,
            run: "click",
        },
        {
            trigger: `${page} .o_reactivation_dashboard_words[open] dd`,
            run() {
                const parts = document.querySelectorAll(
                    `${page} button, ${page} td, ${page} dd, ${page} h2`
                );
                for (const part of parts) {
                    if (part.getBoundingClientRect().right > window.innerWidth + 1) {
                        throw new Error(`Cut off: ${part.innerText}`);
                    }
                }
            },
        },
    ],
});

/** A clinic that has only just begun is told what comes first. */
registry.category("web_tour.tours").add("reactivation_dashboard_new", {
    url: "/odoo/reactivation-dashboard",
    steps: () => [
        {
            trigger: ".o_reactivation_dashboard_new:contains('No campaign has begun yet')",
        },
        {
            trigger: ".o_reactivation_dashboard_new button[name=guide]",
            run: "click",
        },
        {
            trigger: ".o_reactivation_guide",
        },
    ],
});
