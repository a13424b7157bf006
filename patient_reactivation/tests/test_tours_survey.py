"""Surveys as people meet them: on a phone, and at the desk; in English and French."""

from datetime import datetime, timedelta

from freezegun import freeze_time

from odoo.fields import Command
from odoo.tests import tagged

from .common import ANY_HOUR, TourCase, stay_in_transaction

WORDS = {
    "en_US": {
        "asked": "may we ask you something?",
        "start": "Start",
        "title": "Your visits with us",
        "cost": "It costs too much",
        "help": "Yes, tell me what is possible",
        "thanks": "Thank you!",
        "page": "Go to your page",
        "done": "Your answers have reached us.",
        "coupon": "Show my coupon",
        "form": "Ask for help with the cost",
        "next": "Continue",
        "send": "Send",
        "sent": "We have what we need",
        "wrong": "must be between 1 and 20",
    },
    "fr_FR": {
        "asked": "pouvons-nous vous poser quelques questions",
        "start": "Démarrer",
        "title": "Vos visites chez nous",
        "cost": "C'est trop cher",
        "help": "Oui, dites-moi ce qui est possible",
        "thanks": "Merci !",
        "page": "Aller à votre page",
        "done": "Vos réponses nous sont parvenues.",
        "coupon": "Voir mon bon",
        "form": "Demander une aide pour le coût",
        "next": "Continuer",
        "send": "Envoyer",
        "sent": "Nous avons ce qu'il nous faut",
        "wrong": "doit être entre 1 et 20",
    },
}

# What a person does, in a frame of a phone's size: nothing is wider than it, and every
# button is large enough for a thumb.
PHONE = """
(async () => {
    const began = performance.now();
    const words = %(words)s;
    const frame = document.createElement("iframe");
    frame.style = "position: fixed; inset: 0; width: 390px; height: 844px; border: 0";
    const page = () => frame.contentDocument;
    const plain = (text) => text.replace(/[\\u00a0\\u202f]/g, " ");
    const wait = async (what, test) => {
        for (let turn = 0; turn < 300; turn++) {
            try {
                const found = page()?.body && test();
                if (found) return found;
            } catch (error) {}
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
        throw new Error(`${what}: ${plain(page().body.innerText).slice(0, 900)}`);
    };
    const see = async (text) => {
        await wait(`no “${text}” in`, () =>
            plain(page().body.innerText).includes(text));
        await wait(`too wide for a phone: ${text}`, () =>
            page().documentElement.scrollWidth <= 390);
    };
    const find = (selector, text) =>
        [...page().querySelectorAll(selector)].find(
            (node) => plain(node.innerText || "").trim().includes(text)
        );
    const press = async (text, selector = "button, a, label") => {
        const node = await wait(`no “${text}” to press in`, () => {
            const found = find(selector, text);
            return found && !found.classList.contains("disabled") && found;
        });
        if (node.getBoundingClientRect().height < 30) {
            throw new Error(`too small for a thumb: ${text}`);
        }
        node.click();
    };
    frame.src = %(address)r;
    document.body.replaceChildren(frame);
    %(story)s
    if (performance.now() - began > 120000) {
        throw new Error("longer than two minutes");
    }
    console.log("test successful");
})().catch((error) => console.error(error.message));
"""

# What a program does that checks links: waits, scrolls, moves the mouse, follows what
# can be followed without sending anything.
SCANNER = """
    await see(words.asked);
    for (const kind of ["mousemove", "scroll", "focus", "visibilitychange"]) {
        page().dispatchEvent(new Event(kind, { bubbles: true }));
        page().defaultView.dispatchEvent(new Event(kind));
    }
    if (page().scripts.length) throw new Error("the page has scripts");
    for (const link of page().querySelectorAll("a[href]")) {
        await fetch(link.href).catch(() => {});
    }
    for (const form of page().forms) await fetch(form.action || frame.src);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await see(words.asked);
"""

