"""How long calls took: measured by the open sheet, or said by the caller."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .test_task_results import TaskCase


@tagged("post_install", "-at_install")
class TestCallMinutes(TaskCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ada = cls.callee()
        cls.campaign_of_calls = cls.calls()

    def setUp(self):
        super().setUp()
        self.run_crons()
        self.call = self.task(self.ada)

    def usual(self, minutes):
        self.env["reactivation.cost"].create(
            {
                "company_id": self.clinic.id,
                "channel": "call",
                "price": 1,
                "unit": "minute",
                "minutes": minutes,
            }
        )

    def talk(self, minutes, user=None):
        """The sheet is opened, and lies open for so long."""
        self.at_desk(self.call, user).action_take()
        self.later(hours=minutes / 60)

    def test_as_long_as_the_sheet_was_open(self):
        self.talk(4)
        self.at_desk(self.call).action_take()
        self.later(hours=3 / 60)
        self.at_desk(self.call).action_result_booked()
        self.assertEqual(self.call.minutes, 7, "A sheet stays open by being taken.")

    def test_over_lunch(self):
        """Nobody talks for four times as long as usual."""
        self.usual(5)
        self.talk(90)
        self.at_desk(self.call).action_result_booked()
        self.assertEqual(self.call.minutes, 20)

    def test_over_lunch_where_nothing_is_usual(self):
        self.talk(90)
        self.at_desk(self.call).action_result_booked()
        self.assertEqual(self.call.minutes, 60)

    def test_written_down_afterwards(self):
        """Called from a list on paper: how long is not known."""
        self.talk(0.2)
        self.at_desk(self.call).action_result_booked()
        self.assertEqual(self.call.minutes, 0)

    def test_without_the_sheet(self):
        self.at_desk(self.call).action_result_booked()
        self.assertEqual(self.call.minutes, 0)

    def test_sheet_of_somebody_before(self):
        """Who gave it back did not call; the time of the next one counts anew."""
        self.talk(10, self.colleague)
        self.at_desk(self.call, self.colleague).action_release()
        self.later(hours=1)
        self.talk(3)
        self.at_desk(self.call).action_result_booked()
        self.assertEqual(self.call.minutes, 3)

    def test_calls_add_up(self):
        """Talked for two minutes, for five on another day; in between nobody was
        there, which costs as an attempt."""
        self.talk(2)
        self.at_desk(self.call).action_result_call_later(self.days_ago(-1))
        self.later(days=1)
        self.talk(1)
        self.at_desk(self.call).action_result_no_answer()
        self.later(days=1)
        self.talk(5)
        self.at_desk(self.call).action_result_booked()
        self.assertEqual((self.call.minutes, self.call.call_attempts), (7, 1))

    def test_said_by_the_caller(self):
        """The last word is the caller's; what is no number says nothing."""
        self.talk(2)
        desk = self.at_desk(self.call)
        desk.with_context(reactivation_minutes=12).action_result_booked()
        self.assertEqual(self.call.minutes, 12)

    def test_nonsense_from_outside(self):
        for said in ("12", -5, float("nan"), None, [1]):
            task = self.at_desk(self.call).with_context(reactivation_minutes=said)
            self.assertEqual(task._said_minutes(), 0, said)
        task = self.call.with_context(reactivation_minutes=1e9)
        self.assertEqual(task._said_minutes(), 480)

    def test_said_before_the_time_is_asked(self):
        """Call later asks for the time first, and keeps the minutes."""
        self.talk(2)
        desk = self.at_desk(self.call).with_context(reactivation_minutes=9)
        context = desk.action_result_call_later()["context"]
        dialog = self.env["reactivation.task.later"].with_user(self.desk)
        dialog = dialog.with_context(
            **context, allowed_company_ids=self.clinic.ids
        ).create({})
        dialog.action_confirm()
        self.assertEqual(self.call.minutes, 9)

    def test_corrected_afterwards(self):
        self.talk(50)
        self.at_desk(self.call).action_result_booked()
        action = self.at_desk(self.call).action_ask_minutes()
        self.assertEqual(action["context"]["default_minutes"], 50)
        dialog = self.env["reactivation.task.minutes"].with_user(self.desk)
        dialog = dialog.with_context(
            **action["context"], allowed_company_ids=self.clinic.ids
        ).create({"minutes": 8})
        dialog.action_confirm()
        self.assertEqual(self.call.minutes, 8)
        for wrong in (-1, 481, float("nan")):
            with self.assertRaises(UserError):
                self.at_desk(self.call).action_note_minutes(wrong)

    def test_only_of_a_call_that_was_made(self):
        with self.assertRaises(UserError):
            self.at_desk(self.call).action_note_minutes(5)

    def test_who_may(self):
        """The staff, of their own clinic."""
        self.at_desk(self.call).action_result_booked()
        stranger = self.as_user(self.stranger(), self.call)
        with self.assertRaises(AccessError):
            stranger.action_note_minutes(5)
        doctor = self.as_user(self.doctor, self.call)
        with self.assertRaises(AccessError):
            doctor.action_note_minutes(5)

    def test_wrong_number_took_time_too(self):
        self.usual(5)
        self.talk(2)
        self.at_desk(self.call).action_result_wrong_number()
        self.later(days=1)
        self.run_crons()
        self.assertEqual(self.enrollment(self.ada).call_cost, 2)
