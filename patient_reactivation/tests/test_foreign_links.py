"""The text of a message holds what patients wrote: it opens nobody else's pages."""

from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import config
from odoo.tools.misc import hmac

from ..tools.links import COUPON_PATH, SURVEY_PATH
from .test_payment_help import PaymentClinic

PAYMENT_PATH = "/reactivation/payment/"
# What a contact tells only to those who work with patients.
PRIVATE = (
    "payment_help",
    "recommendation",
    "lapse_reason_text",
    "payer_class",
    "coverage_ends",
    "coverage_end_noted",
)


@tagged("post_install", "-at_install")
class TestForeignLinks(PaymentClinic):
    def named(self, path, record):
        """A patient whose name is the page of somebody else, and who is written to.

        :return: the e-mail
        """
        name = f"{path}{record.id}"
        self.lapsed(name, email="mallory@example.com", payer_class="cash")
        campaign = self.survey_campaign(name="Other", reward=self.twenty)
        for mailing in campaign.method_ids.step_ids.mailing_ids:
            mailing.body_html = mailing.body_html.replace(
                "</p>", f"{name} <t t-out='object.partner_id.name'/></p>", 1
            )
        self.start(campaign)
        self.run_crons()
        [mail] = self.mails_to("mallory@example.com")
        return mail

    def assertOpensOnly(self, mail, partner):
        """All secrets in an e-mail are this patient's own."""
        tokens = self.env["reactivation.token"]
        found = 0
        for word in (mail["body"] + mail["body_alternative"]).replace('"', " ").split():
            for path, field in (
                (COUPON_PATH, "coupon_id"),
                (SURVEY_PATH, "feedback_id"),
                (PAYMENT_PATH, "payment_request_id"),
            ):
                secret = word.partition(path)[2].partition("<")[0].strip(")]")
                if secret and (record := tokens._find(secret, field)):
                    self.assertEqual(record.partner_id, partner)
                    found += 1
        return found

    def test_name_is_the_page_of_a_survey(self):
        """G4: whoever is called /reactivation/survey/17 gets their own survey in the
        e-mail, and the number of the other one as the text it is."""
        theirs = self.asked()
        mail = self.named(SURVEY_PATH, theirs)
        self.assertNotIn(self.link_of(theirs), mail["body"])
        self.assertNotIn(self.link_of(theirs), mail["body_alternative"])
        self.assertIn(f"{SURVEY_PATH}{theirs.id}", mail["body_alternative"])
        mallory = self.env["res.partner"].search([("email", "like", "mallory")])
        self.assertTrue(self.assertOpensOnly(mail, mallory))

    def test_name_is_the_page_of_a_coupon(self):
        """G4, G9: no new secret of somebody else's coupon is made either."""
        ada = self.lapsed("Ada Marlow", payer_class="cash")
        coupon = self.coupons._grant(self.clinic, ada, self.twenty, "page")[ada][0]
        mail = self.named(COUPON_PATH, coupon)
        self.assertIn(f"{COUPON_PATH}{coupon.id}", mail["body_alternative"])
        tokens = self.env["reactivation.token"]
        self.assertFalse(tokens.search([("coupon_id", "=", coupon.id)]))
        mallory = self.env["res.partner"].search([("email", "like", "mallory")])
        self.assertTrue(self.assertOpensOnly(mail, mallory))

    def test_name_is_the_page_of_a_request(self):
        """G4: forms for payment help are in no e-mail of a campaign at all."""
        request = self.ask()
        mail = self.named(PAYMENT_PATH, request)
        self.assertNotIn(request._form_link(), mail["body"])
        self.assertIn(f"{PAYMENT_PATH}{request.id}", mail["body_alternative"])

    def test_each_of_a_batch_gets_their_own(self):
        """G4: in one batch with the other patient, who is written to as well."""
        ada = self.lapsed("Ada Marlow", payer_class="cash")
        campaign = self.survey_campaign()
        number = (self.feedback.search([], limit=1, order="id desc").id or 0) + 1
        bea = self.lapsed(f"{SURVEY_PATH}{number}", email="bea@example.com")
        cleo = self.lapsed(f"{SURVEY_PATH}{number + 1}", email="cleo@example.com")
        self.start(campaign)
        self.run_crons()
        for partner in (ada, bea, cleo):
            with self.subTest(partner.email):
                [mail] = self.mails_to(partner.email)
                self.assertIn(self.link_of(self.feedback_of(partner)), mail["body"])
                self.assertTrue(self.assertOpensOnly(mail, partner))

    def test_letter_prints_a_name_as_it_is(self):
        """G4: letters know no numbers in the place of secrets."""
        theirs = self.asked()
        partner = self.lapsed(
            f"{SURVEY_PATH}{theirs.id}",
            street="2 Side Street",
            city="New York",
            zip="10001",
            country_id=self.env.ref("base.us").id,
        )
        campaign = self.step_campaign("letter", letter_body="<p>Dear {name},</p>")
        self.start(campaign)
        self.run_crons()
        delivery = self.enrollment(partner, campaign).delivery_ids
        page = self.env["reactivation.channel.letter"]._page(delivery)
        self.assertNotIn(self.link_of(theirs), str(page))


