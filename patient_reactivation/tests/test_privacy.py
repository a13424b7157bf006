import base64
import io
import json
import zipfile

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import HttpCase, tagged
from odoo.tools import SQL

from ..models import reactivation_privacy_retention
from .common import Clinic, MailClinicCase

NAME, EMAIL, PHONE = "Adelheid Quintessa", "adelheid.q@example.com", "+1 212 555 0171"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"

# A picture of one pixel.
PIXEL = base64.b64encode(
    base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
        "awAAAABJRU5ErkJggg=="
    )
)


class PrivacyCase(MailClinicCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.privacy = cls.env["reactivation.privacy"]
        cls.consents = cls.env["reactivation.consent"]

    @classmethod
    def patient(cls, name=NAME, **values):
        """Somebody with as much on record as there can be."""
        values.setdefault("email", EMAIL)
        return cls.lapsed(
            name,
            phone=PHONE,
            country_id=cls.env.ref("base.us").id,
            street="17 Elm Street",
            city="Springfield",
            ref="P-4711",
            vat="123456789",
            comment=f"<p>{name} is afraid of needles</p>",
            birth_date="1970-01-02",
            state_id=cls.env.ref("base.state_us_27").id,
            image_1920=PIXEL,
            category_id=[Command.create({"name": "VIP"})],
            **values,
        )

    def story(self, partner, campaign):
        """One step sent and answered, the next one waits, a task is open."""
        self.run_crons()
        enrollment = self.enrollment(partner, campaign)
        enrollment.message_post(
            body=f"I am {partner.name}, my knee still hurts.",
            author_id=partner.id,
            email_from=partner.email,
            message_type="email",
            attachments=[("knee.txt", b"a picture of a knee")],
        )
        self.activity(enrollment, f"Call {partner.name}")
        self.activity(partner, f"Send {partner.name} a card")
        partner.message_post(body=f"{partner.name} moved.")
        self.consents._grant(partner, self.clinic, "mail", "offer", "form")
        trace = self.env["mailing.trace"].search(
            [("reactivation_delivery_id", "in", enrollment.delivery_ids.ids)]
        )
        link = self.env["link.tracker"].create(
            {"url": "https://example.com/book", "title": "Book"}
        )
        self.env["link.tracker.click"].create(
            {"link_id": link.id, "ip": "192.0.2.77", "mailing_trace_id": trace.id}
        )
        self.run_day(7)
        return enrollment

    def activity(self, record, summary):
        return self.env["mail.activity"].create(
            {
                "res_model_id": self.env["ir.model"]._get_id(record._name),
                "res_id": record.id,
                "summary": summary,
                "user_id": self.manager.id,
            }
        )

    def erase(self, partner, user=None, reason="Asked by letter"):
        wizard = self.as_user(user or self.manager, self.env["reactivation.erase"])
        wizard = wizard.create(
            {"partner_id": partner.id, "reason": reason, "is_understood": True}
        )
        wizard.action_erase()
        self.env.invalidate_all()

    def results(self, campaign):
        """Every number a report shows."""
        self.env.flush_all()
        self.env.invalidate_all()
        names = [
            "enrolled_count",
            "contacted_count",
            "booked_count",
            "returned_count",
            "won_back_count",
            "return_rate",
            "win_back_rate",
        ]
        totals = self.env["reactivation.runner"]._totals(campaign)[campaign.id]
        # What waited is not sent.
        unsent = totals.pop("pending") + totals.pop("skipped") + totals.pop("stopped")
        report = self.env["reactivation.report"].search(
            [("campaign_id", "=", campaign.id)]
        )
        columns = ["enrolled", "contacted", "returned", "won_back", "return_rate"]
        outcomes = self.env["reactivation.outcome"].search(
            [("campaign_id", "=", campaign.id)]
        )
        mailing = campaign.method_ids.step_ids[:1].mailing_ids[:1]
        return {
            **{name: campaign[name] for name in names},
            **totals,
            "unsent": unsent,
            "report": [
                sorted(report.mapped(name), key=str)
                for name in (*columns, "tier_id.id", "segment_id.id")
            ],
            "outcomes": sorted(outcomes.mapped("kind")),
            "mailing": (mailing.sent, mailing.delivered, mailing.clicked),
        }

    def found_in_database(self, *words):
        """:return: [(table, column, word)] where words are still in the database"""
        self.env.flush_all()
        columns = self.env.execute_query(
            SQL(
                """SELECT columns.table_name, columns.column_name
                     FROM information_schema.columns
                     JOIN information_schema.tables USING (table_schema, table_name)
                    WHERE table_schema = current_schema AND table_type = 'BASE TABLE'
                      AND data_type IN ('character varying', 'text', 'jsonb')"""
            )
        )
        return [
            (table, column, word)
            for table, column in columns
            for word in words
            if self.env.execute_query(
                SQL(
                    "SELECT 1 FROM %s WHERE strpos(lower(%s::text), %s) > 0 LIMIT 1",
                    SQL.identifier(table),
                    SQL.identifier(column),
                    word.lower(),
                )
            )
        ]

    def refusal(self, partner, channel="mail", purpose="care"):
        policy = self.env["reactivation.contact.policy"]
        self.refresh()
        sql = policy._refusal_sql(self.clinic, [channel], purpose)
        return self.env.execute_query(
            SQL(
                """SELECT %s FROM res_partner partner
                     JOIN res_partner recipient ON recipient.id = partner.id
                LEFT JOIN reactivation_patient patient
                       ON patient.partner_id = partner.id AND patient.company_id = %s
                    WHERE partner.id = %s""",
                sql,
                self.clinic.id,
                partner.id,
            )
        )[0][0]

    def suppressed(self, kind, address):
        entries = self.env["reactivation.suppression"]
        return entries.search(
            [
                ("address_hash", "=", entries._hash(kind, address)),
                ("reason", "=", "erased"),
            ]
        )


@tagged("post_install", "-at_install")
class TestErasure(PrivacyCase):
    """A person asks to be erased. The clinic's numbers stay."""

    def test_everything_personal_goes_and_the_numbers_stay(self):
        """J1: steps are canceled, texts and clicks removed, the hash stays."""
        ada = self.patient()
        self.lapsed("Bert", days=300)
        campaign = self.campaign(start=True, steps=3)
        enrollment = self.story(ada, campaign)
        self.assertEqual(len(enrollment.delivery_ids), 2)
        deliveries, visits = enrollment.delivery_ids, self.visits_of(ada)
        ours = self.env["reactivation.external.visit"].search(
            [("partner_id", "=", ada.id)]
        )
        self.assertTrue(visits)
        before = self.results(campaign)
        self.erase(ada)
        self.assertEqual(self.results(campaign), before)
        self.assertEqual(enrollment.state, "stopped")
        self.assertEqual(enrollment.stop_reason, "erased")
        self.assertFalse(enrollment.partner_id)
        self.assertFalse(enrollment.patient_id)
        self.assertFalse(deliveries.partner_id | deliveries.recipient_id)
        for field in ("message_id", "address_hash", "failure"):
            self.assertFalse(any(deliveries.mapped(field)), field)
        self.assertFalse(enrollment.message_ids)
        self.assertFalse(enrollment.message_follower_ids)
        self.assertTrue(all(ours.mapped("date")))
        self.assertFalse(ours.partner_id)
        self.assertTrue(self.suppressed("mail", EMAIL))
        self.assertTrue(self.suppressed("phone", PHONE))
        self.assertEqual(
            self.found_in_database(
                NAME, EMAIL, "2125550171", "needles", "knee", "192.0.2.77", "P-4711"
            ),
            [],
        )
        mails = len(self._mails)
        self.run_day(60)
        to_ada = [
            mail for mail in self._mails[mails:] if EMAIL in str(mail["email_to"])
        ]
        self.assertFalse(to_ada)
        self.assertEqual(self.results(campaign)["enrolled_count"], 2)

    def test_the_contact_is_nobody(self):
        """J1"""
        ada = self.patient(website="https://ada.example.com", function="Baker")
        self.erase(ada)
        self.assertEqual(ada.name, "Erased patient")
        self.assertFalse(ada.active)
        self.assertTrue(ada.do_not_contact)
        self.assertFalse(ada.image_1920)
        for field in (
            "email",
            "email_normalized",
            "phone",
            "phone_sanitized",
            "street",
            "city",
            "country_id",
            "ref",
            "vat",
            "website",
            "function",
            "comment",
            "birth_date",
            "category_id",
            "message_ids",
            "activity_ids",
        ):
            self.assertFalse(ada[field], field)

    def test_log_says_who_and_when_and_not_whom(self):
        """J1"""
        ada = self.patient()
        self.erase(ada, reason="  By letter, case 12 ")
        log = self.env["reactivation.erasure"].search([], limit=1)
        self.assertEqual(log.user_id, self.manager)
        self.assertEqual(log.date, fields.Datetime.now())
        self.assertEqual(log.reason, "By letter, case 12")
        self.assertEqual((log.people, log.visits, log.suppressed), (1, 1, 2))
        self.assertTrue(self.as_user(self.manager, log).read())
        with self.assertRaises(AccessError):
            self.as_user(self.manager, log).write({"reason": "Other"})
        with self.assertRaises(AccessError):
            self.as_user(self.desk, log).read(["date"])

    def test_wizard_tells_what_goes_and_what_stays(self):
        """J1, F1"""
        ada = self.patient(HOSTILE)
        twin = self.person("Twin <b>", email=EMAIL.upper())
        campaign = self.campaign(start=True)
        self.story(ada, campaign)
        wizard = self.as_user(self.manager, self.env["reactivation.erase"])
        wizard = wizard.create({"partner_id": ada.id, "reason": "Asked"})
        self.assertIn(
            "Consents and objections, with their proof: <b>1</b>", wizard.goes
        )
        self.assertIn(
            "Imported visits: the date, without the patient: <b>1</b>", wizard.stays
        )
        self.assertIn(EMAIL, wizard.shared)
        self.assertIn("Twin &lt;b&gt;", wizard.shared)
        with self.assertRaisesRegex(UserError, "understand"):
            wizard.action_erase()
        twin.company_id = self.other_clinic
        self.env.invalidate_all()
        self.assertIn("a contact you cannot see", wizard.shared)
        self.assertNotIn("Twin", wizard.shared)

    def test_who_may_erase(self):
        """J1: not the desk, not the manager of a company that is not theirs."""
        ada = self.patient()
        self.refresh()
        with self.assertRaises(AccessError):
            self.erase(ada, self.desk)
        with self.assertRaises(AccessError):
            self.as_user(self.desk, ada).action_reactivation_erase()
        stranger = self.stranger()
        with self.assertRaisesRegex(AccessError, "a company you have no access to"):
            self.erase(ada, stranger)
        ada.company_id = self.clinic
        with self.assertRaises(AccessError):
            self.erase(ada, stranger)
        self.assertEqual(ada.name, NAME)

    def test_counts_are_not_told_to_others(self):
        ada = self.patient(company_id=self.clinic.id)
        wizard = self.env["reactivation.erase"].create(
            {"partner_id": ada.id, "reason": "x"}
        )
        wizard.invalidate_recordset()
        with self.assertRaises(AccessError):
            self.as_user(self.desk, wizard).read(["goes"])

    def test_staff_and_companies_are_no_patients(self):
        for partner, words in (
            (self.desk.partner_id, "user or an employee"),
            (self.clinic.partner_id, "is a company"),
            (self.person("Acme", is_company=True), "is a company"),
        ):
            with self.assertRaisesRegex(UserError, words):
                self.privacy._erase(partner, "Asked")
        archived = self.doctor.partner_id
        self.doctor.active = False
        with self.assertRaisesRegex(UserError, "user or an employee"):
            self.privacy._erase(archived, "Asked")

    def test_reason_is_needed(self):
        with self.assertRaisesRegex(UserError, "Say why"):
            self.privacy._erase(self.patient(), "  ")

    def test_family_keeps_the_address_in_common(self):
        """J1, E4: who lives at the same address still hears from the clinic."""
        ada = self.patient(email=f"{EMAIL}, ada.two@example.com")
        bert = self.lapsed("Bert", email=f"Bert <{EMAIL.upper()}>")
        self.erase(ada)
        self.assertFalse(self.suppressed("mail", EMAIL))
        self.assertTrue(self.suppressed("mail", "ada.two@example.com"))
        self.assertTrue(self.suppressed("phone", PHONE))
        self.assertIsNone(self.refusal(bert))

    def test_objection_about_an_address_in_common_stays(self):
        """J1, E4: a STOP covers everybody at the address, for good."""
        ada, bert = self.patient(), self.lapsed("Bert", email=EMAIL)
        self.consents._withdraw(
            ada, self.clinic, "mail", "all", "reply", address=EMAIL, text="STOP"
        )
        self.assertEqual(self.refusal(bert), "opted_out")
        self.erase(ada)
        self.assertEqual(self.refusal(bert), "opted_out")
        self.assertEqual(self.consents.search([]).partner_id, bert)

    def test_objection_about_an_address_given_up_since_stays(self):
        """J1, E4: also about an address that others kept."""
        ada, bert = self.patient(), self.lapsed("Bert", email=EMAIL)
        self.consents._withdraw(
            ada, self.clinic, "mail", "all", "reply", address=EMAIL, text="STOP"
        )
        ada.email = "moved@example.com"
        self.erase(ada)
        self.assertEqual(self.refusal(bert), "opted_out")

    def test_objection_handed_on_is_about_the_address_only(self):
        """J1: who wanted no message at all did not speak of others' telephones."""
        ada = self.patient()
        bert = self.lapsed("Bert", email=EMAIL, phone="+12125550178")
        self.consents._withdraw(
            ada, self.clinic, "all", "all", "page", address=EMAIL, text="All"
        )
        self.erase(ada)
        answers = self.env["reactivation.contact.policy"]._explain(bert, self.clinic)
        self.assertEqual(answers[bert.id]["mail", "care"], "opted_out")
        self.assertIsNone(answers[bert.id]["call", "care"])

    def test_the_dead_and_the_archived_use_no_address(self):
        self.lapsed("Dead", email=EMAIL, deceased_date="2020-01-01")
        self.lapsed("Gone", email=EMAIL, active=False)
        self.erase(self.patient())
        self.assertTrue(self.suppressed("mail", EMAIL))

    def test_guardian_is_erased_and_the_minor_stays(self):
        """J1: what the guardian got and wrote goes; the minor's plan waits."""
        mother = self.patient(email="mother@example.com")
        child = self.lapsed(
            "Child", email=False, birth_date="2018-01-01", guardian_id=mother.id
        )
        campaign = self.campaign(start=True, steps=2)
        self.run_crons()
        enrollment = self.enrollment(child, campaign)
        enrollment.message_post(
            body="It is me, the mother", author_id=mother.id, message_type="email"
        )
        before = self.results(campaign)
        self.erase(mother)
        self.assertFalse(child.guardian_id)
        self.assertEqual(enrollment.partner_id, child)
        self.assertFalse(enrollment.delivery_ids.recipient_id)
        self.assertFalse(self.found_in_database("mother"))
        self.assertEqual(self.results(campaign), before)
        self.run_day(8)
        self.assertFalse(
            [mail for mail in self._mails if "Erased" in str(mail["email_to"])]
        )

    def test_addresses_go_and_relatives_stay(self):
        """J1: an address of the contact is not a person, a child in it is."""
        ada = self.patient()
        home = self.person(
            "Home", parent_id=ada.id, type="delivery", email="home@example.com"
        )
        child = self.person(
            "Child", parent_id=ada.id, street="1 Own Street", email="c@example.com"
        )
        employer = self.person("Employer", is_company=True, street="9 Work Street")
        ada.parent_id = employer
        self.erase(ada)
        self.assertEqual(home.name, "Erased patient")
        self.assertFalse(home.email)
        self.assertTrue(self.suppressed("mail", "home@example.com"))
        self.assertEqual((child.name, child.email), ("Child", "c@example.com"))
        self.assertFalse(child.parent_id)
        self.assertEqual(employer.street, "9 Work Street")
        self.assertFalse(ada.parent_id)

    def test_calls_are_withdrawn(self):
        """J1: nobody is asked to call who is erased."""
        ada = self.patient()
        campaign = self.campaign()
        step = campaign.method_ids.step_ids
        step.mailing_ids.unlink()
        step.write({"channel": "call", "script": "Hello"})
        self.refresh()
        campaign.action_start()
        self.run_crons()
        self.assertDeliveries(ada, ["todo"])
        delivery = self.enrollment(ada).delivery_ids
        self.erase(ada)
        self.assertEqual((delivery.state, delivery.reason), ("skipped", "erased"))
        self.assertFalse(
            self.env["mail.activity"]
            .with_context(active_test=False)
            .search([("res_model", "=", "reactivation.enrollment")])
        )

    def test_at_the_moment_it_is_sent(self):
        """J1: what comes onto the thread while the person is erased goes at night."""
        ada = self.patient()
        self.campaign(start=True)
        self.run_crons()
        enrollment = self.enrollment(ada)
        self.erase(ada)
        enrollment.message_post(body="Late words", email_from=EMAIL)
        self.privacy._cron_retention()
        self.env.invalidate_all()
        self.assertFalse(self.found_in_database(EMAIL, "Late words"))

    # ------------------------------------------------------------------- return

    def test_imported_again(self):
        """J2: in whatever way the address or the number is written."""
        self.erase(self.patient())
        campaign = self.campaign(start=True)
        back = [
            self.lapsed("A", email=EMAIL.upper()),
            self.lapsed("B", email=f"Somebody <{EMAIL}>"),
            self.lapsed(
                "C",
                email="new@example.com",
                phone="(212) 555-0171",
                country_id=self.env.ref("base.us").id,
            ),
            self.lapsed("D", email="d@example.com", phone="001 212 555 01 71"),
        ]
        back[3].country_id = self.env.ref("base.fr")
        for partner in back:
            self.assertEqual(self.refusal(partner), "erased", partner.name)
            self.assertEqual(self.refusal(partner, "call"), "erased", partner.name)
        self.run_day(3)
        self.assertFalse(campaign.enrollment_ids)
        self.assertFalse(self._mails)

    def test_import_of_a_file(self):
        """J2"""
        self.erase(self.patient())
        result = (
            self.env["res.partner"]
            .with_context(default_patient_mark="patient")
            .load(["name", "ref", "email"], [[NAME, "P-4711", EMAIL.title()]])
        )
        partner = self.env["res.partner"].browse(result["ids"])
        self.visit(partner, 300)
        self.campaign(start=True)
        self.run_crons()
        self.assertFalse(self.enrollment(partner))
        self.assertEqual(self.refusal(partner), "erased")

    # ------------------------------------------------------------------- delete

    def test_deleted_contact(self):
        """J8, J1: deleting does the same for what we know."""
        ada = self.patient()
        self.lapsed("Bert", days=300)
        campaign = self.campaign(start=True, steps=3)
        enrollment = self.story(ada, campaign)
        before = self.results(campaign)
        ada.unlink()
        self.assertEqual(self.results(campaign), before)
        self.assertFalse(enrollment.partner_id)
        self.assertEqual(enrollment.stop_reason, "erased")
        self.assertTrue(self.suppressed("mail", EMAIL))
        self.assertEqual(
            self.found_in_database(NAME, EMAIL, "2125550171", "needles", "knee"), []
        )
        log = self.env["reactivation.erasure"].search([], limit=1)
        self.assertEqual((log.way, log.enrollments), ("deleted", 1))
        self.run_day(60)
        self.assertEqual(self.results(campaign)["enrolled_count"], 2)
        again = self.lapsed("Ada", email=EMAIL.upper())
        self.assertEqual(self.refusal(again), "erased")

    def test_privacy_lookup(self):
        """J8, J1: Odoo's own tool deletes the contact, and no result with it."""
        ada = self.patient()
        campaign = self.campaign(start=True, steps=3)
        self.story(ada, campaign)
        before = self.results(campaign)
        before.pop("mailing")
        lookup = self.env["privacy.lookup.wizard"].create(
            {"name": NAME, "email": EMAIL}
        )
        lookup.action_lookup()
        found = set(lookup.line_ids.mapped("res_model"))
        self.assertIn("res.partner", found)
        self.assertFalse([name for name in found if name.startswith("reactivation.")])
        lookup.line_ids.filtered(
            lambda line: line.res_model == "res.partner"
        ).action_unlink_all()
        after = self.results(campaign)
        after.pop("mailing")
        self.assertEqual(after, before)
        self.assertTrue(self.suppressed("mail", EMAIL))
        self.assertFalse(self.found_in_database("needles", "knee"))

    def test_deleted_stranger_is_not_suppressed(self):
        """J8: a supplier is nobody we know anything of."""
        supplier = self.person("Supplier")
        logs = self.env["reactivation.erasure"].search_count([])
        supplier.unlink()
        self.assertFalse(self.suppressed("mail", "supplier@example.com"))
        self.assertEqual(self.env["reactivation.erasure"].search_count([]), logs)

    def test_front_desk_may_delete_and_it_counts(self):
        """J8: who may delete contacts needs no right to our records."""
        ada = self.lapsed("Ada")
        campaign = self.campaign(start=True)
        self.run_crons()
        self.as_user(self.desk, ada).unlink()
        self.env.invalidate_all()
        self.assertEqual(campaign.enrolled_count, 1)
        self.assertTrue(self.suppressed("mail", "ada@example.com"))

    def test_nobody_deletes_without_the_right(self):
        ada = self.lapsed("Ada")
        self.refresh()
        with self.assertRaises(AccessError):
            # Nor does saying that it is a merge help.
            self.as_user(self.doctor, ada).with_context(
                reactivation_merge=True
            ).unlink()
        self.assertFalse(self.suppressed("mail", "ada@example.com"))

    def test_deleting_many_takes_no_query_for_each(self):
        """J8"""

        def queries(count):
            people = self.env["res.partner"].browse()
            for number in range(count):
                people |= self.lapsed(f"P {count} {number}")
            self.refresh()
            self.env.flush_all()
            before = self.cr.sql_log_count
            self.privacy._forget_deleted(people)
            self.env.flush_all()
            return self.cr.sql_log_count - before

        queries(2)
        self.assertLessEqual(queries(40), queries(4) + 5)


@tagged("post_install", "-at_install")
class TestRetention(PrivacyCase):
    """Texts end; numbers and what has to be proven do not."""

    def setUp(self):
        super().setUp()
        self.ada = self.patient()
        self.recall = self.campaign(start=True, steps=2)
        self.enrolled = self.story(self.ada, self.recall)
        self.enrolled.activity_ids.action_feedback(feedback="Wept on the phone")
        self.env.flush_all()

    def age(self, months):
        """Let time go by, without the campaign doing anything."""
        self.later(days=31 * months)

    def test_texts_go_and_numbers_stay(self):
        """J5"""
        self.clinic.reactivation_retention_months = 24
        self.age(12)
        self.privacy._cron_retention()
        self.assertTrue(self.found_in_database("knee"))
        before = self.results(self.recall)
        consents = self.consents.search_count([])
        self.age(14)
        before = self.results(self.recall)
        self.privacy._cron_retention()
        self.env.invalidate_all()
        self.assertFalse(self.found_in_database("knee", "Wept"))
        self.assertEqual(self.results(self.recall), before)
        self.assertEqual(self.consents.search_count([]), consents)
        self.assertEqual(self.enrolled.partner_id, self.ada)
        self.assertTrue(self.enrolled.delivery_ids)
        # An answer to an old message still finds its way.
        self.assertTrue(self.enrolled.message_ids.filtered("message_id"))
        # What is on the contact is the clinic's own.
        self.assertTrue(self.found_in_database("moved"))

    def test_zero_keeps_them(self):
        """J5"""
        self.clinic.reactivation_retention_months = 0
        self.age(200)
        self.privacy._cron_retention()
        self.assertTrue(self.found_in_database("knee"))

    def test_each_company_by_its_own_rule(self):
        """J5, H1"""
        self.clinic.reactivation_retention_months = 0
        self.other_clinic.reactivation_retention_months = 1
        self.age(3)
        self.privacy._cron_retention()
        self.assertTrue(self.found_in_database("knee"))

    def test_batches(self):
        """J5: piece by piece, to the last one."""
        for number in range(7):
            self.enrolled.message_post(body=f"knee number {number}")
        self.clinic.reactivation_retention_months = 1
        self.age(3)
        self.patch(reactivation_privacy_retention, "BATCH", 2)
        self.privacy._cron_retention()
        self.env.invalidate_all()
        self.assertFalse(self.found_in_database("knee"))

    def test_leftover_mails(self):
        """J5: mails nobody sent. Their message is a fact."""
        message = self.enrolled.message_post(body="Never sent")
        mail = self.env["mail.mail"].create(
            {
                "mail_message_id": message.id,
                "body_html": "Never sent",
                "email_to": EMAIL,
            }
        )
        self.clinic.reactivation_retention_months = 1
        self.age(3)
        self.privacy._cron_retention()
        self.env.invalidate_all()
        self.assertFalse(mail.exists())
        self.assertTrue(message.exists())
        self.assertFalse(message.body)

    def test_cron_is_there(self):
        cron = self.env.ref("patient_reactivation.ir_cron_retention")
        cron.ir_actions_server_id.with_user(cron.user_id).run()


@tagged("post_install", "-at_install")
class TestExport(PrivacyCase):
    """A person asks what the clinic knows."""

    def export(self, partner, user=None):
        privacy = self.as_user(user or self.manager, self.privacy)
        content = privacy._export_zip(partner.with_env(privacy.env))
        archive = zipfile.ZipFile(io.BytesIO(content))
        self.assertIsNone(archive.testzip())
        return json.loads(archive.read("data.json")), archive

    def test_everything_is_in_it(self):
        """J3: messages, consents, facts; complete and for machines."""
        ada = self.patient()
        self.meet(ada, 400)
        campaign = self.campaign(start=True, steps=2)
        self.story(ada, campaign)
        self.env["reactivation.suppression"]._add("mail", [EMAIL], "bounced")
        data, archive = self.export(ada)
        self.assertEqual((data["format"], data["version"]), ("patient-data", 1))
        self.assertEqual(data["contact"][0]["email"], EMAIL)
        self.assertEqual(data["contact"][0]["birth_date"], "1970-01-02")
        self.assertIn("needles", data["contact"][0]["comment"])
        self.assertEqual(data["patient"][0]["company_id"], self.clinic.name)
        self.assertEqual(data["patient"][0]["visit_count"], 2)
        self.assertEqual(len(data["visits"]), 2)
        self.assertEqual(len({row["source_id"] for row in data["visits"]}), 2)
        self.assertEqual(data["enrollments"][0]["campaign_id"], "Recall")
        self.assertEqual(len(data["deliveries"]), 2)
        self.assertTrue(all(row["state_words"] for row in data["deliveries"]))
        self.assertEqual(data["consents"][0]["purpose"], "offer")
        self.assertEqual(data["consents"][0]["purpose_words"], "Offer")
        received = [row for row in data["messages"] if row["direction"] == "received"]
        self.assertIn("knee still hurts", received[0]["text"])
        self.assertEqual(archive.read(received[0]["files"][0]), b"a picture of a knee")
        self.assertTrue([row for row in data["messages"] if row["direction"] == "sent"])
        self.assertEqual(len(data["tasks"]), 2)
        self.assertEqual(data["clicks"][0]["ip"], "192.0.2.77")
        mail = next(row for row in data["suppression"] if row["kind"] == "mail")
        self.assertTrue(mail["is_suppressed"])
        self.assertEqual(mail["reasons"], ["Does not exist"])
        self.assertTrue([name for name in archive.namelist() if "photo" in name])

    def test_keys_do_not_change(self):
        """J3: whoever reads the file by machine relies on them."""
        data, _archive = self.export(self.patient())
        self.assertEqual(
            list(data),
            [
                "format",
                "version",
                "created",
                "contact",
                "addresses",
                "patient",
                "visits",
                "enrollments",
                "deliveries",
                "coupons",
                "coupon_events",
                "feedback",
                "answers",
                "follow_ups",
                "payment_help",
                "outcomes",
                "consents",
                "messages",
                "tasks",
                "clicks",
                "suppression",
            ],
        )

    def test_own_companies_only(self):
        """J3, H5: what the other clinic knows stays there."""
        ada = self.patient()
        self.visit(ada, 200, company_id=self.other_clinic.id)
        self.campaign(start=True)
        self.campaign(start=True, name="Secret", company_id=self.other_clinic.id)
        self.run_crons()
        self.consents._grant(ada, self.other_clinic, "mail", "offer", "form")
        data, archive = self.export(ada)
        self.assertEqual(len(data["patient"]), 1)
        self.assertEqual(len(data["visits"]), 1)
        self.assertEqual(len(data["enrollments"]), 1)
        self.assertEqual(data["consents"], [])
        whole = "".join(
            archive.read(name).decode(errors="replace") for name in archive.namelist()
        )
        self.assertNotIn("Lakeside", whole)
        self.assertNotIn("Secret", whole)

    def test_hostile_texts_in_the_page(self):
        """F1: names and answers are text in the page, and loaded from nowhere."""
        ada = self.patient(HOSTILE)
        self.story(ada, self.campaign(start=True))
        data, archive = self.export(ada)
        self.assertEqual(data["contact"][0]["name"], HOSTILE)
        page = archive.read("index.html").decode()
        self.assertNotIn("<script", page)
        self.assertNotIn("<img", page)
        self.assertIn("&lt;script&gt;", page)
        self.assertIn("default-src 'none'", page)

    def test_names_of_files_are_ours(self):
        """F8: a name of a file cannot leave the folder it is unpacked in."""
        ada = self.patient()
        ada.message_post(body="x", attachments=[("../../etc/passwd", b"x")])
        _data, archive = self.export(ada)
        for name in archive.namelist():
            self.assertRegex(name, r"^(data\.json|index\.html|files/[\w.-]+)$")
            self.assertNotIn("..", name)

    def test_who_may_export(self):
        """I1, J3"""
        ada = self.patient(company_id=self.clinic.id)
        for user in (self.desk, self.doctor, self.other_doctor):
            with self.assertRaises(AccessError):
                self.export(ada, user)
            with self.assertRaises(AccessError):
                self.as_user(user, ada).action_reactivation_export()
        stranger = self.stranger()
        with self.assertRaises(AccessError):
            self.export(ada, stranger)


@tagged("post_install", "-at_install")
class TestExportRoute(Clinic, HttpCase):
    """The file comes to whoever may have it, and is kept nowhere."""

    def fetch(self, user, partner_id):
        login = user and user.login
        self.authenticate(login, login)
        return self.url_open(
            f"/reactivation/export/{partner_id}", allow_redirects=False
        )

    def test_route(self):
        """J3, I1, H5"""
        ada = self.lapsed(NAME, company_id=self.clinic.id)
        self.refresh()
        stranger = self.stranger()
        portal = self._staff(
            "portal", self.clinic, [Command.set(self.clinic.ids)], "base.group_portal"
        )
        response = self.fetch(self.manager, ada.id)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        self.assertEqual(response.headers["Content-Type"], "application/zip")
        name = response.headers["Content-Disposition"]
        self.assertIn("attachment", name)
        self.assertNotIn("Adelheid", name)
        archive = zipfile.ZipFile(io.BytesIO(response.content))
        self.assertIn(NAME, archive.read("data.json").decode())
        for user in (self.desk, stranger, portal):
            self.assertEqual(self.fetch(user, ada.id).status_code, 404, user.login)
        self.assertEqual(self.fetch(self.manager, 2**30).status_code, 404)
        self.assertIn(self.fetch(None, ada.id).status_code, (302, 303))
