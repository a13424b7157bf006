import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

const CODE = "#o_reactivation_redeem_code";
const REFUSAL = ".o_reactivation_redeem_refusal";
const REDEEM = ".o_reactivation_redeem_button";

/** A scanner types the code and presses Enter. */
function scan(code) {
    return [
        { content: "The line waits for the scanner", trigger: `${CODE}:focus`, run: `edit ${code}` },
        { trigger: CODE, run: "press Enter" },
    ];
}

/** The codes are in the address: the browser knows them as a scanner does. */
function codes() {
    return Object.fromEntries(new URLSearchParams(window.location.search));
}

/** The front desk: four patients with a code, one of whom may use it. */
registry.category("web_tour.tours").add("reactivation_redeem", {
    steps: () => {
        const { ada, used, foreign } = codes();
        return [
            ...stepUtils.goToAppSteps(
                "patient_reactivation.reactivation_menu",
                "Open the app"
            ),
            {
                trigger: ".o_menu_sections [data-menu-xmlid='patient_reactivation.reactivation_redeem_menu']",
                run: "click",
            },
            ...scan("hello"),
            {
                content: "No code at all: what was typed is still there",
                trigger: `${REFUSAL}:contains('I cannot find this coupon')`,
            },
            { trigger: `${CODE}:value('hello')` },
            ...scan(used),
            { trigger: `${REFUSAL}:contains('has been used already')` },
            {
                content: "There is nothing to press",
                trigger: `.o_reactivation_redeem_coupon[data-state=redeemed]:not(:has(${REDEEM}))`,
            },
            ...scan(foreign),
            {
                content: "From the other clinic, which is named; the patient is not",
                trigger: `${REFUSAL}:contains('This coupon is from Lakeside Clinic'):not(:contains('Lena'))`,
            },
            { trigger: ".o_reactivation_redeem_page:not(:has(.o_reactivation_redeem_coupon))" },
            ...scan(ada.toLowerCase().replaceAll("-", " ")),
            {
                content: "Whose it is, what it gives, until when",
                trigger:
                    ".o_reactivation_redeem_coupon:contains('Ada Tour'):contains('20% off your visit'):contains('Valid until')",
            },
            {
                content: "Today's visit is paid by an insurance",
                trigger: "#o_reactivation_redeem_insured",
                run: "click",
            },
            { trigger: REDEEM, run: "click" },
            { trigger: `${REFUSAL}:contains('paid by your insurance')` },
            {
                content: "It is not, after all",
                trigger: "#o_reactivation_redeem_insured",
                run: "click",
            },
            { content: "By keyboard", trigger: REDEEM, run: "press alt+r" },
            {
                trigger: ".o_reactivation_redeem_done:contains('20% off your visit')",
            },
            { trigger: ".o_reactivation_redeem_page:not(:has(.o_reactivation_redeem_undo))" },
            ...scan(ada),
            {
                content: "The second time: a sentence to say aloud",
                trigger: `${REFUSAL}:contains('This coupon has been used already')`,
            },
            { trigger: ".o_reactivation_redeem_next", run: "click" },
            { trigger: ".o_reactivation_redeem_page:not(:has(.o_reactivation_redeem_coupon))" },
            { trigger: `${CODE}:focus` },
        ];
    },
});

/** Scanned, looked at, redeemed; and refused the second time. */
registry.category("web_tour.tours").add("reactivation_redeem_once", {
    steps: () => {
        const { ada } = codes();
        return [
            { trigger: ".o_reactivation_redeem" },
            ...scan(ada),
            { trigger: REDEEM, run: "click" },
            { trigger: ".o_reactivation_redeem_done" },
            ...scan(ada),
            { trigger: `${REFUSAL}:contains('This coupon has been used already')` },
        ];
    },
});

/** A manager takes the redemption back, and says why. */
registry.category("web_tour.tours").add("reactivation_redeem_undo", {
    steps: () => {
        const { ada } = codes();
        return [
            { trigger: ".o_reactivation_redeem" },
            ...scan(ada),
            { trigger: `${REFUSAL}:contains('has been used already')` },
            { trigger: ".o_reactivation_redeem_undo", run: "click" },
            {
                content: "Not without a reason",
                trigger: ".modal .o_reactivation_undo_confirm:disabled",
            },
            { trigger: ".modal #o_reactivation_undo_note", run: "edit The visit was canceled" },
            { trigger: ".modal .o_reactivation_undo_confirm:enabled", run: "click" },
            {
                content: "The coupon can be used again",
                trigger: ".o_reactivation_redeem_coupon[data-state=open]",
            },
            { trigger: REDEEM },
        ];
    },
});

/** From the patient: what may be used is offered first, the best one on top. */
registry.category("web_tour.tours").add("reactivation_redeem_patient", {
    steps: () => [
        { trigger: ".o_form_view:contains('Ada Tour')" },
        { trigger: "button[name=action_redeem_coupon]", run: "click" },
        { trigger: ".o_reactivation_redeem_choice:first:contains('50% off your visit')" },
        { trigger: ".o_reactivation_redeem_choice:eq(1):contains('20% off your visit')" },
        { trigger: ".o_reactivation_redeem_choice:first button", run: "click" },
        { trigger: REDEEM, run: "click" },
        { trigger: ".o_reactivation_redeem_done" },
        { trigger: ".o_reactivation_redeem_next", run: "click" },
        {
            content: "The other one stays",
            trigger:
                ".o_reactivation_redeem_choice:contains('20% off'):not(:contains('50% off'))",
        },
    ],
});
