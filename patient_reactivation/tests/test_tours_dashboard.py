"""The owner reads a month, on the desk and on the phone."""

from datetime import datetime, timedelta

from dateutil.relativedelta import relativedelta

from odoo.fields import Command
from odoo.tests import tagged

from .common import TourCase


@tagged("post_install", "-at_install")
class TestToursDashboard(TourCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls.staff("tour_owner")

    def tell(self):
        """A campaign whose first windows have closed, and one month of new patients."""
        for number in range(6):
            self.patient(f"Without {number}", email=False)
        self.env["reactivation.patient"]._refresh()
        campaign = self.new_campaign(
            self.manager,
            name="Twelve months away",
            control_percent=20,
            segment_ids=[Command.create({"name": "Came <script> often"})],
            method_ids=self.method("E-mails", name="First e-mail"),
        )
        campaign.method_ids.step_ids._create_mailing("en_US")
        campaign.write(
            {"state": "running", "date_start": datetime.now() - timedelta(days=400)}
        )
        allocation = self.env["reactivation.allocation"].create(
            {
                "campaign_id": campaign.id,
                "segment_id": campaign.segment_ids.id,
                "date": datetime.now(),
                "kind": "weighted",
                "control_percent": 20,
                "share_ids": [
                    Command.create({"method_id": campaign.method_ids.id, "share": 1})
                ],
            }
        )
        today = self.clinic._reactivation_today()
        this = datetime(today.year, today.month, 1, 1)
        long_ago = this - timedelta(days=290)
        self.enroll(campaign, allocation, long_ago, 40, 16)
        self.enroll(campaign, allocation, long_ago, 10, 2, is_control=True)
        before = this - relativedelta(months=1) + timedelta(days=1)
        self.enroll(campaign, allocation, before, 9, 0)
        self.enroll(campaign, allocation, before - relativedelta(months=1), 6, 0)
        self.enroll(campaign, allocation, this, 6, 0)
        return campaign

    def enroll(self, campaign, allocation, on, count, returned, **values):
        partners = self.env["res.partner"].create(
            [{"name": f"Patient {number}"} for number in range(count)]
        )
        came = on + timedelta(days=20)
        self.env["reactivation.enrollment"].create(
            [
                {
                    "campaign_id": campaign.id,
                    "company_id": self.clinic.id,
                    "partner_id": partner.id,
                    "segment_id": campaign.segment_ids.id,
                    "method_id": campaign.method_ids.id,
                    "allocation_id": allocation.id,
                    "enrolled_on": on,
                    "first_contact_date": on,
                    "return_closes": on + timedelta(days=90),
                    "loyalty_closes": on + timedelta(days=270),
                    "returned_date": came if number < returned else False,
                    "loyal_date": came + timedelta(days=30)
                    if number < returned / 2
                    else False,
                    "revenue": 90 if number < returned else 0,
                    "message_cost": 0.2,
                    "state": "done",
                    **values,
                }
                for number, partner in enumerate(partners)
            ]
        )

    def test_owner_reads_a_month(self):
        self.tell()
        self.start_tour("/odoo", "reactivation_dashboard", login=self.manager.login)

    def test_owner_of_a_new_clinic(self):
        self.start_tour("/odoo", "reactivation_dashboard_new", login=self.manager.login)

    def test_owner_reads_it_on_the_phone(self):
        """Nothing is cut off, and the page is as wide as the phone."""
        self.tell()
        self.browser_size = "390x844"
        self.touch_enabled = True
        self.start_tour(
            "/odoo", "reactivation_dashboard_phone", login=self.manager.login
        )
