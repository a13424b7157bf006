from datetime import datetime, timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .test_task_results import TaskCase


@tagged("post_install", "-at_install")
class TestEnrollmentDrag(TaskCase):
    """A card is moved to Booked by hand, and nowhere else."""

    def setUp(self):
        super().setUp()
        self.ada = self.callee()
        self.calls()
        self.run_crons()
        self.card = self.enrollment(self.ada)

    def drag(self, stage, user=None):
        """As the web client does it when a card is dropped."""
        card = self.at_desk(self.card, user)
        card.web_save({"stage": stage}, {"stage": {}})

    def test_front_desk_moves_a_card_to_booked(self):
        self.drag("booked")
        self.assertEqual(self.card.stage, "booked")
        self.assertEqual(self.card.staff_booked_on, fields.Datetime.now())
        self.assertDeliveries(self.ada, [("skipped", "booked")])

    def test_manager_and_automation_do_the_same(self):
        self.drag("booked", self.manager)
        self.assertEqual(self.card.stage, "booked")
        self.card.write({"stage": "booked"})
        self.assertEqual(self.card.stage, "booked")

    def test_other_columns_refuse_with_a_sentence(self):
        for stage in ("returned", "loyal", "one_time", "not_returned"):
            with self.assertRaisesRegex(UserError, "comes from visits alone"):
                self.drag(stage, self.manager)
        with self.assertRaisesRegex(UserError, "comes from the messages"):
            self.drag("contacted")
        self.assertEqual(self.card.stage, "enrolled")
        self.assertDeliveries(self.ada, ["todo"])

    def test_who_came_back_is_not_moved(self):
        self.later(days=1)
        self.visit(self.ada, datetime.now())
        self.run_crons()
        self.assertEqual(self.card.stage, "returned")
        with self.assertRaisesRegex(UserError, "not changed by hand"):
            self.drag("booked")

    def test_word_of_the_staff_holds_two_weeks(self):
        self.drag("booked")
        self.run_day(13)
        self.assertEqual(self.card.stage, "booked")
        self.run_day(2)
        self.assertEqual(self.card.stage, "enrolled")
        self.assertEqual(self.card.steps_ended, "booked", "no step goes on by itself")

    def test_visit_source_takes_over(self):
        self.drag("booked")
        self.meet(self.ada, datetime.now() + timedelta(days=20))
        self.run_day(16)
        self.assertEqual(self.card.stage, "booked")
        self.run_day(6)
        self.assertEqual(self.card.stage, "returned")

    def test_control_group_is_followed_as_well(self):
        self.card.is_control = True
        self.drag("booked")
        self.assertEqual(self.card.stage, "booked")
        self.assertEqual(self.card.steps_ended, "completed")

    def test_others_move_nothing(self):
        """I1, I3"""
        portal = new_test_user(self.env, login="paula", groups="base.group_portal")
        stranger = self.stranger()
        for user in (portal, stranger):
            with self.assertRaises(AccessError):
                self.card.with_user(user).write({"stage": "booked"})
        with self.assertRaises(AccessError):
            self.at_desk(self.card).write({"stage": "booked", "state": "stopped"})
        self.assertFalse(self.card.staff_booked_on)
