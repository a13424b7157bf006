import re
from urllib.parse import parse_qs, urlencode, urlsplit

from odoo import http
from odoo.tests import HttpCase, tagged

from .common import MailClinicCase

CONFIRM = "/mailing/{mailing}/confirm_unsubscribe"
LEGACY = "/mailing/{mailing}/unsubscribe"
ONE_CLICK = "/mailing/{mailing}/unsubscribe_oneclick"
CONFIRM_POST = "/mailing/confirm_unsubscribe"

# Press the buttons of the page in a frame of a phone's size, as a person would.
TOUR = """
(async () => {
    const frame = document.createElement("iframe");
    frame.style = "position: fixed; inset: 0; width: 390px; height: 844px; border: 0";
    const loaded = () => new Promise((resolve) => {
        frame.addEventListener("load", resolve, { once: true });
    });
    const page = () => frame.contentDocument;
    const expect = (text) => {
        if (!page().body.innerText.includes(text)) {
            throw new Error(`no “${text}” in: ${page().body.innerText}`);
        }
        if (page().documentElement.scrollWidth > 390) {
            throw new Error(`too wide for a phone: ${text}`);
        }
    };
    const press = async (label) => {
        const buttons = [...page().querySelectorAll("button")];
        const button = buttons.find((item) => item.innerText.includes(label));
        if (!button || button.getBoundingClientRect().height < 44) {
            throw new Error(`no button “${label}” for a thumb`);
        }
        const done = loaded();
        button.click();
        await done;
    };
    let arrived = loaded();
    frame.src = %r;
    document.body.replaceChildren(frame);
    await arrived;
    expect("No more offers by e-mail from Elm Street Clinic?");
    await press("Stop offers by e-mail");
    expect("You will get no more offers by e-mail from Elm Street Clinic.");
    expect("Reminders about your care still come.");
    await press("Undo");
    expect("It is undone.");
    console.log("test successful");
})().catch((error) => console.error(error.message));
"""


