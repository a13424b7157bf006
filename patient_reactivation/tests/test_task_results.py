from datetime import datetime, timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from .common import MailClinicCase


class TaskCase(MailClinicCase):
    """A campaign of one call, whose task lies before the front desk."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # A Tuesday, ten in the morning in New York.
        cls.frozen.move_to(datetime(2026, 3, 3, 15))
        cls.opening = datetime(2026, 3, 3, 15)
        cls.colleague = cls._staff(
            "colleague",
            cls.clinic,
            [Command.set(cls.clinic.ids)],
            "patient_reactivation.group_reactivation_user",
        )

    @classmethod
    def calls(cls, channel="call", **values):
        """A campaign with one step that people carry out."""
        texts = {
            "script": "Hello, is this {first_name}?",
            "letter_body": "<p>Dear {first_name},</p>",
            "message": "Hello {first_name}",
        }
        campaign = cls.step_campaign(
            channel, **{"name": "Call", "user_id": cls.desk.id} | texts | values
        )
        cls.start(campaign)
        return campaign

    @classmethod
    def callee(cls, name="Ada Sample", number=1, **values):
        values.setdefault("phone", f"+1 212-555-01{number:02d}")
        return cls.lapsed(name, **values)

    def task(self, partner):
        return self.enrollment(partner).delivery_ids.sorted("id")[-1:]

    def at_desk(self, record, user=None):
        return record.with_user(user or self.desk).with_context(
            allowed_company_ids=self.clinic.ids
        )


@tagged("post_install", "-at_install")
class TestTaskResults(TaskCase):
    """What came of a call is one click, and everything that follows from it."""

    def test_task_waits_for_the_front_desk(self):
        ada = self.callee()
        self.calls()
        self.run_crons()
        self.assertDeliveries(ada, ["todo"])
        self.assertIn("is this Ada?", self.at_desk(self.task(ada)).task_text)

    def test_booked_ends_the_steps_and_shows_on_the_board(self):
        ada = self.callee()
        self.calls()
        self.run_crons()
        task = self.task(ada)
        activity = task.activity_id
        self.at_desk(task).action_take()
        self.at_desk(task).action_result_booked()
        self.assertEqual(
            (task.state, task.result, task.result_user_id, task.holder_id.id),
            ("sent", "booked", self.desk, False),
        )
        self.assertEqual(task.sent_on, fields.Datetime.now())
        self.assertFalse(activity.active)
        self.assertEqual(activity.state, "done")
        enrollment = self.enrollment(ada)
        self.assertEqual((enrollment.stage, enrollment.steps_ended), ("booked",) * 2)

    def test_what_the_patient_said_goes_with_the_result(self):
        """The sheet hands over its note and the reason with the button."""
        cost = self.env.ref("patient_reactivation.reactivation_reason_cost")
        ada, ben = self.callee("Ada Sample", 1), self.callee("Ben Sample", 2)
        self.calls()
        self.run_crons()
        said = {
            "reactivation_note": " Too dear since the move ",
            "reactivation_reason_id": cost.id,
        }
        task = self.task(ada)
        self.at_desk(task).with_context(**said).action_result_not_interested()
        self.assertEqual(task.result_note, "Too dear since the move")
        self.assertEqual(self.enrollment(ada).patient_id.reason_id, cost)
        # Asked for the time first, the note stands in the dialog; the last word counts.
        task = self.task(ben)
        desk = self.at_desk(task).with_context(**said)
        context = desk.action_result_call_later()["context"]
        self.assertEqual(context["default_note"], "Too dear since the move")
        dialog = self.env["reactivation.task.later"].with_user(self.desk)
        dialog = dialog.with_context(
            **context,
            reactivation_note=said["reactivation_note"],
            allowed_company_ids=self.clinic.ids,
        ).create({"note": False})
        dialog.action_confirm()
        self.assertEqual((task.result, task.result_note), ("call_later", False))
        self.assertEqual(self.enrollment(ben).patient_id.reason_id, cost)

    def test_nothing_said_changes_no_reason(self):
        cost = self.env.ref("patient_reactivation.reactivation_reason_cost")
        ada = self.callee()
        self.calls()
        self.run_crons()
        self.enrollment(ada).patient_id.reason_id = cost
        said = {"reactivation_note": "", "reactivation_reason_id": 0}
        self.at_desk(self.task(ada)).with_context(**said).action_result_no_answer()
        self.assertFalse(self.task(ada).result_note)
        self.assertEqual(self.enrollment(ada).patient_id.reason_id, cost)

    def test_call_later_keeps_the_task_for_its_hour(self):
        ada = self.callee()
        self.calls()
        self.run_crons()
        task = self.task(ada)
        thursday = datetime(2026, 3, 5, 21)
        self.at_desk(task).action_result_call_later(thursday, "after work")
        self.assertEqual(
            (task.state, task.result, task.call_at, task.result_note),
            ("todo", "call_later", thursday, "after work"),
        )
        self.assertEqual(task.activity_id.date_deadline, thursday.date())
        said = self.enrollment(ada).message_ids.mapped("body")
        self.assertTrue([body for body in said if "after work" in body])

    def test_call_later_asks_for_the_time_on_the_clinic_s_clock(self):
        ada = self.callee()
        self.calls()
        self.run_crons()
        task = self.at_desk(self.task(ada))
        action = task.action_result_call_later()
        dialog = (
            self.env[action["res_model"]]
            .with_user(self.desk)
            .with_context(**action["context"], allowed_company_ids=self.clinic.ids)
            .create({})
        )
        # Called in the morning: proposed is the next afternoon.
        self.assertEqual((str(dialog.day), dialog.hour), ("2026-03-04", 14))
        self.assertIn("New York", dialog.clock)
        dialog.hour = 16.5
        dialog.action_confirm()
        self.assertEqual(task.call_at, datetime(2026, 3, 4, 21, 30))

    def test_call_later_at_night_is_refused_with_the_hours(self):
        """T3: eight in the evening in Denver is ten in New York."""
        ada = self.callee(
            state_id=self.env.ref("base.state_us_6").id,
            country_id=self.env.ref("base.us").id,
        )
        self.calls()
        self.run_crons()
        self.later(hours=4)
        self.run_crons()
        task = self.at_desk(self.task(ada))
        with self.assertRaisesRegex(ValidationError, "may not be called then"):
            task.action_result_call_later(datetime(2026, 3, 5, 13))
        with self.assertRaisesRegex(ValidationError, "in the future"):
            task.action_result_call_later(datetime(2026, 3, 2, 18))
        self.assertFalse(task.call_at)

    def test_nobody_answers_three_times(self):
        """D7: tried on other days and halves of the day, and then given up."""
        ada = self.callee()
        self.calls(max_attempts=3)
        self.run_crons()
        task = self.task(ada)
        self.at_desk(task).action_result_no_answer()
        # In the morning: the next afternoon, two o'clock in New York.
        self.assertEqual(task.call_at, datetime(2026, 3, 4, 19))
        self.assertEqual((task.state, task.call_attempts), ("todo", 1))
        with self.at(datetime(2026, 3, 6, 20)):
            self.at_desk(task).action_result_no_answer()
            # On a Friday afternoon: Monday morning.
            self.assertEqual(task.call_at, datetime(2026, 3, 9, 14))
        with self.at(datetime(2026, 3, 9, 15)):
            self.at_desk(task).action_result_no_answer()
        self.assertDeliveries(ada, [("skipped", "no_answer")])
        self.assertEqual(task.call_attempts, 3)
        self.assertFalse(task.sent_on, "nobody was reached")

    def test_wrong_number_is_never_called_again(self):
        ada = self.callee()
        self.calls(fallback_channel="letter")
        self.run_crons()
        task = self.task(ada)
        self.at_desk(task).action_result_wrong_number()
        self.assertEqual((task.state, task.reason), ("skipped", "wrong_number"))
        suppressed = self.env["reactivation.suppression"].search([])
        self.assertEqual(suppressed.mapped("reason"), ["wrong_number"])
        ben = self.callee("Ben Sample")
        self.run_crons()
        self.assertFalse(self.enrollment(ben), "nobody calls this number any more")

    def test_not_interested_ends_this_campaign_only(self):
        ada = self.callee()
        self.calls()
        self.run_crons()
        self.at_desk(self.task(ada)).action_result_not_interested()
        enrollment = self.enrollment(ada)
        self.assertEqual(
            (enrollment.state, enrollment.stop_reason), ("stopped", "not_interested")
        )
        self.assertEqual(self.task(ada).state, "sent")
        self.assertFalse(
            self.env["reactivation.consent"].search([("partner_id", "=", ada.id)])
        )

    def test_do_not_contact_is_an_objection_on_every_channel(self):
        """E4: it covers everybody at the number."""
        ada = self.callee()
        ben = self.callee("Ben Sample", phone=ada.phone)
        self.calls()
        self.run_crons()
        self.at_desk(self.task(ada)).action_result_do_not_contact("Leave me alone")
        words = self.env["reactivation.consent"].search([("partner_id", "=", ada.id)])
        self.assertEqual(set(words.mapped("state")), {"withdrawn"})
        self.assertEqual(set(words.mapped("channel")), {"all"})
        self.assertIn("Leave me alone", words[0].text)
        self.assertEqual(words[0].user_id, self.desk)
        self.assertEqual(self.enrollment(ada).stop_reason, "opted_out")
        self.later(days=8)
        self.run_crons()
        self.assertNotIn("todo", self.task(ben).mapped("state"))

    def test_letters_are_done_together(self):
        people = self.env["res.partner"]
        for number in range(3):
            people |= self.callee(
                f"Patient {number}",
                number,
                street="1 Elm Street",
                city="New York",
                zip="10001",
                country_id=self.env.ref("base.us").id,
            )
        self.calls("letter")
        self.run_crons()
        tasks = self.env["reactivation.delivery"].search([("state", "=", "todo")])
        self.assertEqual(len(tasks), 3)
        self.at_desk(tasks).action_result_done()
        self.assertEqual(set(tasks.mapped("state")), {"sent"})
        self.assertEqual(set(tasks.mapped("result")), {"done"})
        self.assertFalse(tasks.activity_id.filtered("active"))

    # ------------------------------------------------------------------- refusals

    def test_result_is_given_once(self):
        ada = self.callee()
        self.calls()
        self.run_crons()
        task = self.task(ada)
        self.at_desk(task).action_result_not_interested()
        for method in ("booked", "no_answer", "not_interested", "done"):
            with self.assertRaisesRegex(UserError, "Desk has done this already"):
                getattr(self.at_desk(task, self.colleague), f"action_result_{method}")()
        self.assertEqual(task.result, "not_interested")

    def test_task_in_the_hand_of_a_colleague(self):
        ada = self.callee()
        self.calls()
        self.run_crons()
        task = self.task(ada)
        self.at_desk(task).action_take()
        theirs = self.at_desk(task, self.colleague)
        with self.assertRaisesRegex(UserError, "Desk is working on a task of Ada"):
            theirs.action_take()
        with self.assertRaisesRegex(UserError, "Desk is working on a task of Ada"):
            theirs.action_result_booked()
        theirs.action_release()
        self.assertEqual(task.holder_id, self.desk, "only one's own is given back")
        self.later(hours=1)
        self.assertTrue(theirs.action_take())
        self.assertEqual(task.holder_id, self.colleague)
        theirs.action_release()
        self.assertFalse(task.holder_id)

    def test_two_patients_with_one_number_are_not_called_by_two(self):
        """E4"""
        self.clinic.reactivation_family_rule = "apart"
        ada = self.callee()
        ben = self.callee("Ben Sample", phone=ada.phone)
        self.calls()
        self.run_crons()
        self.later(days=7)
        self.run_crons()
        if len(self.env["reactivation.delivery"].search([("state", "=", "todo")])) < 2:
            tasks = self.task(ada) | self.task(ben)
            tasks.write({"state": "todo", "recipient_id": ada.id})
        self.at_desk(self.task(ada)).action_take()
        with self.assertRaisesRegex(UserError, "Desk is working"):
            self.at_desk(self.task(ben), self.colleague).action_take()

    def test_patient_who_booked_meanwhile_needs_no_call(self):
        """E7: nothing was noticed yet; the question is asked when the task is taken."""
        ada = self.callee()
        self.calls()
        self.run_crons()
        task = self.task(ada)
        self.meet(ada, datetime.now() + timedelta(days=3))
        self.assertFalse(self.at_desk(task).action_take())
        self.assertDeliveries(ada, [("skipped", "booked")])
        self.assertFalse(task.activity_id)
        with self.assertRaisesRegex(UserError, "nothing to do any more"):
            self.at_desk(task).action_result_no_answer()

    def test_no_answer_of_a_patient_who_opted_out_meanwhile(self):
        ada = self.callee()
        self.calls()
        self.run_crons()
        task = self.task(ada)
        self.at_desk(task).action_take()
        self.env["reactivation.consent"]._withdraw(
            ada, self.clinic, "call", "all", "staff"
        )
        word = self.at_desk(task).action_result_no_answer()
        self.assertIn("Opted out", word["params"]["message"])
        self.assertDeliveries(ada, [("skipped", "opted_out")])

    def test_manual_tasks_close_when_a_booking_is_noticed(self):
        """E7, for every channel people carry out."""
        for number, channel in enumerate(("call", "letter", "social", "video")):
            with self.subTest(channel=channel):
                self.clinic.reactivation_video_url = "https://video.example.com/room"
                partner = self.callee(
                    f"Patient {channel.title()}",
                    number,
                    street="1 Elm Street",
                    city="New York",
                    zip="10001",
                    state_id=self.env.ref("base.state_us_27").id,
                    country_id=self.env.ref("base.us").id,
                )
                campaign = self.calls(channel)
                self.run_crons()
                task = self.task(partner)
                self.assertEqual((task.state, task.reason), ("todo", False))
                activity = task.activity_id
                self.meet(partner, datetime.now() + timedelta(days=3))
                self.env["reactivation.outcome"]._refresh()
                self.env.invalidate_all()
                self.assertEqual((task.state, task.reason), ("skipped", "booked"))
                self.assertFalse(activity.exists())
                campaign.state = "done"

    # ---------------------------------------------------------- Odoo's activities

    def test_activity_marked_done_elsewhere(self):
        ada = self.callee()
        self.calls()
        self.run_crons()
        task = self.task(ada)
        activity = self.at_desk(task).activity_id
        activity.action_feedback(feedback="Spoke with her")
        self.assertEqual(
            (task.state, task.result, task.result_note, task.result_user_id),
            ("sent", "done", "Spoke with her", self.desk),
        )

    def test_activity_canceled_elsewhere(self):
        ada = self.callee()
        self.calls()
        self.run_crons()
        self.task(ada).activity_id.unlink()
        self.assertDeliveries(ada, [("skipped", "not_done")])

    # --------------------------------------------------------------------- family

    def family(self):
        """Mother and child with one number: one task names both."""
        mother = self.callee("Mary Sample")
        child = self.callee("Carl Sample", phone=mother.phone)
        self.calls()
        self.run_crons()
        tasks = self.task(mother) | self.task(child)
        lead = tasks.filtered(lambda item: not item.lead_id)
        self.assertEqual(len(lead), 1)
        self.assertEqual(lead.member_ids, tasks - lead)
        return lead, tasks

    def test_one_result_for_the_family(self):
        """E4: one call names all of them, and nobody is dropped."""
        lead, tasks = self.family()
        self.assertIn("Carl", self.at_desk(lead).task_text)
        self.assertIn("Mary", self.at_desk(lead).task_text)
        self.at_desk(lead).action_result_not_interested()
        self.assertEqual(tasks.mapped("state"), ["sent", "sent"])
        self.assertEqual(
            tasks.enrollment_id.mapped("stop_reason"), ["not_interested"] * 2
        )

    def test_no_answer_of_a_family_is_one_attempt_for_each(self):
        """E4"""
        lead, tasks = self.family()
        self.at_desk(lead).action_result_no_answer()
        self.assertEqual(tasks.mapped("call_attempts"), [1, 1])
        self.assertEqual(len(set(tasks.mapped("call_at"))), 1)

    def test_one_of_the_family_has_booked(self):
        """E4: the others are still called."""
        lead, tasks = self.family()
        self.meet(lead.partner_id, datetime.now() + timedelta(days=3))
        self.assertFalse(self.at_desk(lead).action_take())
        self.assertEqual((lead.state, lead.reason), ("skipped", "booked"))
        other = tasks - lead
        self.assertEqual((other.state, other.lead_id.id), ("pending", False))

    # ---------------------------------------------------------------------- roles

    def test_roles(self):
        """I1, I3: the front desk and managers; nobody else, nor another clinic."""
        ada = self.callee()
        self.calls()
        self.run_crons()
        task = self.task(ada)
        portal = new_test_user(self.env, login="paula", groups="base.group_portal")
        employee = new_test_user(self.env, login="emil", groups="base.group_user")
        stranger = self.stranger()
        methods = [
            "action_take",
            "action_release",
            *(
                f"action_result_{name}"
                for name in (
                    "booked",
                    "call_later",
                    "no_answer",
                    "wrong_number",
                    "not_interested",
                    "do_not_contact",
                    "accepted",
                    "done",
                )
            ),
        ]
        for user in (portal, employee, stranger):
            for method in methods:
                with (
                    self.subTest(user=user.login, method=method),
                    self.assertRaises(AccessError),
                ):
                    getattr(task.with_user(user), method)()
        self.assertEqual(task.state, "todo")
        with self.assertRaises(AccessError):
            self.at_desk(task).write({"state": "sent"})
        self.at_desk(task, self.manager).action_result_booked()
        self.assertEqual(task.result, "booked")
