"""The reports in a real browser: desk and phone."""

from datetime import timedelta

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from .common import TourCase


@tagged("post_install", "-at_install")
class TestToursReports(TourCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls.staff("tour_reports_manager")
        cls.desk = cls.staff("tour_reports_desk", "user")

    def tell(self):
        """Ten patients who got an e-mail 120 days ago, six of them a call as well; of
        the others three returned. Two more were left alone."""
        campaign = self.new_campaign(
            self.manager,
            control_percent=10,
            method_ids=[
                Command.create(
                    {
                        "name": "E-mails and calls",
                        "step_ids": [
                            Command.create({"name": "First e-mail", "sequence": 1}),
                            Command.create(
                                {
                                    "name": "Call",
                                    "channel": "call",
                                    "sequence": 2,
                                    "delay_days": 7,
                                }
                            ),
                        ],
                    }
                )
            ],
        )
        began = fields.Datetime.now() - timedelta(days=120)
        campaign.write({"state": "running", "date_start": began})
        allocation = self.env["reactivation.allocation"].create(
            {
                "campaign_id": campaign.id,
                "segment_id": campaign.segment_ids.id,
                "date": began,
                "kind": "weighted",
                "control_percent": 10,
                "share_ids": [
                    Command.create({"method_id": campaign.method_ids.id, "share": 1.0})
                ],
            }
        )
        patients = [self.patient(f"Patient {number}") for number in range(12)]
        enrollments = self.env["reactivation.enrollment"].create(
            [
                {
                    "campaign_id": campaign.id,
                    "company_id": self.clinic.id,
                    "partner_id": patient.id,
                    "segment_id": campaign.segment_ids.id,
                    "method_id": number < 10 and campaign.method_ids.id,
                    "is_control": number >= 10,
                    "allocation_id": allocation.id,
                    "enrolled_on": began,
                    "episode_date": began - timedelta(days=180),
                    "return_closes": began + timedelta(days=90),
                    "loyalty_closes": began + timedelta(days=270),
                    "first_contact_date": number < 10 and began,
                    "returned_date": number < 3
                    and began.date() + timedelta(days=20 + 14 * number),
                    "stage": "returned" if number < 3 else "not_returned",
                    "state": "done",
                }
                for number, patient in enumerate(patients)
            ]
        )
        mail, call = campaign.method_ids.step_ids
        self.env["reactivation.delivery"].create(
            [
                {
                    "enrollment_id": enrollment.id,
                    "step_id": step.id,
                    "campaign_id": campaign.id,
                    "company_id": self.clinic.id,
                    "channel": step.channel,
                    "state": "sent",
                    "date": began + timedelta(days=days),
                    "first_date": began + timedelta(days=days),
                    "sent_on": began + timedelta(days=days),
                    "opened_on": step == mail and number < 4 and began,
                }
                for step, days, chosen in (
                    (mail, 0, range(10)),
                    (call, 9, range(4, 10)),
                )
                for number in chosen
                for enrollment in enrollments[number]
            ]
        )
        return campaign

    def test_manager_reads_the_funnel(self):
        self.tell()
        self.start_tour("/odoo", "reactivation_funnel", login=self.manager.login)

    def test_manager_reads_the_cohorts(self):
        self.tell()
        self.start_tour("/odoo", "reactivation_cohort", login=self.manager.login)

    def test_nothing_to_report_yet(self):
        self.start_tour("/odoo", "reactivation_reports_empty", login=self.manager.login)

    def test_reports_on_a_phone(self):
        self.tell()
        self.browser_size = "390x844"
        self.touch_enabled = True
        for report in ("funnel", "cohort"):
            # One page after the other.
            self.start_tour(
                f"/odoo/reactivation-{report}",
                f"reactivation_{report}_phone",
                login=self.manager.login,
            )

    def test_front_desk_sees_the_card(self):
        self.tell()
        self.start_tour(
            "/odoo/reactivation-campaigns",
            "reactivation_campaign_card",
            login=self.desk.login,
        )
