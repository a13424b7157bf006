import { registry } from "@web/core/registry";
import { user } from "@web/core/user";

/** The words of the page, in the language it is shown in. */
const WORDS = {
    en: {
        cost: "Cost",
        route: "Offer payment options",
        decide: "To Decide",
        known: "Told to staff",
        inForce: "In Force",
        until: "Reduced prices until",
        refusal: "say why",
    },
    fr: {
        cost: "Coût",
        route: "Proposer des options de paiement",
        decide: "À décider",
        known: "Dit au personnel",
        inForce: "En vigueur",
        until: "Tarifs réduits jusqu",
        refusal: "dites pourquoi",
    },
};

function words() {
    return WORDS[user.lang.slice(0, 2)] || WORDS.en;
}

/** The front desk notes on the patient why they stay away. */
registry.category("web_tour.tours").add("reactivation_reason", {
    steps: () => [
        {
            content: "The patient's own page",
            trigger: ".nav-link[name='reactivation_patient']",
            run: "click",
        },
        {
            trigger: ".o_field_widget[name='lapse_reason_id'] input",
            run: `edit ${words().cost}`,
        },
        {
            trigger: `.o_field_widget[name='lapse_reason_id'] .ui-menu-item a:contains('${words().cost}'):not(:contains('…'))`,
            run: "click",
        },
        { trigger: ".o_form_button_save:enabled", run: "click" },
        {
            content: "How the clinic knows is said beside it",
            trigger: `.o_field_widget[name='lapse_reason_text']:contains('${words().known}')`,
        },
        { trigger: ".o_form_saved" },
    ],
});

/** What follows from it: found in the list, done on the patient. */
registry.category("web_tour.tours").add("reactivation_follow_up", {
    steps: () => [
        {
            content: "In the column of what is to be done",
            trigger: `.o_kanban_group:contains('${words().route}') .o_kanban_record:contains('Ada Tour')`,
            run: "click",
        },
        {
            content: "The task is on the patient",
            trigger: `.o-mail-Activity:contains('${words().route}')`,
        },
        {
            trigger: ".o-mail-Activity-markDone",
            run: "click",
        },
        {
            trigger: ".o-mail-ActivityMarkAsDone textarea",
            run: "edit Will pay in parts",
        },
        {
            trigger: ".o-mail-ActivityMarkAsDone button[aria-label]",
            run: "click",
        },
        { trigger: ".o-mail-Chatter:not(:has(.o-mail-Activity))" },
    ],
});

/** Who decides: a refusal needs a note; approved prices are in force. */
registry.category("web_tour.tours").add("reactivation_payment_help", {
    steps: () => [
        {
            trigger: `.o_kanban_group:contains('${words().decide}') .o_kanban_record:contains('Ada Tour')`,
            run: "click",
        },
        {
            content: "Household and income, for who decides",
            trigger: ".o_field_widget[name='household_size'] input:value('2')",
        },
        { trigger: "button[name='action_refuse']", run: "click" },
        {
            content: "Nothing is refused without a word why",
            trigger: `.modal:contains('${words().refusal}') .modal-footer .btn-primary`,
            run: "click",
        },
        {
            trigger: ".o_field_widget[name='note'] textarea",
            run: "edit Papers seen",
        },
        { trigger: "button[name='action_approve']", run: "click" },
        { trigger: `.ribbon:contains('${words().inForce}')` },
        {
            content: "The patient was told",
            trigger: ".o_field_widget[name='told_on']",
        },
    ],
});

/** Who does not decide sees the request, and nothing of the household. */
registry.category("web_tour.tours").add("reactivation_payment_no_figures", {
    steps: () => [
        { trigger: ".o_form_view .o_field_widget[name='partner_id']:contains('Ada Tour')" },
        {
            trigger:
                ".o_form_view:not(:has([name='household_size'])):not(:has([name='bracket_id'])):not(:has([name='note'])):not(:has([name='pricelist_id'])):not(:has([name='action_approve']))",
        },
    ],
});
