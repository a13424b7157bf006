"""The morning of the front desk, in a real browser."""

from odoo import fields
from odoo.tests import tagged

from .common import ANY_HOUR, TourCase


@tagged("post_install", "-at_install")
class TestToursWork(TourCase):
    """From the list to three results, without touching anything else."""

    clinic_values = ANY_HOUR

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["reactivation.contact.rule"].search([]).active = False
        cls.desk = cls.staff("tour_desk", "user")
        cls.vera = cls._patient("Vera Toures", 3, "+1 212-555-0143")
        cls.tara = cls._patient("Tara Toures", 2, "+1 212-555-0142")
        cls.uwe = cls._patient("Uwe Toures", 1, "+1 212-555-0144")
        cls.env["reactivation.patient"]._refresh()

    @classmethod
    def _patient(cls, name, visits, phone):
        """A contact who came so often, the last time 250 days ago."""
        days = [250 + 30 * number for number in range(visits)]
        return cls.patient(name, days, phone=phone, tz="America/New_York")

    def _tasks(self):
        """A running campaign, whose calls lie before the front desk."""
        campaign = self.new_campaign(
            self.desk,
            method_ids=self.method(
                "By phone",
                name="Call",
                channel="call",
                user_id=self.desk.id,
                script="Would Thursday suit you, {first_name}?",
            ),
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
        self.assertEqual(
            [of[who].result_note for who in (self.vera, self.tara, self.uwe)],
            ["Comes with her mother", "The line was bad", "after work"],
        )
        self.assertEqual(
            [of[who].minutes for who in (self.vera, self.tara, self.uwe)], [7, 0, 0]
        )
        cost = self.env.ref("patient_reactivation.reactivation_reason_cost")
        reasons = [of[who].sheet_reason_id for who in (self.vera, self.tara, self.uwe)]
        self.assertEqual(reasons, [cost.browse(), cost, cost.browse()])
        self.assertEqual(of[self.vera].enrollment_id.stage, "booked")
        self.assertFalse(deliveries.holder_id)
