"""Returns by week since the enrollment, with open windows as what they are."""

from datetime import datetime

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .test_experiment import ExperimentCase


@tagged("post_install", "-at_install")
class TestCohort(ExperimentCase):
    def cohort(self, side="month", user=None):
        self.env.flush_all()
        model = self.as_user(user or self.manager, self.env["reactivation.cohort"])
        return model.read_cohort(self.trial.id, side)

    def come(self, partners, days):
        """Visits so many days ago."""
        for partner in partners:
            self.visit(partner, days)
        self.env["reactivation.outcome"]._refresh()
        self.env.invalidate_all()

    def test_open_windows_are_not_absences(self):
        """Ten were enrolled in March, ten in April. Two of the first ten returned in
        their second week, one of the others in the first. Sixteen days after that
        the younger ones have been followed for two weeks, the older ones for six."""
        march = self.crowd(10)
        self.start(self.trial)
        self.later(days=30)
        april = self.crowd(10, days=260)
        self.env["reactivation.enrollment"]._enroll(self.trial)
        self.later(days=16)
        self.come(march[:2], 46 - 8)
        self.come(april[:1], 16 - 3)
        found = self.cohort()
        self.assertEqual(found["last"], 13, "90 days.")
        self.assertEqual(
            [(group["name"], group["key"]) for group in found["groups"]],
            [("Mar 2026", "2026-03-01"), ("Apr 2026", "2026-04-01")],
        )
        old, young = found["groups"]
        self.assertEqual(
            [round(week["share"], 6) for week in old["weeks"]],
            [0, 0.2, 0.2, 0.2, 0.2, 0.2],
        )
        self.assertEqual(
            [week["at_risk"] for week in old["weeks"]], [10, 10, 8, 8, 8, 8]
        )
        self.assertEqual(
            [(round(week["share"], 6), week["at_risk"]) for week in young["weeks"]],
            [(0.1, 10), (0.1, 9)],
        )
        self.assertEqual((young["enrolled"], young["returned"]), (10, 1))
        self.assertEqual(young["open"], 10)
        total = found["total"]
        share = 1 - (1 - 1 / 20) * (1 - 2 / 19)
        self.assertEqual(len(total["weeks"]), 6)
        self.assertAlmostEqual(total["weeks"][1]["share"], share)
        self.assertAlmostEqual(total["weeks"][5]["share"], share)

    def test_return_in_a_week_that_is_not_over(self):
        """It is counted when everybody of that day has had the week."""
        crowd = self.crowd(10)
        self.start(self.trial)
        self.later(days=9)
        self.come(crowd[:4], 1)
        (group,) = self.cohort()["groups"]
        self.assertEqual([week["share"] for week in group["weeks"]], [0])
        self.assertEqual(group["returned"], 4)
        self.later(days=5)
        (group,) = self.cohort()["groups"]
        self.assertAlmostEqual(group["weeks"][1]["share"], 0.4)

    def test_totals_are_those_of_the_campaign(self):
        """All windows are closed: nothing is estimated any more."""
        crowd = self.crowd(30)
        self.start(self.trial)
        self.later(days=100)
        # On the last day, which is in a week that is not whole, and on others.
        for partners, days in ((crowd[:2], 10), (crowd[2:7], 60), (crowd[7:8], 99)):
            self.come(partners, days)
        self.assertEqual(self.trial.returned_count, 8)
        for side in ("month", "method", "segment"):
            found = self.cohort(side)
            total = found["total"]
            self.assertEqual(total["returned"], 8)
            self.assertEqual(total["open"], 0)
            self.assertEqual(len(total["weeks"]), 13)
            self.assertAlmostEqual(total["weeks"][-1]["share"], 8 / 30)
            self.assertAlmostEqual(total["weeks"][-1]["share"], self.trial.return_rate)
            groups = [group for group in found["groups"] if not group["hidden"]]
            for group in groups:
                self.assertAlmostEqual(
                    group["weeks"][-1]["share"], group["returned"] / group["enrolled"]
                )

    def test_by_method_with_the_control_group_last(self):
        self.crowd(60)
        self.start(self.trial)
        self.later(days=8)
        found = self.cohort("method")
        self.assertEqual(
            [group["name"] for group in found["groups"]],
            ["E-mails", "Letters", "Control group"],
        )
        self.assertEqual(sum(group["enrolled"] for group in found["groups"]), 60)

    def test_groups_under_five_are_hidden(self):
        """J9"""
        self.crowd(20)
        self.crowd(4, days=500)
        self.start(self.trial)
        self.later(days=8)
        shown, hidden = self.cohort("segment")["groups"]
        self.assertEqual((shown["name"], shown["enrolled"]), ("A year", 20))
        self.assertTrue(hidden["hidden"])
        self.assertEqual((hidden["enrolled"], hidden["weeks"]), (0, []))

    def test_weeks_only_few_were_followed(self):
        """J9"""
        self.crowd(4)
        self.start(self.trial)
        self.later(days=14)
        self.crowd(10, days=260)
        self.env["reactivation.enrollment"]._enroll(self.trial)
        self.later(days=7)
        (group,) = self.cohort()["groups"]
        self.assertEqual([week["followed"] for week in group["weeks"]], [14])

    def test_row_opens_its_patients(self):
        """The month is that of the clinic: midnight there is not that of UTC."""
        self.crowd(10)
        self.start(self.trial)
        cohort = self.as_user(self.manager, self.env["reactivation.cohort"])
        enrollments = self.env["reactivation.enrollment"]
        for side in ("month", "method", "segment"):
            for group in self.cohort(side)["groups"]:
                if group["hidden"]:
                    continue
                action = cohort.open_group(self.trial.id, side, group["key"])
                self.assertEqual(
                    enrollments.search_count(action["domain"]), group["enrolled"]
                )
        action = cohort.open_group(self.trial.id, "month", "2026-03-01")
        begin, end = (item[2] for item in action["domain"][-2:])
        self.assertEqual(
            (begin, end), (datetime(2026, 3, 1, 5), datetime(2026, 4, 1, 4))
        )

    def test_nobody_enrolled_and_no_such_side(self):
        self.assertEqual(self.cohort()["groups"], [])
        with self.assertRaises(ValueError):
            self.cohort("weather")

    def test_managers_of_the_company_only(self):
        outsiders = (self.desk, self.stranger(), self.env.ref("base.public_user"))
        for user in outsiders:
            with self.assertRaises(AccessError):
                self.cohort(user=user)
            if user != self.desk:
                model = self.as_user(user, self.env["reactivation.cohort"])
                with self.assertRaises(AccessError):
                    model.open_group(self.trial.id, "segment", self.recent.id)

    def test_queries_do_not_grow_with_the_patients(self):
        self.crowd(10)
        self.start(self.trial)
        self.later(days=20)

        def queries():
            self.cohort("segment")
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self.cohort("segment")
            return self.cr.sql_log_count - before

        few = queries()
        self.crowd(60, days=260)
        self.crowd(10, days=500)
        self.env["reactivation.enrollment"]._enroll(self.trial)
        self.later(days=20)
        self.assertEqual(queries(), few)
