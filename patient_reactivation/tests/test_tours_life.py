"""A manager mends a campaign and starts it; the first steps of a new clinic."""

from odoo.tests import tagged

from .common import TourCase


@tagged("post_install", "-at_install")
class TestToursLife(TourCase):
    clinic_values = {"phone": "+1 212-555-0100"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls.staff(
            "tour_life_manager", "manager", "base.group_partner_manager"
        )
        cls.patient("Tara Toures", email="tara@example.com", phone="+1 212-555-0142")
        cls.env["reactivation.patient"]._refresh()

    def test_manager_mends_what_is_wrong_and_starts(self):
        """E12: each fault is shown, mended behind its link, and the campaign starts."""
        campaign = self.new_campaign(
            self.manager,
            name="Tour with faults",
            email_from="Tour Clinic",
            method_ids=self.method("Calls", name="First", channel="call"),
        )
        self.start_tour(
            "/odoo/reactivation-campaigns",
            "reactivation_readiness",
            login=self.manager.login,
        )
        campaign.invalidate_recordset()
        self.assertEqual(campaign.state, "running")
        self.assertEqual(campaign.enrolled_count, 1)

    def test_manager_follows_the_first_steps(self):
        self.clinic.street = False
        self.start_tour("/odoo", "reactivation_guide", login=self.manager.login)
        self.assertEqual(self.clinic.street, "1 Main Street")
        self.assertTrue(self.clinic.reactivation_guide_hidden)