@tagged("post_install", "-at_install")
class TestServerKey(PaymentClinic):
    """G12: with a key in the server's configuration a dump opens no page."""

    def with_key(self, key="a long random text"):
        changed = patch.dict(config.options, {"reactivation_link_key": key})
        changed.start()
        self.addCleanup(changed.stop)

    def of_a_dump(self, record):
        """The secret as it can be made of the database alone."""
        return hmac(self.env(su=True), "reactivation", (record._name, record.id))

    def test_dump_does_not_tell(self):
        self.with_key()
        feedback, request = self.asked(), self.ask("Bea Hill")
        tokens = self.env["reactivation.token"]
        self.assertFalse(tokens._find(self.of_a_dump(feedback), "feedback_id"))
        self.assertFalse(tokens._find(self.of_a_dump(request), "payment_request_id"))
        [mail] = self.mails_to("ada.marlow@example.com")
        self.assertIn(self.link_of(feedback), mail["body"])
        secret = self.link_of(feedback).rpartition("/")[2]
        self.assertEqual(tokens._find(secret, "feedback_id"), feedback)

    def test_links_of_before_go_on(self):
        """A key that is given later breaks no link in an e-mail, on paper or on a
        page."""
        feedback = self.asked()
        before = self.link_of(feedback)
        self.with_key()
        self.assertEqual(self.link_of(feedback), before)
        self.env["reactivation.token"]._ensure(
            "feedback_id", feedback, feedback.deadline
        )
        self.assertEqual(self.link_of(feedback), before)

    def test_another_key(self):
        """Links that are out go on; a new message has one that opens."""
        self.with_key()
        feedback = self.asked()
        tokens = self.env["reactivation.token"]
        before = self.link_of(feedback).rpartition("/")[2]
        self.with_key("another long random text")
        tokens._ensure("feedback_id", feedback, feedback.deadline)
        after = self.link_of(feedback).rpartition("/")[2]
        self.assertNotEqual(after, before)
        for secret in (before, after):
            self.assertEqual(tokens._find(secret, "feedback_id"), feedback)


@tagged("post_install", "-at_install")
class TestPrivateFacts(PaymentClinic):
    """I3: what a patient said is read by staff of the clinic only."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ada = cls.lapsed("Ada Marlow", payer_class="private")
        cls.ada.coverage_ends = "2030-01-01"
        cls.refresh()
        row = cls.patients.search([("partner_id", "=", cls.ada.id)])
        row._set_reason(cls.reason["cost"], "staff")
        row.write({"nps": 2, "nps_kind": "detractor", "nps_on": "2026-01-01"})

    def setUp(self):
        super().setUp()
        request = self.requests._ask(self.ada, self.clinic, "desk")[self.ada]
        request._submit("2", self.scale.bracket_ids[0].id)

    def test_desk_reads_them(self):
        [values] = self.as_user(self.desk, self.ada).read(PRIVATE)
        self.assertEqual(values["payer_class"], "private")
        self.assertIn("Told to staff", values["lapse_reason_text"])
        self.assertIn("2 of 10", values["recommendation"])
        self.assertEqual(values["payment_help"], "To Decide")

    def test_nobody_else_does(self):
        """A plain internal user, and the patient in the portal: by reading, searching,
        grouping, or asking for the fields."""
        plain = self._staff("plain", self.clinic, [(6, 0, self.clinic.ids)])
        portal = new_test_user(self.env, "ada_portal", groups="base.group_portal")
        portal.partner_id.parent_id = self.ada.id
        for user in (plain, portal):
            theirs = self.as_user(user, self.ada)
            people = theirs.browse()
            for name in PRIVATE:
                with self.subTest(user=user.login, field=name):
                    with self.assertRaises(AccessError):
                        theirs.read([name])
                    self.assertNotIn(name, people.fields_get())
            with self.subTest(user.login), self.assertRaises(AccessError):
                people.search([("payer_class", "=", "private")])
            with self.subTest(user.login), self.assertRaises(AccessError):
                people.formatted_read_group([], ["payer_class"], ["__count"])

    def test_everybody_enters_contacts(self):
        """Whoever may not read the payer still makes a contact, with its default."""
        plain = self._staff(
            "sales",
            self.clinic,
            [(6, 0, self.clinic.ids)],
            "base.group_user,base.group_partner_manager",
        )
        people = self.as_user(plain, self.env["res.partner"])
        bob = people.create({"name": "Bob", "email": "bob@example.com"})
        bob.name = "Bob Marlow"
        self.assertEqual(bob.sudo().payer_class, "unknown")
        with self.assertRaises(AccessError):
            bob.read(["payer_class"])

    def test_not_of_the_other_clinic(self):
        """H5: a manager of the other clinic learns nothing of ours."""
        [values] = self.as_user(self.stranger(), self.ada).read(
            ["payment_help", "recommendation", "lapse_reason_text"]
        )
        self.assertFalse(any(values[name] for name in PRIVATE[:3]))
