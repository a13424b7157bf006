"""What the clinic does about the reason of a patient, whoever found it."""

from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .test_survey import SurveyClinic


class FollowUpClinic(SurveyClinic):
    """A clinic whose staff learn why patients stay away."""

    def found(self, partner, code, user=None):
        """Somebody learns why a patient stays away; what follows begins."""
        row = self.row(partner)
        row = self.as_user(user, row) if user else row
        row.write({"reason_id": self.reason[code].id})
        self.routes._cron_open()
        self.env.invalidate_all()
        return self.routes.search([("partner_id", "=", partner.id)])

    def patient_of(self, name="Ada Marlow", **values):
        partner = self.lapsed(name, **values)
        self.refresh()
        return partner


@tagged("post_install", "-at_install")
class TestFollowUp(FollowUpClinic):
    def test_each_reason_has_its_response(self):
        """Cost, dissatisfaction, coverage, time: a task on the patient, due when the
        reason says; moved, deceased, elsewhere: nobody asks any more."""
        expected = {
            "cost": ("payment", 2),
            "coverage_changed": ("coverage", 3),
            "coverage_lost": ("coverage", 3),
            "dissatisfied": ("manager_call", 2),
            "no_time": ("times", 5),
            "hard_to_reach": ("times", 5),
            "moved": ("suppress", None),
            "other_provider": ("suppress", None),
            "asked": ("suppress", None),
            "deceased": ("suppress", None),
            "recovered": ("none", None),
            "unknown": ("none", None),
        }
        self.assertEqual(set(expected), set(self.reason))
        today = self.clinic._reactivation_today()
        for code, (route, days) in expected.items():
            with self.subTest(code):
                partner = self.patient_of(f"Patient {code}")
                [found] = self.found(partner, code)
                self.assertEqual(found.route, route)
                if days is None:
                    self.assertEqual(found.state, "nothing")
                    self.assertFalse(found.activity_id)
                    status = self.row(partner).status
                    excluded = route == "suppress"
                    self.assertEqual(status == "excluded", excluded)
                    continue
                self.assertEqual(found.state, "todo")
                task = found.activity_id
                self.assertEqual(
                    (task.res_model, task.res_id), ("res.partner", partner.id)
                )
                self.assertEqual(task.user_id, self.manager)
                self.assertEqual(task.date_deadline, today + timedelta(days=days))

    def test_the_desk_sets_it(self):
        """The front desk notes the reason on the patient's form: known from staff, and
        followed up once, also when it is saved again."""
        partner = self.patient_of()
        partner_of_desk = self.as_user(self.desk, partner)
        partner_of_desk.lapse_reason_id = self.reason["cost"]
        self.routes._cron_open()
        self.env.invalidate_all()
        self.assertEqual(self.row(partner).reason_source, "staff")
        self.assertIn("Told to staff", partner_of_desk.lapse_reason_text)
        partner_of_desk.lapse_reason_id = self.reason["cost"]
        self.routes._cron_open()
        self.assertEqual(len(self.routes.search([])), 1)

    def test_what_came_of_it(self):
        """Done in Odoo's own list of activities: the follow-up says so."""
        first = self.found(self.patient_of(), "dissatisfied")
        first.activity_id.action_feedback(feedback="Will come back in May")
        self.assertEqual(first.state, "done")
        self.assertEqual(first.feedback_note, "Will come back in May")
        second = self.found(self.patient_of("Bea Hill"), "cost")
        second.activity_id.unlink()
        self.assertEqual(second.state, "canceled")

    def test_a_new_lapse_is_followed_up_anew(self):
        partner = self.patient_of(days=400)
        self.found(partner, "no_time")
        self.visit(partner, 200)
        self.refresh()
        self.row(partner).write({"reason_id": False})
        self.found(partner, "no_time")
        self.assertEqual(len(self.routes.search([])), 2)

    def test_import_begins_nothing(self):
        """A file with a thousand reasons is no morning with a thousand tasks."""
        partner = self.patient_of()
        self.row(partner).with_context(import_file=True).write(
            {"reason_id": self.reason["cost"].id}
        )
        self.routes._cron_open()
        self.assertEqual(self.row(partner).reason_source, "import")
        self.assertFalse(self.routes.search([]))

    def test_coverage_that_ended(self):
        """Found in the data, once: whoever clears it is not contradicted every
        night.
        """
        partner = self.patient_of()
        partner.coverage_ends = fields.Date.today() + timedelta(days=1)
        self.routes._cron_open()
        self.assertFalse(self.row(partner).reason_id)
        self.later(days=2)
        self.routes._cron_open()
        row = self.row(partner)
        self.assertEqual(row.reason_id, self.reason["coverage_lost"])
        self.assertEqual(row.reason_source, "detected")
        self.assertEqual(self.routes.search([]).route, "coverage")
        row.write({"reason_id": False})
        self.later(days=1)
        self.routes._cron_open()
        self.assertFalse(row.reason_id)
        known = self.patient_of("Bea Hill")
        self.found(known, "cost")
        known.coverage_ends = fields.Date.today() - timedelta(days=1)
        self.routes._cron_open()
        self.assertEqual(self.row(known).reason_id, self.reason["cost"])

    def test_letter_came_back(self):
        """Returned by the post: the patient has moved, and hears nothing more."""
        partner = self.lapsed(
            "Ada Marlow",
            street="2 Side Street",
            city="New York",
            zip="10001",
            country_id=self.env.ref("base.us").id,
        )
        campaign = self.step_campaign("letter", letter_body="<p>Dear {name},</p>")
        self.start(campaign)
        self.run_crons()
        delivery = campaign.enrollment_ids.delivery_ids
        self.as_user(self.desk, delivery).action_result_done()
        self.as_user(self.desk, delivery).action_letter_returned()
        self.routes._cron_open()
        self.env.invalidate_all()
        row = self.row(partner)
        self.assertEqual(row.reason_id, self.reason["moved"])
        self.assertEqual(row.reason_source, "detected")
        self.assertEqual(row.status, "excluded")
        self.assertTrue(delivery.bounced_on)
        self.assertIn("bounced", campaign.enrollment_ids.outcome_ids.mapped("kind"))
        self.assertEqual(campaign.enrollment_ids.state, "stopped")
        with self.assertRaisesRegex(UserError, "Only letters"):
            self.as_user(self.desk, delivery).action_letter_returned()

    def test_whoever_left_gets_no_task(self):
        """Somebody who has left the clinic is followed by a manager."""
        self.manager.active = False
        user = self.clinic._reactivation_follow_up_user()
        self.assertTrue(user.active)

    def test_clinics_are_apart(self):
        partner = self.patient_of()
        self.found(partner, "cost")
        stranger = self.stranger()
        self.assertFalse(self.as_user(stranger, self.routes).search([]))
        self.assertTrue(self.as_user(self.desk, self.routes).search([]))
        with self.assertRaises(AccessError):
            self.as_user(self.desk, self.routes.search([])).write({"state": "done"})

    def test_text_of_the_task_stays_text(self):
        """F1: a reason with markup is text in the task."""
        self.reason["cost"].route_note = "<script>alert(1)</script>"
        found = self.found(self.patient_of(), "cost")
        self.assertNotIn("<script>", found.activity_id.note)

    def test_many_at_once(self):
        """The number of queries grows only with what Odoo itself needs for a task."""
        counts = []
        for size in (5, 60):
            people = self.env["res.partner"].union(
                *(self.lapsed(f"Patient {size} {n}") for n in range(size))
            )
            self.refresh()
            rows = self.patients.search([("partner_id", "in", people.ids)])
            rows.write({"reason_id": self.reason["dissatisfied"].id})
            ours = self.queries(self.routes._open_due)
            counts.append(ours - self.queries(lambda who=people: self.tasks(who)))
        self.assertEqual(len(self.routes.search([])), 65)
        self.assertLessEqual(counts[1], counts[0] + 5, counts)

    def queries(self, work):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        work()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def tasks(self, people):
        """As many tasks as Odoo makes them."""
        self.env["mail.activity"].with_context(mail_activity_quick_update=True).create(
            [
                {
                    "res_model_id": self.env["ir.model"]._get_id("res.partner"),
                    "res_id": partner.id,
                    "activity_type_id": self.env.ref("mail.mail_activity_data_call").id,
                    "user_id": self.manager.id,
                    "summary": "Call",
                }
                for partner in people
            ]
        )


