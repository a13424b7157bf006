from lxml import etree

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools.safe_eval import safe_eval

from .common import MailClinicCase

SCRIPT = "Would Thursday suit you?"


@tagged("post_install", "-at_install")
class TestNoContact(MailClinicCase):
    """Why was this patient not contacted? There is always an answer."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ada = cls.lapsed("Ada")
        cls.ben = cls.lapsed("Ben", email=False)
        cls.cleo = cls.lapsed("Cleo", do_not_contact=True)
        cls.recall = cls.campaign(start=True)

    def reasons(self, partner=None, user=None):
        """(kind, reason) of every row, or of those of a patient."""
        # As a new request: nothing is remembered.
        self.env.invalidate_all()
        rows = self.env["reactivation.no.contact"].with_user(user or self.env.user)
        domain = [("partner_id", "=", partner.id)] if partner else []
        return rows.search(domain).mapped(lambda row: (row.kind, row.reason))

    def delivery(self, partner, **values):
        """The first delivery of an enrolled patient, in some state."""
        self.env["reactivation.delivery"]._schedule_due()
        delivery = self.enrollment(partner).delivery_ids
        delivery.write(values)
        return delivery

    # --------------------------------------------------------------------- rows

    def test_lapsed_patients_who_are_not_enrolled(self):
        self.assertEqual(self.reasons(self.ben), [("not_enrolled", "no_address")])
        self.assertEqual(self.reasons(self.cleo), [("not_enrolled", "do_not_contact")])

    def test_enrolled_patients_are_no_rows(self):
        self.assertFalse(self.reasons(self.ada))

    def test_it_is_never_an_old_answer(self):
        self.ben.email = "ben@example.com"
        self.assertFalse(self.reasons(self.ben))

    def test_deliveries_that_were_not_sent(self):
        self.delivery(self.ada, state="skipped", reason="opted_out")
        self.assertEqual(self.reasons(self.ada), [("not_sent", "opted_out")])

    def test_failures_say_why_or_that_sending_failed(self):
        delivery = self.delivery(self.ada, state="failed", failure="554 No")
        self.assertEqual(self.reasons(self.ada), [("failed", "failed")])
        delivery.reason = "bounced"
        self.assertEqual(self.reasons(self.ada), [("failed", "bounced")])

    def test_what_waits_says_what_for(self):
        delivery = self.delivery(self.ada, reason="quiet_hours")
        self.assertEqual(self.reasons(self.ada), [("waits", "quiet_hours")])
        delivery.reason = False
        self.assertFalse(self.reasons(self.ada), "it is next, there is no reason")

    def test_a_paused_campaign_is_a_reason_to_wait(self):
        self.delivery(self.ada)
        self.recall.action_pause()
        self.assertEqual(self.reasons(self.ada), [("waits", "paused")])
        self.assertFalse(self.reasons(self.ben), "nobody is enrolled by it now")

    def test_a_channel_that_does_not_work_is_a_reason_to_wait(self):
        self.delivery(self.ada)
        self.env["reactivation.channel.status"]._fail(
            self.clinic, "mail", "Connection refused", self.recall
        )
        self.assertEqual(self.reasons(self.ada), [("waits", "outage")])

    def test_sent_and_uncertain_are_no_reasons(self):
        for state in ("sent", "uncertain", "todo", "claimed", "sending"):
            self.delivery(self.ada, state=state)
            self.assertFalse(self.reasons(self.ada), state)

    def test_a_campaign_that_enrolls_nobody_any_more_has_no_say(self):
        self.recall.date_end = self.clinic._reactivation_today()
        self.assertTrue(self.reasons(self.ben))
        self.later(days=1)
        self.assertFalse(self.reasons(self.ben))

    def test_one_row_for_each_campaign(self):
        self.campaign(start=True, name="Second")
        self.assertEqual(self.reasons(self.ben), [("not_enrolled", "no_address")] * 2)
        self.assertEqual(self.reasons(self.ada), [("not_enrolled", "other_campaign")])

    def test_rows_keep_their_number(self):
        self.delivery(self.ada, state="failed")
        self.campaign(start=True, name="Second")
        rows = self.env["reactivation.no.contact"].search(
            [("company_id", "=", self.clinic.id)]
        )
        # A failure, and twice two who are not enrolled; Ada is in the first one.
        self.assertEqual(len(set(rows.ids)), 6)
        self.env.invalidate_all()
        ben = rows.browse(rows.ids).filtered(lambda row: row.partner_id == self.ben)
        self.assertEqual(set(ben.mapped("reason")), {"no_address"})

    def test_deliveries_of_deleted_contacts_stay_countable(self):
        self.delivery(self.ada, state="skipped", reason="erased")
        self.enrollment(self.ada).partner_id = False
        self.assertIn(("not_sent", "erased"), self.reasons())

    # ------------------------------------------------------------------ reading

    def test_grouped_by_reason_and_campaign(self):
        groups = self.env["reactivation.no.contact"]._read_group(
            [], ["reason", "campaign_id"], ["__count"]
        )
        self.assertIn(("no_address", self.recall, 1), groups)

    def test_the_number_of_queries_does_not_depend_on_the_patients(self):
        report = self.env["reactivation.no.contact"]

        def queries():
            self.env.invalidate_all()
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            report.search_fetch([], ["partner_id", "reason", "date"])
            return self.env.cr.sql_log_count - before

        queries()  # what Odoo remembers from now on
        few = queries()
        for number in range(20):
            self.lapsed(f"Nobody {number}", email=False)
        self.refresh()
        self.assertEqual(queries(), few)
        self.assertGreater(report.search_count([("reason", "=", "no_address")]), 20)

    def test_filters_name_reasons_that_exist(self):
        known = dict(self.env["reactivation.no.contact"]._fields["reason"].selection)
        arch = self.env.ref(
            "patient_reactivation.reactivation_no_contact_view_search"
        ).arch
        for name in ("mendable", "wish"):
            node = etree.fromstring(arch).find(f".//filter[@name='{name}']")
            ((_field, _operator, codes),) = safe_eval(node.get("domain"))
            self.assertFalse(set(codes) - set(known), name)

    def test_a_row_opens_its_patient_and_its_delivery(self):
        delivery = self.delivery(self.ada, state="failed")
        row = self.env["reactivation.no.contact"].search(
            [("partner_id", "=", self.ada.id)]
        )
        self.assertEqual(row.action_open_delivery()["res_id"], delivery.id)
        action = row.action_open_patient()
        self.assertEqual(action["res_model"], "reactivation.patient")
        self.assertEqual(action["res_id"], self.row(self.ada).id)
        self.row(self.ada).unlink()
        self.assertEqual(row.action_open_patient()["res_id"], self.ada.id)

    # ------------------------------------------------------------------- access

    def test_the_front_desk_reads_it_and_does_not_export(self):
        """I1"""
        rows = self.env["reactivation.no.contact"].with_user(self.desk)
        rows = rows.with_context(allowed_company_ids=self.clinic.ids).search([])
        self.assertEqual(len(rows), 2)
        with self.assertRaisesRegex(UserError, "manager"):
            rows.export_data(["partner_id/name"])
        exported = rows.with_user(self.manager).export_data(["reason"])
        self.assertEqual(len(exported["datas"]), 2)

    def test_others_do_not(self):
        """I3"""
        clerk = self._staff("clerk", self.clinic, self.clinic.ids)
        with self.assertRaises(AccessError):
            self.reasons(user=clerk)

    def test_the_other_company_is_not_there(self):
        """H5"""
        self.visit(
            self.person("Theirs", email=False), 250, company_id=self.other_clinic.id
        )
        self.campaign(start=True, name="Other", company_id=self.other_clinic.id)
        report = self.env["reactivation.no.contact"]
        both = self.clinic + self.other_clinic
        self.assertLessEqual(both, report.search([]).company_id)
        own = report.with_user(self.manager).with_context(
            allowed_company_ids=self.clinic.ids
        )
        self.assertEqual(own.search([]).company_id, self.clinic)


@tagged("post_install", "-at_install")
class TestContactAnswer(MailClinicCase):
    """What the policy says about a patient, on the patient's page."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clinic.reactivation_consent_required = True
        cls.ada = cls.lapsed(
            "Ada", phone="+12125550100", country_id=cls.env.ref("base.us").id
        )
        cls.ben = cls.lapsed("Ben", email=False)
        cls.refresh()

    def explain(self, partner, company=None):
        policy = self.env["reactivation.contact.policy"]
        return policy._explain(partner, company or self.clinic)[partner.id]

    def test_each_channel_and_purpose_has_its_answer(self):
        answer = self.explain(self.ada)
        self.assertIsNone(answer["mail", "care"])
        self.assertEqual(answer["mail", "offer"], "no_consent")
        self.assertIsNone(answer["call", "care"])
        answer = self.explain(self.ben)
        self.assertEqual(answer["mail", "care"], "no_address")
        self.assertEqual(answer["call", "offer"], "no_address")

    def test_it_is_what_the_policy_decides(self):
        self.env["reactivation.consent"]._withdraw(
            self.ada, self.clinic, "mail", "care", "reply"
        )
        answer = self.explain(self.ada)
        self.assertEqual(answer["mail", "care"], "opted_out")
        self.assertIsNone(answer["call", "care"])
        self.assertIsNone(self.explain(self.ada, self.other_clinic)["mail", "care"])

    def test_the_number_of_queries_does_not_depend_on_the_patients(self):
        def queries(partners):
            self.env.invalidate_all()
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            self.env["reactivation.contact.policy"]._explain(partners, self.clinic)
            return self.env.cr.sql_log_count - before

        queries(self.ada)  # what Odoo remembers from now on
        self.assertEqual(queries(self.ada + self.ben), queries(self.ada))

    def test_the_page_shows_it_in_words(self):
        for record in (
            self.ada.with_user(self.desk),
            self.row(self.ada).with_user(self.desk),
        ):
            record = record.with_context(allowed_company_ids=self.clinic.ids)
            text = " ".join(str(record.contact_answer).split())
            for words in ("E-mail", "Phone call", "Offer", "No consent on record"):
                self.assertIn(words, text)
            self.assertIn("No message and no call yet", text)

    def test_it_shows_the_last_three_deliveries(self):
        campaign = self.campaign(start=True, steps=4)
        enrollment = self.enrollment(self.ada)
        for number, step in enumerate(campaign.method_ids.step_ids):
            self.env["reactivation.delivery"].create(
                {
                    "enrollment_id": enrollment.id,
                    "step_id": step.id,
                    "campaign_id": campaign.id,
                    "company_id": self.clinic.id,
                    "channel": "mail",
                    "state": "skipped",
                    "reason": "quiet_hours",
                    "date": self.days_ago(10 - number),
                }
            )
        html = str(self.ada.contact_answer)
        self.assertNotIn("E-mail 1", html)
        self.assertLess(html.index("E-mail 4"), html.index("E-mail 2"))
        self.assertIn("Outside of the patient", html)

    def test_names_are_text(self):
        """F1"""
        campaign = self.campaign(start=True)
        campaign.method_ids.step_ids.name = "<script>alert(1)</script>"
        self.env["reactivation.delivery"]._schedule_due()
        self.assertNotIn("<script", str(self.ada.contact_answer))
        self.assertIn("alert(1)", str(self.ada.contact_answer))

    def test_the_other_companys_deliveries_are_not_shown(self):
        """H5"""
        self.visit(self.ada, 250, company_id=self.other_clinic.id)
        self.campaign(start=True, name="Other", company_id=self.other_clinic.id)
        self.env["reactivation.delivery"]._schedule_due()
        self.assertIn("No message", str(self.row(self.ada).contact_answer))
        theirs = self.row(self.ada, self.other_clinic)
        self.assertNotIn("No message", str(theirs.contact_answer))

    def test_who_has_no_role_does_not_see_it(self):
        """I1"""
        clerk = self._staff("clerk", self.clinic, self.clinic.ids)
        ada = self.ada.with_user(clerk)
        with self.assertRaises(AccessError):
            ada.read(["contact_answer"])

    def test_a_new_contact_has_none_yet(self):
        self.assertFalse(self.env["res.partner"].new({"name": "X"}).contact_answer)

    def test_a_call_step_is_drawn_with_its_script(self):
        campaign = self.campaign()
        step = campaign.method_ids.step_ids
        step.write({"fallback_channel": "call"})
        (summary,) = campaign.method_ids.step_summary
        self.assertEqual(summary["fallback"], "Phone call")
        self.assertTrue(summary["has_call"] and summary["has_mail"])
        self.assertFalse(summary["script"])
        campaign.method_ids.step_ids = [
            Command.update(step.id, {"script": f"\n{SCRIPT}\nThank you."})
        ]
        self.assertEqual(campaign.method_ids.step_summary[0]["script"], SCRIPT)