SURVEY = """
    await see(words.asked);
    await press(words.start);
    await see(words.title);
    await press("9", "label.o_survey_choice_btn");
    const text = page().querySelectorAll("textarea")[1];
    text.value = "Two hours in the waiting room";
    text.dispatchEvent(new Event("change", { bubbles: true }));
    (await wait("no next page", () =>
        page().querySelector("button[type=submit][value=next]:not(.disabled)"))).click();
    await press(words.cost, "label");
    await press(words.help, "label");
    (await wait("no end", () =>
        page().querySelector("button[type=submit][value=finish]:not(.disabled)"))).click();
    (await wait("no question whether to send", () =>
        page().querySelector(".modal footer .btn-primary"))).click();
    await see(words.thanks);
    await press(words.page);
    await see(words.done);
"""

THANKS = """
    await see(words.done);
    await wait("no coupon", () => find("a", words.coupon));
    await press(words.form);
    await wait("no household", () => page().querySelector("#people"));
    page().querySelector("#people").value = "4";
    await press(words.next);
    await see("64,300".replace(",", words.separator));
    page().querySelectorAll("input[name=band]")[0].click();
    await press(words.send);
    await see(words.sent);
"""


class SurveyTours(TourCase):
    clinic_values = {**ANY_HOUR, "phone": "+1 212-555-0100"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        stay_in_transaction(cls)
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.manager = cls.staff("tour_manager")
        cls.decider = cls.staff("tour_decider", "payment", "base.group_partner_manager")
        cls.desk = cls.staff("tour_desk", "user", "base.group_partner_manager")
        cls.clinic.reactivation_follow_up_user_id = cls.desk
        cls.half = cls.env["product.pricelist"].create(
            {"name": "Half the fee", "company_id": cls.clinic.id, "sequence": 90}
        )
        cls.env["reactivation.payment.option"].create(
            {
                "name": "Prices by income",
                "kind": "scale",
                "company_id": cls.clinic.id,
                "scale_ids": [
                    Command.create(
                        {
                            "date_from": "2025-01-01",
                            "first_person": 15650,
                            "further_person": 5500,
                            "bracket_ids": [
                                Command.create(
                                    {
                                        "percent_from": 0,
                                        "percent_to": 200,
                                        "fee": "percent",
                                        "value": 50,
                                        "pricelist_id": cls.half.id,
                                    }
                                )
                            ],
                        }
                    )
                ],
            }
        )
        cls.feedback = cls.env["reactivation.feedback"]

    @classmethod
    def asked(cls, name, lang):
        """:return: the feedback row of a patient who got the ready campaign's e-mail"""
        partner = cls.patient(name, payer_class="cash", email="ada@tour.example")
        partner.lang = lang
        cls.env["reactivation.patient"]._refresh()
        template = cls.env.ref("patient_reactivation.campaign_template_survey")
        campaign = template.with_company(cls.clinic)._create_campaign(cls.clinic)
        campaign.write({"user_id": cls.manager.id, "control_percent": 0})
        campaign.method_ids[1].weight = 0
        # At noon in New York, on a working day, whenever the test runs.
        noon = datetime.now().replace(hour=17, minute=0)
        noon -= timedelta(days=max(noon.weekday() - 4, 0))
        with freeze_time(noon):
            campaign.action_start()
            deliveries = cls.env["reactivation.delivery"]
            deliveries._schedule_due()
            claimed, _decided = deliveries._claim(10)
            claimed.write({"state": "sent"})
        return cls.feedback.search([("partner_id", "=", partner.id)])

    def on_the_phone(self, address, story, lang, **more):
        path = "/reactivation/" + address.partition("/reactivation/")[2]
        words = {**WORDS[lang], "separator": "\u202f" if lang == "fr_FR" else ","}
        words |= more
        plain = {key: text.replace("\u202f", " ") for key, text in words.items()}
        self.browser_js(
            "/web/login", PHONE % {"words": plain, "address": path, "story": story}
        )


@tagged("post_install", "-at_install")
class TestToursSurvey(SurveyTours):
    browser_size = "390x844"
    touch_enabled = True

    def from_the_link_to_the_form(self, lang):
        feedback = self.asked("Ada Tour", lang)
        [link] = feedback._links().values()
        self.on_the_phone(link, SURVEY, lang)
        self.env.invalidate_all()
        self.assertEqual(feedback.state, "answered")
        self.feedback._process()
        self.env["reactivation.route"]._cron_open()
        self.assertEqual(feedback.reason_id.code, "cost")
        self.assertEqual(feedback.nps, 9)
        self.assertTrue(feedback.coupon_id)
        self.on_the_phone(link, THANKS, lang)
        self.env.invalidate_all()
        [request] = self.env["reactivation.payment.request"].search(
            [("partner_id", "=", feedback.partner_id.id)]
        )
        self.assertEqual((request.state, request.household_size), ("submitted", 4))

    def test_scanner_that_runs_scripts(self):
        """G6: a program that opens the link in a browser, runs what it finds there and
        moves about like a person, begins nothing."""
        feedback = self.asked("Ada Tour", "en_US")
        [link] = feedback._links().values()
        before = self.env["survey.user_input"].search_count([])
        self.on_the_phone(link, SCANNER, "en_US")
        self.env.invalidate_all()
        self.assertEqual(feedback.state, "invited")
        self.assertFalse(feedback.user_input_id)
        self.assertEqual(self.env["survey.user_input"].search_count([]), before)

    def test_invitation_to_thanks(self):
        """On a phone, in less than two minutes."""
        self.from_the_link_to_the_form("en_US")

    def test_invitation_to_thanks_in_french(self):
        self.from_the_link_to_the_form("fr_FR")


@tagged("post_install", "-at_install")
class TestToursFollowUp(SurveyTours):
    def story(self, lang):
        """The desk notes the reason, finds the task that follows, and does it; who
        decides approves a request, whose prices hold."""
        for user in (self.desk, self.decider, self.manager):
            user.lang = lang
        ada = self.patient("Ada Tour", payer_class="cash", email="ada@tour.example")
        self.env["reactivation.patient"]._refresh()
        self.start_tour(
            f"/odoo/contacts/{ada.id}", "reactivation_reason", login=self.desk.login
        )
        self.env["reactivation.route"]._cron_open()
        route = self.env["reactivation.route"].search([("partner_id", "=", ada.id)])
        self.assertEqual(route.reason_id.code, "cost")
        self.assertEqual(route.activity_id.user_id, self.desk)
        self.start_tour(
            "/odoo/reactivation-follow-ups",
            "reactivation_follow_up",
            login=self.desk.login,
        )
        self.assertEqual(route.state, "done")
        requests = self.env["reactivation.payment.request"]
        request = requests._ask(ada, self.clinic, "desk")[ada]
        bracket = request.scale_id.bracket_ids
        request._submit("2", bracket.id)
        self.start_tour(
            "/odoo/reactivation-payment-help",
            "reactivation_payment_help",
            login=self.decider.login,
        )
        self.assertEqual(request.state, "approved")
        self.assertTrue(request.is_in_force)
        ada.invalidate_recordset()
        prices = ada.with_company(self.clinic).property_product_pricelist
        self.assertEqual(prices, self.half)

    def test_desk(self):
        self.story("en_US")

    def test_desk_in_french(self):
        self.story("fr_FR")

    def test_desk_sees_no_figures(self):
        """The front desk opens a request and finds no household and no income, in
        English and in French."""
        ada = self.patient("Ada Tour", payer_class="cash")
        self.env["reactivation.patient"]._refresh()
        requests = self.env["reactivation.payment.request"]
        request = requests._ask(ada, self.clinic, "desk")[ada]
        request._submit("2", request.scale_id.bracket_ids.id)
        for lang in ("en_US", "fr_FR"):
            self.desk.lang = lang
            self.start_tour(
                f"/odoo/reactivation-payment-help/{request.id}",
                "reactivation_payment_no_figures",
                login=self.desk.login,
            )