@tagged("post_install", "-at_install")
class TestSwitch(SurveyClinic):
    """Going on with the method for the reason a patient gave."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.recall = cls.survey_campaign()
        plain = cls.recall.method_ids
        cls.env["reactivation.step"].create(
            {
                "name": "Later",
                "method_id": plain.id,
                "sequence": 9,
                "delay_days": 20,
            }
        )._create_mailing("en_US")
        cls.money = cls.env["reactivation.method"].create(
            {
                "name": "Cost",
                "campaign_id": cls.recall.id,
                "sequence": 50,
                "reason_ids": [Command.set(cls.reason["cost"].ids)],
                "step_ids": [
                    Command.create(
                        {"name": f"Money {number}", "sequence": number, "delay_days": 3}
                    )
                    for number in (1, 2)
                ],
            }
        )
        for step in cls.money.step_ids:
            step._create_mailing("en_US").subject = step.name

    def test_nobody_begins_with_it(self):
        for number in range(8):
            self.lapsed(f"Patient {number}")
        self.start(self.recall)
        self.assertEqual(
            self.recall.enrollment_ids.method_id, self.recall.method_ids[0]
        )

    def test_goes_on_with_it(self):
        """Its steps, in order, and none of the others; the patient still counts for the
        method that chance gave."""
        feedback = self.asked(campaign=self.recall)
        given = feedback.enrollment_id.method_id
        self.answer(feedback, "cost")
        enrollment = feedback.enrollment_id
        self.assertEqual(enrollment.switched_method_id, self.money)
        self.assertEqual(enrollment.method_id, given)
        self.assertEqual(self.routes.search([]).method_id, self.money)
        self.run_day(40)
        self.work()
        subjects = [mail["subject"] for mail in self.mails_to("ada.marlow@example.com")]
        self.assertEqual(subjects[2:], ["Money 1", "Money 2"], subjects)
        self.assertEqual(len(subjects), 4)
        self.assertEqual(enrollment.steps_ended, "completed")

    def test_stays_as_it_is_from_then_on(self):
        """Patients are on it: its steps do not change under them."""
        self.money.step_ids[0].delay_days = 4
        feedback = self.asked(campaign=self.recall)
        self.answer(feedback, "cost")
        self.assertTrue(self.money.is_locked)
        with self.assertRaisesRegex(UserError, "New Version"):
            self.money.step_ids[0].delay_days = 5

    def test_goes_on_although_all_was_done(self):
        """Who answers after the last step is followed up by the method all the same."""
        feedback = self.asked(campaign=self.recall)
        self.run_day(25)
        self.assertEqual(feedback.enrollment_id.steps_ended, "completed")
        self.answer(feedback, "cost")
        self.run_day(12)
        subjects = [mail["subject"] for mail in self.mails_to("ada.marlow@example.com")]
        self.assertIn("Money 2", subjects)

    def test_other_reasons_change_nothing(self):
        feedback = self.asked(campaign=self.recall)
        self.answer(feedback, "no_time")
        self.assertFalse(feedback.enrollment_id.switched_method_id)

    def test_not_the_control_group(self):
        ada = self.lapsed("Ada Marlow")
        self.recall.control_percent = 90
        self.start(self.recall)
        enrollment = self.enrollment(ada)
        enrollment.write(
            {"is_control": True, "next_step_id": False, "next_date": False}
        )
        self.row(ada).write({"reason_id": self.reason["cost"].id})
        self.routes._cron_open()
        self.assertFalse(enrollment.switched_method_id)
