"""A manager makes a method, and a new version of one that patients are on."""

from datetime import timedelta

from odoo import fields
from odoo.fields import Command
from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install")
class TestToursPlan(HttpCase):
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
            }
        )
        cls.manager = new_test_user(
            cls.env,
            login="tour_plan_manager",
            groups="patient_reactivation.group_reactivation_manager",
            company_id=cls.clinic.id,
            company_ids=cls.clinic.ids,
            lang="en_US",
        )

    def campaign(self, **values):
        return self.env["reactivation.campaign"].create(
            {
                "company_id": self.clinic.id,
                "user_id": self.manager.id,
                "segment_ids": [Command.create({"name": "Everybody"})],
                **values,
            }
        )

    def test_manager_makes_a_method_of_two_channels(self):
        campaign = self.campaign(name="Plan tour")
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
        partner = self.env["res.partner"].create(
            {"name": "Tara Toures", "lang": "en_US", "email": "tara@example.com"}
        )
        self.env["reactivation.external.visit"].create(
            {
                "company_id": self.clinic.id,
                "reference": "TOUR-PLAN-1",
                "partner_id": partner.id,
                "date": fields.Datetime.now() - timedelta(days=300),
            }
        )
        self.env["reactivation.patient"]._refresh()
        campaign = self.campaign(
            name="Version tour",
            method_ids=[
                Command.create(
                    {
                        "name": "E-mails",
                        "step_ids": [Command.create({"name": "E-mail 1"})],
                    }
                )
            ],
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
