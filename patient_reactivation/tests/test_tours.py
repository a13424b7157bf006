"""The ways through the app, in a real browser."""

from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import fields
from odoo.tests import tagged

from .common import TourCase


@tagged("post_install", "-at_install")
class TestTours(TourCase):
    """Each tour clicks what a person of that role clicks, and looks at the result."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.desk = cls.staff("tour_front_desk", "user", "base.group_partner_manager")
        cls.manager = cls.staff("tour_manager", "manager", "base.group_partner_manager")
        cls.tara = cls._patient(
            "Tara Toures", [8, 10], email="tara@example.com", phone="+1 212-555-0142"
        )
        cls.without_address = cls._patient("Nils Toures", [9])
        cls.active = cls._patient("Abel Toures", [1, 3], email="abel@example.com")
        cls.env["reactivation.patient"]._refresh()

    @classmethod
    def _patient(cls, name, months, **values):
        """A contact who came once in each of the months, counted back from today."""
        # A few days more: "8 months ago" must not depend on the hour of the day.
        now = fields.Datetime.now() - timedelta(days=5)
        whens = [now - relativedelta(months=month) for month in months]
        return cls.patient(name, whens, **values)

    @classmethod
    def _running(cls, channel="mail"):
        """A running campaign of one step, whose patients are due."""
        campaign = cls.new_campaign(
            cls.manager,
            method_ids=cls.method(
                "One step",
                name="First step",
                channel=channel,
                user_id=cls.desk.id,
                script="Would Thursday suit you?",
            ),
        )
        if channel == "mail":
            campaign.method_ids.step_ids._create_mailing("en_US")
        campaign.action_start()
        cls.env["reactivation.delivery"]._schedule_due()
        return campaign

    def test_front_desk_finds_a_patient_and_notes_the_reason(self):
        self.start_tour("/odoo", "reactivation_front_desk", login=self.desk.login)
        patient = self.env["reactivation.patient"].search(
            [("partner_id", "=", self.tara.id)]
        )
        self.assertEqual(patient.reason_id.code, "cost")

    def test_consultant_adds_a_visit_source_and_is_told_the_mistake(self):
        self.start_tour(
            "/odoo/reactivation-sources",
            "reactivation_visit_source",
            login=self.manager.login,
        )
        source = self.env["reactivation.visit.source"].search(
            [], order="id desc", limit=1
        )
        self.assertEqual(source.partner_path, "partner_id")
        self.assertEqual(source.practitioner_path, "practitioner_id")

    def test_manager_plans_and_starts_a_campaign(self):
        self.start_tour(
            "/odoo/reactivation-campaigns",
            "reactivation_campaign",
            login=self.manager.login,
            timeout=120,
        )
        campaign = self.env["reactivation.campaign"].search(
            [("name", "=", "Tour campaign")]
        )
        self.assertEqual(campaign.enrollment_ids.partner_id, self.tara)
        mailing = campaign.method_ids.step_ids.mailing_ids
        self.assertEqual(mailing.subject, "We would like to see you")
        self.assertIn("Your clinic misses you", mailing.body_html)
        self.assertIn("/unsubscribe_from_list", mailing.body_html)

    def test_contacts_are_filtered_and_grouped_by_the_facts(self):
        self.start_tour(
            "/odoo/contacts", "reactivation_contacts", login=self.desk.login
        )

    def test_manager_reads_why_patients_are_not_contacted(self):
        self._patient("Wim Toures", [9], email="w@example.com", do_not_contact=True)
        self.env["reactivation.patient"]._refresh()
        self._running()
        self.start_tour("/odoo", "reactivation_why_not", login=self.manager.login)

    def test_manager_looks_after_uncertain_messages(self):
        """B3, C4: what may have arrived is decided about by people."""
        ugo = self._patient("Ugo Toures", [9], email="ugo@example.com")
        self.env["reactivation.patient"]._refresh()
        self._running()
        deliveries = self.env["reactivation.delivery"].search(
            [("partner_id", "in", (self.tara + ugo).ids)]
        )
        handed_over = fields.Datetime.now() - timedelta(hours=2)
        for number, partner in enumerate((self.tara, ugo), 1):
            deliveries.filtered(lambda item, who=partner: item.partner_id == who).write(
                {
                    "state": "uncertain",
                    "claimed_on": handed_over,
                    "recipient_id": partner.id,
                    "failure": "Connection lost",
                    "message_id": f"<tour-{number}@clinic>",
                }
            )
        self.start_tour(
            "/odoo/reactivation-campaigns",
            "reactivation_uncertain",
            login=self.manager.login,
        )
        deliveries.invalidate_recordset()
        arrived = deliveries.filtered(lambda item: item.partner_id == self.tara)
        self.assertEqual((arrived.state, arrived.sent_on), ("sent", handed_over))
        self.assertEqual((deliveries - arrived).state, "pending")

    def test_front_desk_calls_a_patient(self):
        self._running("call")
        delivery = self.env["reactivation.delivery"].search(
            [("partner_id", "=", self.tara.id)]
        )
        delivery.write({"state": "claimed", "recipient_id": self.tara.id})
        delivery._deliver()
        self.start_tour("/odoo", "reactivation_call", login=self.desk.login)
        delivery.invalidate_recordset()
        self.assertEqual(delivery.state, "sent")
        self.assertTrue(delivery.sent_on)
