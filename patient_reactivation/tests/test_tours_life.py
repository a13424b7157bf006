"""A manager mends a campaign and starts it; the first steps of a new clinic."""

from datetime import timedelta

from odoo import fields
from odoo.fields import Command
from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install")
class TestToursLife(HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("en_US")
        cls.clinic = cls.env["res.company"].create(
            {
                "name": "Tour Clinic",
                "street": "1 Main Street",
                "city": "New York",
                "zip": "10001",
                "country_id": cls.env.ref("base.us").id,
                "email": "clinic@example.com",
                "phone": "+1 212-555-0100",
            }
        )
        cls.manager = new_test_user(
            cls.env,
            login="tour_life_manager",
            groups="patient_reactivation.group_reactivation_manager,"
            "base.group_partner_manager",
            company_id=cls.clinic.id,
            company_ids=cls.clinic.ids,
            lang="en_US",
        )
        tara = cls.env["res.partner"].create(
            {
                "name": "Tara Toures",
                "lang": "en_US",
                "email": "tara@example.com",
                "phone": "+1 212-555-0142",
            }
        )
        cls.env["reactivation.external.visit"].create(
            {
                "company_id": cls.clinic.id,
                "reference": "TOUR-LIFE-1",
                "partner_id": tara.id,
                "date": fields.Datetime.now() - timedelta(days=300),
            }
        )
        cls.env["reactivation.patient"]._refresh()

    def test_manager_mends_what_is_wrong_and_starts(self):
        """E12: each fault is shown, mended behind its link, and the campaign starts."""
        campaign = self.env["reactivation.campaign"].create(
            {
                "name": "Tour with faults",
                "company_id": self.clinic.id,
                "user_id": self.manager.id,
                "email_from": "Tour Clinic",
                "segment_ids": [Command.create({"name": "Everybody"})],
                "method_ids": [
                    Command.create(
                        {
                            "name": "Calls",
                            "step_ids": [
                                Command.create({"name": "First", "channel": "call"})
                            ],
                        }
                    )
                ],
            }
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
