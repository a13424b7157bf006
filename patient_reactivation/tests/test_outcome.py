from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import MailClinicCase


@tagged("post_install", "-at_install")
class TestOutcome(MailClinicCase):
    """Returned and stayed, by the definitions, from the live visits."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ada = cls.lapsed("Ada")
        cls.recall = cls.campaign(start=True)

    @property
    def story(self):
        self.env.invalidate_all()
        return self.enrollment(self.ada).sorted("id")[:1]

    def outcomes(self):
        return self.story.outcome_ids.sorted("id").mapped("kind")

    def go(self, days):
        """Let days go by and look once."""
        self.later(days=days)
        self.run_crons()

    def test_booked_then_returned_then_loyal(self):
        self.run_crons()
        meeting = self.meet(self.ada, -5)
        self.go(1)
        self.assertEqual(self.story.stage, "booked")
        self.assertEqual(self.story.booked_date, meeting.start)
        self.go(6)
        self.assertEqual(self.story.stage, "returned")
        self.assertEqual(self.story.state, "done")
        self.visit(self.ada, -95, state="planned")
        self.go(50)
        self.assertEqual(self.story.stage, "returned")
        self.visit(self.ada, 1)
        self.go(1)
        self.assertEqual(self.story.stage, "loyal")
        self.assertEqual(self.outcomes(), ["booked", "returned", "loyal"])

    def test_appointment_after_the_window_is_no_booking(self):
        """It has nothing to do with the campaign any more."""
        self.run_crons()
        self.meet(self.ada, -100)
        self.go(1)
        self.assertEqual(self.story.stage, "contacted")
        self.assertFalse(self.outcomes())

    def test_visit_after_the_window_is_no_return(self):
        self.go(95)
        self.visit(self.ada, 0)
        self.go(1)
        self.assertEqual(self.story.stage, "not_returned")
        self.assertEqual(self.recall.returned_count, 0)

    def test_visit_on_the_last_day_of_the_window_is_a_return(self):
        self.later(days=90)
        self.visit(self.ada, 0)
        self.go(1)
        self.assertEqual(self.story.stage, "returned")

    def test_second_visit_on_the_day_of_return_does_not_make_loyal(self):
        self.later(days=10)
        self.visit(self.ada, 0.2)
        self.visit(self.ada, 0.1)
        self.go(1)
        self.assertEqual(self.story.stage, "returned")

    def test_came_once_and_stayed_away(self):
        self.later(days=10)
        self.visit(self.ada, 0)
        self.go(1)
        self.go(185)
        self.assertEqual(self.story.stage, "one_time")

    def test_many_running_are_found_in_one_reading_of_all_visits(self):
        """The visits of few patients are read by their index, else all at once."""
        self.run_crons()
        self.meet(self.ada, -5)
        bob = self.lapsed("Bob")
        self.visit(bob, 0)
        patients = type(self.env["reactivation.patient"])
        with patch.object(patients, "_is_large_share", return_value=True) as asked:
            self.go(6)
        asked.assert_called()
        self.assertEqual(self.story.stage, "returned")
        self.assertFalse(self.enrollment(bob))

    def test_visit_after_the_loyalty_window_does_not_make_loyal(self):
        self.later(days=10)
        self.visit(self.ada, 0)
        self.go(190)
        self.visit(self.ada, 0)
        self.go(1)
        self.assertEqual(self.story.stage, "one_time")

    def test_visit_entered_late_is_found(self):
        self.go(40)
        self.visit(self.ada, 20)
        self.go(1)
        self.assertEqual(self.story.returned_date, self.days_ago(21).date())

    def test_visit_taken_back_is_corrected(self):
        """The past is recomputed, and the change is on record."""
        self.later(days=10)
        visit = self.visit(self.ada, 0)
        self.go(1)
        visit.state = "canceled"
        self.go(1)
        self.assertFalse(self.story.returned_date)
        self.assertEqual(self.story.stage, "enrolled")
        self.assertEqual(self.outcomes(), ["returned", "corrected"])

    def test_canceled_booking_is_no_booking(self):
        self.run_crons()
        meeting = self.meet(self.ada, -5)
        self.go(1)
        meeting.active = False
        self.go(1)
        self.assertEqual(self.story.stage, "contacted")

    def test_missed_visit_is_no_return(self):
        self.later(days=10)
        self.visit(self.ada, 0, state="missed")
        self.go(1)
        self.assertFalse(self.story.returned_date)

    def test_visit_at_the_other_company_is_no_return(self):
        """H1"""
        self.later(days=10)
        self.visit(self.ada, 0, company_id=self.other_clinic.id)
        self.go(1)
        self.assertFalse(self.story.returned_date)

    def test_visit_of_the_enrollment_day_before_it_is_no_return(self):
        self.visit(self.ada, 0.01)
        self.go(1)
        self.assertFalse(self.story.returned_date)

    def test_return_counts_once_though_noticed_often(self):
        """L4"""
        self.later(days=10)
        self.visit(self.ada, 0)
        for _day in range(4):
            self.go(1)
        self.assertEqual(self.outcomes(), ["returned"])

    def test_rates_use_closed_windows_only(self):
        """Younger enrollments are “so far” and never mixed in."""
        self.later(days=10)
        self.visit(self.ada, 0)
        self.go(1)
        self.assertRecordValues(
            self.recall,
            [
                {
                    "returned_count": 1,
                    "returned_so_far": 1,
                    "return_closed_count": 0,
                    "return_rate": 0,
                }
            ],
        )
        bob = self.lapsed("Bob")
        self.go(1)
        self.assertTrue(self.enrollment(bob))
        self.go(80)
        self.assertRecordValues(
            self.recall,
            [{"return_closed_count": 1, "return_rate": 1, "returned_so_far": 0}],
        )
        self.go(15)
        self.assertRecordValues(
            self.recall, [{"return_closed_count": 2, "return_rate": 0.5}]
        )

    def test_win_back_rate_is_loyal_of_enrolled(self):
        self.lapsed("Bob")
        self.go(1)
        self.visit(self.ada, 0)
        self.go(30)
        self.visit(self.ada, 0)
        self.go(1)
        self.assertRecordValues(
            self.recall,
            [{"won_back_count": 1, "won_back_so_far": 1, "win_back_rate": 0}],
        )
        self.go(270)
        self.assertRecordValues(
            self.recall,
            [{"win_back_closed_count": 2, "win_back_rate": 0.5, "won_back_so_far": 0}],
        )

    def test_report_says_the_same_as_the_campaign(self):
        self.lapsed("Bob")
        self.go(1)
        # Whoever lapses again is not enrolled again.
        self.recall.date_end = self.days_ago(0).date()
        self.visit(self.ada, 0)
        self.go(30)
        self.visit(self.ada, 0)
        self.go(1)
        self.go(280)
        report = self.env["reactivation.report"]._read_group(
            [("campaign_id", "=", self.recall.id)],
            [],
            ["enrolled:sum", "returned:sum", "return_rate:avg", "win_back_rate:avg"],
        )
        self.assertEqual(report, [(2, 1, 50.0, 50.0)])

    def test_nightly_pass_reaches_the_distant_past(self):
        self.go(300)
        self.visit(self.ada, 250)
        self.go(1)
        self.assertFalse(self.story.returned_date)
        self.env["reactivation.outcome"]._cron_refresh_all()
        self.assertTrue(self.story.returned_date)

    def test_outcomes_are_never_changed(self):
        self.later(days=10)
        self.visit(self.ada, 0)
        self.go(1)
        with self.assertRaises(UserError):
            self.story.outcome_ids.write({"kind": "loyal"})

    def test_number_of_queries_does_not_grow(self):
        """L1"""

        def queries(count):
            for number in range(count):
                self.visit(self.lapsed(f"P {count} {number}"), 240)
            self.run_crons()
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            self.env["reactivation.outcome"]._refresh()
            return self.env.cr.sql_log_count - before

        queries(1)
        self.assertEqual(queries(2), queries(20))
