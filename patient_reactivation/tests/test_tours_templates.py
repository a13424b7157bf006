"""From a ready campaign to its rehearsal, in a real browser."""

from odoo.tests import tagged

from .common import TourCase


@tagged("post_install", "-at_install")
class TestToursTemplates(TourCase):
    clinic_values = {"phone": "+1 212-555-0100"}

    def test_from_the_gallery_to_a_rehearsal(self):
        """A new manager: a template, its segments, and what one patient would get."""
        manager = self.staff("tour_template_manager")
        self.patient("Tara Toures", email="tara@example.com", phone="+1 212-555-0142")
        self.env["reactivation.patient"]._refresh()
        self.start_tour(
            "/odoo/reactivation-templates",
            "reactivation_templates",
            login=manager.login,
        )
        campaign = self.env["reactivation.campaign"].search(
            [("company_id", "=", self.clinic.id)]
        )
        self.assertEqual((campaign.name, campaign.state), ("6-month recall", "draft"))
        self.assertFalse(campaign.enrollment_ids)
