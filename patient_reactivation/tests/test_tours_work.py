"""The morning of the front desk, in a real browser."""

from datetime import timedelta

from odoo import fields
from odoo.fields import Command
from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install")
class TestToursWork(HttpCase):
    """From the list to three results, without touching anything else."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("en_US")
        cls.env["reactivation.contact.rule"].search([]).active = False
        cls.clinic = cls.env["res.company"].create(
            {
                "name": "Tour Clinic",
                "street": "1 Main Street",
                "city": "New York",
                "zip": "10001",
                "country_id": cls.env.ref("base.us").id,
                "email": "clinic@example.com",
                "reactivation_tz": "America/New_York",
                # Whenever this test runs.
                "reactivation_hour_from": 0,
                "reactivation_hour_to": 24,
            }
        )
        cls.desk = new_test_user(
            cls.env,
            login="tour_desk",
            name="Tour Desk",
            groups="patient_reactivation.group_reactivation_user",
            company_id=cls.clinic.id,
            company_ids=cls.clinic.ids,
            lang="en_US",
        )
        cls.vera = cls._patient("Vera Toures", 3, "+1 212-555-0143")
        cls.tara = cls._patient("Tara Toures", 2, "+1 212-555-0142")
        cls.uwe = cls._patient("Uwe Toures", 1, "+1 212-555-0144")
        cls.env["reactivation.patient"]._refresh()

    @classmethod
    def _patient(cls, name, visits, phone):
        """A contact who came so often, the last time 250 days ago."""
        partner = cls.env["res.partner"].create(
            {"name": name, "phone": phone, "tz": "America/New_York", "lang": "en_US"}
        )
        cls.env["reactivation.external.visit"].create(
            [
                {
                    "company_id": cls.clinic.id,
                    "reference": f"TOUR-{name}-{number}",
                    "partner_id": partner.id,
                    "date": fields.Datetime.now() - timedelta(days=250 + 30 * number),
                }
                for number in range(visits)
            ]
        )
        return partner

    def _tasks(self):
        """A running campaign, whose calls lie before the front desk."""
        campaign = self.env["reactivation.campaign"].create(
            {
                "name": "Tour recall",
                "company_id": self.clinic.id,
                "user_id": self.desk.id,
                "segment_ids": [Command.create({"name": "Everybody"})],
                "method_ids": [
                    Command.create(
                        {
                            "name": "By phone",
                            "step_ids": [
                                Command.create(
                                    {
                                        "name": "Call",
                                        "channel": "call",
                                        "user_id": self.desk.id,
                                        "script": "Would Thursday suit you, "
                                        "{first_name}?",
                                    }
                                )
                            ],
                        }
                    )
                ],
            }
        )
        campaign.action_start()
        deliveries = self.env["reactivation.delivery"]
        deliveries._schedule_due()
        deliveries = deliveries.search([("campaign_id", "=", campaign.id)])
        for delivery in deliveries:
            # Three of them.
            delivery.write({"state": "claimed", "recipient_id": delivery.partner_id})
        deliveries._deliver()
        return deliveries

    def test_front_desk_works_through_the_list(self):
        """D7: three calls, by keyboard and mouse."""
        deliveries = self._tasks()
        self.start_tour("/odoo", "reactivation_work_list", login=self.desk.login)
        deliveries.invalidate_recordset()
        of = {item.partner_id: item for item in deliveries}
        self.assertEqual(
            [of[who].result for who in (self.vera, self.tara, self.uwe)],
            ["booked", "no_answer", "call_later"],
        )
        self.assertEqual(deliveries.result_user_id, self.desk)
        self.assertGreater(of[self.uwe].call_at, fields.Datetime.now())
        self.assertEqual(of[self.uwe].result_note, "after work")
        self.assertEqual(of[self.vera].enrollment_id.stage, "booked")
        self.assertFalse(deliveries.holder_id)
