"""A manager makes a method, and a new version of one that patients are on."""

from odoo import fields
from odoo.tests import tagged

from .common import TourCase


@tagged("post_install", "-at_install")
class TestToursPlan(TourCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls.staff("tour_plan_manager")

    def test_manager_makes_a_method_of_two_channels(self):
        campaign = self.new_campaign(self.manager, name="Plan tour")
        self.start_tour(
            "/odoo/reactivation-campaigns",
            "reactivation_plan",
            login=self.manager.login,
            timeout=120,
        )
        call, letter = campaign.method_ids.step_ids
        self.assertEqual((call.channel, letter.channel), ("call", "letter"))
        self.assertTrue(call.mon and not call.sun)
        self.assertEqual(letter.delay_days, 14)
        self.assertIn("come and see us", letter.letter_body)
        self.assertFalse(campaign.method_ids._problems())

    def test_manager_changes_a_method_that_patients_are_on(self):
        self.patient("Tara Toures", email="tara@example.com")
        self.env["reactivation.patient"]._refresh()
        campaign = self.new_campaign(
            self.manager,
            name="Version tour",
            method_ids=self.method("E-mails", name="E-mail 1"),
        )
        old = campaign.method_ids
        old.step_ids._create_mailing("en_US")
        campaign.action_start()
        self.env["reactivation.delivery"]._schedule_due()
        now = fields.Datetime.now()
        campaign.enrollment_ids.delivery_ids.write(
            {"state": "sent", "sent_on": now, "settled_on": now}
        )
        self.start_tour(
            "/odoo/reactivation-campaigns",
            "reactivation_version",
            login=self.manager.login,
            timeout=120,
        )
        self.assertEqual(old.state, "retired")
        self.assertEqual(old.step_ids.delay_days, 0)
        self.assertEqual(campaign.method_ids.version, 2)
        self.assertEqual(campaign.method_ids.step_ids.delay_days, 3)
        self.assertEqual(campaign.enrollment_ids.method_id, old)
