import { registry } from "@web/core/registry";

const row = (name) => `.o_reactivation_matrix tr[data-segment='${name}']`;
const cell = (segment, method) => `${row(segment)} td[data-method='${method}']`;

/** A manager reads what works, uses it, takes it back, and looks at the patients. */
registry.category("web_tour.tours").add("reactivation_matrix", {
    url: "/odoo/reactivation-campaigns",
    steps: () => [
        {
            trigger: ".o_kanban_record:contains('Matrix tour')",
            run: "click",
        },
        {
            trigger: "button[name=action_open_matrix]",
            run: "click",
        },
        {
            content: "The campaign is chosen",
            trigger: ".o_reactivation_campaign_select option:checked:contains('Matrix tour'):not(:visible)",
        },
        {
            content: "The rate, of how many, and the lift with its interval",
            trigger: `${cell("Everybody", "Letters")}:contains('closed'):contains('points')`,
        },
        {
            trigger: `${cell("Everybody", "Letters")} .o_reactivation_line_band`,
        },
        {
            trigger: `${cell("Everybody", "Letters")} button[name=action_adopt]`,
            run: "click",
        },
        {
            trigger: `${cell("Everybody", "Letters")} .badge:contains('adopted')`,
        },
        {
            trigger: `${cell("Everybody", "Letters")} button[name=action_take_back]`,
            run: "click",
        },
        {
            trigger: `${cell("Everybody", "Letters")}:not(:has(.badge))`,
        },
        {
            content: "What keeps the figures from being taken at their word",
            trigger: ".o_reactivation_matrix_warnings:contains('Too few patients')",
        },
        {
            content: "Returned is another window",
            trigger: ".o_reactivation_matrix button[name=return]",
            run: "click",
        },
        {
            trigger: ".o_reactivation_matrix p:contains('Returned: a visit within 90 days')",
        },
        {
            content: "The patients behind a figure",
            trigger: `${cell("Everybody", "Control group")} .o_reactivation_matrix_open`,
            run: "click",
        },
        {
            trigger: ".o_last_breadcrumb_item:contains('Everybody · Control group')",
        },
        {
            trigger: ".o_kanban_record .badge:contains('Control')",
        },
        {
            content: "Back to the same matrix",
            trigger: ".o_breadcrumb a:contains('What Works')",
            run: "click",
        },
        {
            trigger: ".o_reactivation_campaign_select option:checked:contains('Matrix tour'):not(:visible)",
        },
    ],
});

/** On a phone each segment is a card; nothing is wider than the screen. */
registry.category("web_tour.tours").add("reactivation_matrix_phone", {
    url: "/odoo/reactivation-matrix",
    steps: () => [
        {
            trigger: `${cell("Everybody", "Letters")}:contains('points')`,
            run() {
                const page = document.querySelector(".o_reactivation_matrix");
                if (page.scrollWidth > page.clientWidth) {
                    throw new Error("The matrix is wider than the phone.");
                }
                const heading = getComputedStyle(
                    document.querySelector("td[data-method='Letters']"),
                    "::before"
                ).content;
                if (!heading.includes("Letters")) {
                    throw new Error("Nothing says whose cell it is.");
                }
            },
        },
        {
            trigger: `${cell("Everybody", "Letters")} button[name=action_refuse]`,
            run: "click",
        },
        {
            trigger: `${cell("Everybody", "Letters")}:not(:has(.badge))`,
        },
    ],
});