@tagged("post_install", "-at_install")
class TestUnsubscribe(MailClinicCase, HttpCase):
    """The link of a step's e-mail, for everybody who may follow it."""

    browser_size = "390x844"
    touch_enabled = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clinic.phone = "+1 212-555-0100"
        cls.ada = cls.lapsed("Ada Lovelace")
        cls.consents = cls.env["reactivation.consent"]
        cls.consents._grant(cls.ada, cls.clinic, "mail", "offer", "form")
        cls.recall = cls.campaign(start=True, purpose="offer")
        cls.mailing = cls.recall.method_ids.step_ids.mailing_ids
        cls.sent = cls.recall.enrollment_ids
        cls.delivery = cls.deliver(cls.sent)

    @classmethod
    def deliver(cls, enrollment):
        """An e-mail of the first step that arrived."""
        return cls.env["reactivation.delivery"].create(
            {
                "enrollment_id": enrollment.id,
                "step_id": enrollment.method_id.step_ids[:1].id,
                "campaign_id": enrollment.campaign_id.id,
                "company_id": enrollment.company_id.id,
                "channel": "mail",
                "state": "sent",
                "recipient_id": enrollment.recipient_id.id,
            }
        )

    def setUp(self):
        super().setUp()
        self.before = self.consents.search([])
        self.blacklist = self.env["mail.blacklist"].with_context(active_test=False)
        self.listed = self.blacklist.search_count([])

    # --------------------------------------------------------------------- helpers

    def query(self, **changed):
        email = changed.pop("email", self.ada.email)
        document = changed.pop("document_id", self.sent.id)
        mailing = changed.pop("mailing", self.mailing)
        values = {
            "document_id": document,
            "email": email,
            "hash_token": mailing._generate_mailing_recipient_token(
                self.sent.id, self.ada.email
            ),
        }
        return {**values, **changed}

    def url(self, path, mailing=None, **changed):
        path = path.format(mailing=(mailing or self.mailing).id)
        return f"{path}?{urlencode(self.query(**changed))}"

    def get(self, path=CONFIRM, **changed):
        return self.url_open(self.url(path, **changed))

    def post(self, choice, path=CONFIRM, url=None, **changed):
        # Nobody's cookies: a mail program has none, and people may refuse them.
        self.opener.cookies.clear()
        data = {"choice": choice} if choice else {"List-Unsubscribe": "One-Click"}
        url = url or self.url(path, **changed)
        return self.url_open(url, data=data, allow_redirects=False)

    def words(self):
        """What was added to the ledger: (state, channel, purpose), oldest first."""
        self.env.invalidate_all()
        added = self.consents.search([]) - self.before
        return [
            (row.state, row.channel, row.purpose)
            for row in added.sorted(lambda r: r.id)
        ]

    def assertUnchanged(self):
        self.assertEqual(self.words(), [])
        self.assertEqual(self.blacklist.search_count([]), self.listed)
        self.assertFalse(self.env["reactivation.suppression"].search([]))

    def assertPrivate(self, response):
        """Nothing about the patient, nothing from elsewhere, kept by nobody."""
        for secret in ("Ada", "Lovelace", "@example.com", "ada.", "hash_token"):
            self.assertNotIn(secret, response.text)
        loaded = r"(?:src|href|action)\s*=\s*[\"'](?!data:|tel:)|url\(|@import"
        self.assertNotRegex(response.text, loaded)
        self.assertNotIn("<script", response.text)
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        self.assertEqual(response.headers["Referrer-Policy"], "no-referrer")
        self.assertIn("noindex", response.headers["X-Robots-Tag"])
        self.assertIn("default-src 'none'", response.headers["Content-Security-Policy"])

    # ------------------------------------------------------------------- one click

    def test_one_click_is_a_withdrawal(self):
        """E2, E3: no cookie, no redirect, at once, and not Odoo's own list."""
        answer = self.post(None, ONE_CLICK)
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(self.words(), [("withdrawn", "mail", "offer")])
        row = self.consents.search([], limit=1, order="id desc")
        self.assertRecordValues(
            row,
            [
                {
                    "partner_id": self.ada.id,
                    "company_id": self.clinic.id,
                    "source": "page",
                    "address": "ada.lovelace@example.com",
                    "user_id": False,
                }
            ],
        )
        self.assertEqual(self.blacklist.search_count([]), self.listed)
        outcomes = self.sent.outcome_ids.filtered(lambda o: o.kind == "unsubscribed")
        self.assertEqual(outcomes.delivery_id, self.delivery)

    def test_one_click_again_is_the_same_row(self):
        """A5"""
        for _time in range(3):
            self.assertEqual(self.post(None, ONE_CLICK).status_code, 200)
        self.assertEqual(len(self.words()), 1)
        outcomes = self.sent.outcome_ids.filtered(lambda o: o.kind == "unsubscribed")
        self.assertEqual(len(outcomes), 1)

    def test_no_get_ever_changes_anything(self):
        """G5: scanners and mail programs open every link."""
        for path in (CONFIRM, LEGACY, ONE_CLICK):
            for method in ("GET", "HEAD"):
                answer = self.url_open(self.url(path), method=method)
                self.assertLess(answer.status_code, 500)
                self.assertUnchanged()
            self.get(path, choice="stop_all")
            self.assertUnchanged()

    def test_the_old_address_asks_first(self):
        """G5"""
        answer = self.get(LEGACY)
        self.assertEqual(answer.status_code, 200)
        self.assertIn("No more offers by e-mail from Elm Street Clinic?", answer.text)
        self.assertUnchanged()
        self.post("stop", LEGACY)
        self.assertEqual(self.words(), [("withdrawn", "mail", "offer")])

    def test_odoos_own_form_is_a_withdrawal_too(self):
        """E2"""
        self.authenticate(None, None)
        self.post(
            None,
            url=CONFIRM_POST
            + "?"
            + urlencode({**self.query(), "mailing_id": self.mailing.id}),
        )
        self.assertUnchanged()  # without Odoo's csrf token
        self.authenticate(None, None)
        answer = self.url_open(
            CONFIRM_POST,
            data={
                **self.query(),
                "mailing_id": self.mailing.id,
                "csrf_token": http.Request.csrf_token(self),
            },
        )
        self.assertIn("You will get no more offers", answer.text)
        self.assertEqual(self.words(), [("withdrawn", "mail", "offer")])
        self.assertEqual(self.blacklist.search_count([]), self.listed)

    def test_nothing_follows_a_stop(self):
        """A3: said after the step was due, and before it was sent."""
        self.delivery.sudo().unlink()
        self.post(None, ONE_CLICK)
        self.run_crons()
        self.assertFalse(self.mails_to("ada.lovelace@example.com"))
        self.assertDeliveries(self.ada, [("skipped", "opted_out")])

    # -------------------------------------------------------------------- the page

    def test_page_says_what_stops_and_what_does_not(self):
        """E2, G8"""
        asked = self.get()
        self.assertIn("No more offers by e-mail from Elm Street Clinic?", asked.text)
        self.assertIn("Reminders about your care will still come.", asked.text)
        self.assertPrivate(asked)
        done = self.post("stop")
        self.assertIn(
            "You will get no more offers by e-mail from Elm Street Clinic.", done.text
        )
        self.assertIn("Reminders about your care still come.", done.text)
        self.assertPrivate(done)
        row = self.consents.search([], limit=1, order="id desc")
        self.assertIn("No more offers by e-mail from Elm Street Clinic?", row.text)
        self.assertIn("[Stop offers by e-mail]", row.text)

    def test_page_knows_what_was_said_before(self):
        self.post(None, ONE_CLICK)
        self.assertIn("You will get no more offers", self.get().text)

    def test_stop_everything_by_e_mail(self):
        self.post("stop")
        answer = self.post("stop_mail")
        self.assertIn("You will get no more e-mails", answer.text)
        self.assertEqual(
            self.words(), [("withdrawn", "mail", "offer"), ("withdrawn", "mail", "all")]
        )
        self.assertTrue(self.is_stopped("mail", "care"))
        self.assertFalse(self.is_stopped("call", "care"))
        self.assertIn("You will get no more e-mails", self.get().text)

    def test_do_not_contact_me_at_all(self):
        """H4: calls too."""
        answer = self.post("stop_all")
        self.assertIn("will not contact you any more", answer.text)
        self.assertEqual(self.words(), [("withdrawn", "all", "all")])
        for channel in ("mail", "sms", "call", "letter"):
            self.assertTrue(self.is_stopped(channel, "care"), channel)
        self.assertIn("will not contact you any more", self.get().text)

    def is_stopped(self, channel, purpose, partner=None):
        return self.consents._is_withdrawn(
            partner or self.ada,
            self.clinic,
            channel,
            purpose,
            [(partner or self.ada).email_normalized],
        )

    def test_undo_is_a_new_grant_of_the_person(self):
        """J6"""
        self.post("stop")
        self.assertTrue(self.is_stopped("mail", "offer"))
        answer = self.post("undo")
        self.assertIn("It is undone.", answer.text)
        self.assertPrivate(answer)
        self.assertEqual(
            self.words(), [("withdrawn", "mail", "offer"), ("granted", "mail", "offer")]
        )
        self.assertFalse(self.is_stopped("mail", "offer"))
        row = self.consents.search([], limit=1, order="id desc")
        self.assertEqual(row.source, "page")
        self.assertIn("offers included", row.text)
        # Pressed twice, and stopped again.
        self.post("undo")
        self.assertEqual(len(self.words()), 2)
        self.post("stop")
        self.assertEqual(self.words()[-1], ("withdrawn", "mail", "offer"))
        self.assertEqual(len(self.words()), 3)
        self.assertTrue(self.is_stopped("mail", "offer"))

    def test_undo_brings_e_mails_back_and_no_calls(self):
        """J6: the STOP of another day, by text, is not revived."""
        self.consents._withdraw(self.ada, self.clinic, "sms", "offer", "reply")
        self.later(hours=1)
        self.post("stop_all")
        self.later(hours=1)
        self.post("undo")
        for purpose in ("care", "service", "offer"):
            self.assertFalse(self.is_stopped("mail", purpose), purpose)
        self.assertTrue(self.is_stopped("sms", "offer"))
        self.assertTrue(self.is_stopped("call", "care"))

    def test_reminders_stop_with_everything_behind_them(self):
        self.recall.purpose = "care"
        asked = self.get().text
        self.assertIn("No more e-mails from Elm Street Clinic?", asked)
        self.assertIn("and so will news and offers", asked)
        answer = self.post("stop")
        self.assertIn(
            "no reminders about your care, and no news or offers", answer.text
        )
        self.assertIn("Do not contact me at all", answer.text)
        self.assertNotIn("Stop everything by e-mail", answer.text)
        self.assertTrue(self.is_stopped("mail", "offer"))
        # Undone, the reminders come back: offers were never asked for here.
        answer = self.post("undo")
        self.assertIn("News and offers stay stopped.", answer.text)
        self.assertFalse(self.is_stopped("mail", "care"))
        self.assertTrue(self.is_stopped("mail", "offer"))

    def test_news_stop_with_offers(self):
        self.recall.purpose = "service"
        answer = self.post("stop")
        self.assertIn("no more news and offers by e-mail", answer.text)
        self.assertFalse(self.is_stopped("mail", "care"))
        self.assertTrue(self.is_stopped("mail", "offer"))
        self.assertIn("Offers stay stopped.", self.post("undo").text)

    def test_unknown_choice_is_none(self):
        """F7"""
        for choice in ("x", "stop_all; DROP TABLE", "undo\0", "🙂"):
            self.assertEqual(self.post(choice).status_code, 200)
        self.assertUnchanged()

    def test_stop_covers_the_family_and_shows_nobody(self):
        """E4"""
        self.ada.email = "family@example.com"
        brother = self.lapsed("Brother", email="family@example.com")
        token = self.mailing._generate_mailing_recipient_token(
            self.sent.id, "family@example.com"
        )
        answer = self.post("stop", email="family@example.com", hash_token=token)
        self.assertPrivate(answer)
        self.assertNotIn("Brother", answer.text)
        self.assertTrue(self.is_stopped("mail", "offer", brother))

    def test_page_is_in_the_language_of_the_e_mail(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        # It was sent; its language does not change any more but by SQL.
        self.env.cr.execute(
            "UPDATE mailing_mailing SET reactivation_lang = 'fr_FR' WHERE id = %s",
            [self.mailing.id],
        )
        self.env.invalidate_all()
        self.assertIn('lang="fr-FR"', self.get().text)
        # Later the clinic does without that language: the page still works.
        self.env["res.lang"].search([("code", "=", "fr_FR")]).active = False
        self.assertEqual(self.get().status_code, 200)

    def test_name_of_the_clinic_is_text(self):
        """F1"""
        self.clinic.name = "<script>alert(1)</script>"
        self.assertNotIn("<script>", self.get().text)

    # ------------------------------------------------------------------- wrong links

    def test_wrong_links_get_the_same_answer(self):
        """G1"""
        good = self.query()["hash_token"]
        other = self.enrollment(self.ada)
        wrong = [
            {"hash_token": good[:-1]},
            {"hash_token": good + "0"},
            {"hash_token": good.upper()},
            {"hash_token": "0" * 128},
            {"hash_token": "é" * 128},
            {"hash_token": ""},
            {"email": "bob@example.com"},
            {"email": "Ada.Lovelace@example.com"},
            {"email": ""},
            {"document_id": other.id + 1},
            {"document_id": "abc"},
            {"document_id": "１"},
            {"document_id": "-1"},
            {"document_id": 10**30},
            {"document_id": ""},
        ]
        answers = set()
        for changed in wrong:
            for path in (CONFIRM, LEGACY):
                answer = self.get(path, **changed)
                answers.add((answer.status_code, answer.text))
                answer = self.post("stop_all", path, **changed)
                answers.add((answer.status_code, answer.text))
            answer = self.post(None, ONE_CLICK, **changed)
            answers.add((answer.status_code, answer.text))
        for number in (0, 999999, 2**31, 10**30):
            path = f"/mailing/{number}/confirm_unsubscribe?{urlencode(self.query())}"
            answer = self.url_open(path)
            answers.add((answer.status_code, answer.text))
        self.assertEqual(len(answers), 1, answers)
        ((status, text),) = answers
        self.assertEqual(status, 401)
        self.assertNotIn("Elm Street", text)
        self.assertUnchanged()

    def test_wrong_types_never_crash(self):
        """F7"""
        for path in (CONFIRM, LEGACY, ONE_CLICK):
            answer = self.url_open(
                path.format(mailing=self.mailing.id),
                data={"document_id": self.sent.id, "hash_token": "x"},
                files={"email": b"not a text"},
            )
            self.assertIn(answer.status_code, range(400, 500))
            answer = self.url_open(
                path.format(mailing=self.mailing.id), data={"x": "y"}
            )
            self.assertIn(answer.status_code, range(400, 500))
        self.authenticate(None, None)
        for number in ("abc", "", "-1", "٣", "9" * 40):
            answer = self.url_open(
                CONFIRM_POST,
                data={
                    **self.query(),
                    "mailing_id": number,
                    "csrf_token": http.Request.csrf_token(self),
                },
            )
            self.assertIn(answer.status_code, range(400, 500))
        self.assertUnchanged()

    def test_staff_need_the_link_too(self):
        """Odoo lets its own marketing users in without a token."""
        self.authenticate(self.manager.login, self.manager.login)
        answer = self.url_open(CONFIRM.format(mailing=self.mailing.id))
        self.assertEqual(answer.status_code, 401)
        self.assertUnchanged()

    # --------------------------------------------------------------------- for ever

    def test_works_for_ever(self):
        """E2, G2: years later, the campaign long over."""
        self.later(days=3650)
        self.assertEqual(self.post(None, ONE_CLICK).status_code, 200)
        self.assertEqual(self.words(), [("withdrawn", "mail", "offer")])

    def test_works_when_the_e_mail_was_deleted(self):
        """G2"""
        url = self.url(ONE_CLICK)
        self.env.cr.execute(
            "DELETE FROM mailing_mailing WHERE id = %s", [self.mailing.id]
        )
        self.env.invalidate_all()
        self.assertEqual(self.post(None, url=url).status_code, 200)
        self.assertEqual(self.words(), [("withdrawn", "mail", "offer")])

    def test_works_when_the_contact_was_deleted(self):
        """J8: the address stays suppressed, though nobody is known by it."""
        url = self.url(CONFIRM)
        self.ada.unlink()
        self.assertIn("No more e-mails from Elm Street", self.url_open(url).text)
        answer = self.post("stop", url=url)
        self.assertIn("You will get no more e-mails", answer.text)
        suppression = self.env["reactivation.suppression"].search(
            [("reason", "=", "complaint")]
        )
        self.assertEqual(
            suppression.address_hash,
            suppression._hash("mail", "ada.lovelace@example.com"),
        )
        self.assertEqual(self.post("undo", url=url).status_code, 200)

    def test_guardian_speaks_for_what_the_guardian_gets(self):
        """E5"""
        guardian = self.person("Guardian")
        child = self.lapsed(
            "Child", birth_date=self.days_ago(3650).date(), guardian_id=guardian.id
        )
        self.consents._grant(guardian, self.clinic, "mail", "offer", "form")
        self.refresh()
        self.env["reactivation.enrollment"]._cron_enroll()
        enrollment = self.enrollment(child)
        self.deliver(enrollment)
        token = self.mailing._generate_mailing_recipient_token(
            enrollment.id, guardian.email
        )
        self.post(
            "stop",
            document_id=enrollment.id,
            email=guardian.email,
            hash_token=token,
        )
        row = self.consents.search([], limit=1, order="id desc")
        self.assertEqual((row.partner_id, row.state), (guardian, "withdrawn"))

    # ------------------------------------------------------------------ other e-mails

    def test_other_e_mails_of_odoo_stay_as_they_are(self):
        newsletter = self.env["mailing.mailing"].create(
            {
                "subject": "News",
                "mailing_model_id": self.env["ir.model"]._get_id("res.partner"),
                "body_html": "<p>News</p>",
            }
        )
        token = newsletter._generate_mailing_recipient_token(
            self.ada.id, self.ada.email
        )
        values = {"document_id": self.ada.id, "hash_token": token}
        asked = self.get(mailing=newsletter, **values)
        self.assertEqual(asked.status_code, 200)
        self.assertNotIn("Elm Street", asked.text)
        answer = self.post(None, ONE_CLICK, mailing=newsletter, **values)
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(self.words(), [])
        self.assertEqual(self.blacklist.search_count([]), self.listed + 1)
        wrong = self.get(mailing=newsletter, **{**values, "document_id": "abc"})
        self.assertEqual(wrong.status_code, 401)

    # ---------------------------------------------------------------------- by hand

    def test_a_patient_stops_and_changes_her_mind_on_a_phone(self):
        """E2"""
        self.browser_js(
            "/web/health",
            TOUR % self.url(CONFIRM),
            ready="document.readyState === 'complete'",
        )
        self.assertEqual(
            self.words(), [("withdrawn", "mail", "offer"), ("granted", "mail", "offer")]
        )

    def test_the_link_in_the_e_mail_leads_there(self):
        """E2, E3"""
        self.delivery.sudo().unlink()
        self.run_crons()
        (mail,) = self.mails_to("ada.lovelace@example.com")
        link = re.search(r'href="([^"]*confirm_unsubscribe[^"]*)"', mail["body"])
        parts = urlsplit(link[1].replace("&amp;", "&"))
        self.assertEqual(
            parse_qs(parts.query)["document_id"], [str(self.sent.id)], link[1]
        )
        self.assertIn(
            "You will get no more offers",
            self.post("stop", url=f"{parts.path}?{parts.query}").text,
        )
        header = mail["headers"]["List-Unsubscribe"].strip("<>")
        parts = urlsplit(header)
        answer = self.post(None, url=f"{parts.path}?{parts.query}")
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(self.words(), [("withdrawn", "mail", "offer")])
