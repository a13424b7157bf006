"""A new clinic's first day, in a real browser: nothing is there but its visits."""

from odoo.tests import tagged

from .common import ANY_HOUR, TourCase, stay_in_transaction

PATIENTS = 40


@tagged("post_install", "-at_install")
class TestToursFirstDay(TourCase):
    clinic_values = {"phone": "+1 212-555-0100", **ANY_HOUR}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        stay_in_transaction(cls)
        cls.env["reactivation.contact.rule"].search([]).active = False
        template = cls.env.ref("patient_reactivation.campaign_template_back")
        template.method_ids.step_ids.write(
            {"hour_from": 0, "hour_to": 0, "is_workday": False}
        )
        cls.manager = cls.staff("tour_new_manager")
        cls.desk = cls.staff("tour_new_desk", "user")
        # So many that chance gives the method that calls first to enough of them.
        for number in range(PATIENTS):
            cls.patient(
                f"Pat{number} Toures",
                (500,),
                email=f"pat{number}@example.com",
                phone=f"+1 212-555-01{number:02}",
                street=f"{number} Main Street",
                city="New York",
                zip="10001",
                tz="America/New_York",
            )

    def test_from_the_empty_app_to_three_calls(self):
        self.start_tour(
            "/odoo", "reactivation_first_campaign", login=self.manager.login
        )
        campaign = self.env["reactivation.campaign"].search(
            [("company_id", "=", self.clinic.id)]
        )
        self.assertEqual((campaign.state, campaign.enrolled_count), ("running", 40))
        self.assertTrue(campaign.rehearsed_on)
        self.env["reactivation.delivery"]._cron_run()
        self.start_tour("/odoo", "reactivation_first_calls", login=self.desk.login)
        self.env.invalidate_all()
        said = campaign.enrollment_ids.delivery_ids.filtered("result")
        self.assertEqual(
            sorted(said.mapped("result")), ["booked", "no_answer", "not_interested"]
        )
        self.assertEqual(said.result_user_id, self.desk)
        stages = said.sorted("result").enrollment_id.mapped("stage")
        self.assertEqual(stages[0], "booked")
