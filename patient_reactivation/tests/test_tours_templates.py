"""From a ready campaign to its rehearsal, in a real browser."""

from datetime import timedelta

from odoo import fields
from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install")
class TestToursTemplates(HttpCase):
    def test_from_the_gallery_to_a_rehearsal(self):
        """A new manager: a template, its segments, and what one patient would get."""
        self.env["res.lang"]._activate_lang("en_US")
        clinic = self.env["res.company"].create(
            {
                "name": "Tour Clinic",
                "street": "1 Main Street",
                "city": "New York",
                "zip": "10001",
                "country_id": self.env.ref("base.us").id,
                "email": "clinic@example.com",
                "phone": "+1 212-555-0100",
            }
        )
        manager = new_test_user(
            self.env,
            login="tour_template_manager",
            groups="patient_reactivation.group_reactivation_manager",
            company_id=clinic.id,
            company_ids=clinic.ids,
            lang="en_US",
        )
        tara = self.env["res.partner"].create(
            {
                "name": "Tara Toures",
                "lang": "en_US",
                "email": "tara@example.com",
                "phone": "+1 212-555-0142",
            }
        )
        self.env["reactivation.external.visit"].create(
            {
                "company_id": clinic.id,
                "reference": "TOUR-TEMPLATE-1",
                "partner_id": tara.id,
                "date": fields.Datetime.now() - timedelta(days=300),
            }
        )
        self.env["reactivation.patient"]._refresh()
        self.start_tour(
            "/odoo/reactivation-templates",
            "reactivation_templates",
            login=manager.login,
        )
        campaign = self.env["reactivation.campaign"].search(
            [("company_id", "=", clinic.id)]
        )
        self.assertEqual((campaign.name, campaign.state), ("6-month recall", "draft"))
        self.assertFalse(campaign.enrollment_ids)
