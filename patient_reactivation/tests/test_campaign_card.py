"""The card of a campaign: lift over the control group, returns by week."""

from odoo.tests import tagged

from .test_experiment import ExperimentCase


@tagged("post_install", "-at_install")
class TestCampaignCard(ExperimentCase):
    def tried(self, treated, control, days=250, count=200, back=1000):
        """A crowd of a segment, of which such shares returned; all windows closed."""
        crowd = self.crowd(count, days)
        self.start(self.trial)
        is_control = {partner: self.enrollment(partner).is_control for partner in crowd}
        for group, share in (
            (crowd.filtered(lambda item: not is_control[item]), treated),
            (crowd.filtered(lambda item: is_control[item]), control),
        ):
            self.end(group, round(len(group) * share), days=back)
        return crowd

    def lift(self, user=None):
        self.env.invalidate_all()
        return self.as_user(user or self.desk, self.trial).control_lift

    # --------------------------------------------------------------------- lift

    def test_all_methods_together_against_the_control_group(self):
        self.tried(0.5, 0.1)
        found = self.lift()
        self.assertEqual(found["measure"], "win_back")
        self.assertAlmostEqual(found["value"], 0.4, 1)
        self.assertTrue(found["low"] < found["value"] < found["high"])
        self.assertTrue(found["sure"])
        self.assertEqual(found["patients"] + found["controls"], 200)

    def test_segments_in_their_own_mix(self):
        """The lift is 0.2 in the small segment and 0 in the large one."""
        self.tried(0.3, 0.1, count=100)
        self.tried(0.1, 0.1, days=500, count=300)
        self.assertAlmostEqual(self.lift()["value"], 0.05, 1)

    def test_returns_as_long_as_no_loyalty_window_is_over(self):
        self.tried(0.5, 0.1, back=100)
        self.assertEqual(self.lift()["measure"], "return")

    def test_open_windows_are_no_lift(self):
        self.tried(0.5, 0.1, back=5)
        self.assertEqual(self.lift(), {"why": "open"})

    def test_no_control_group(self):
        self.trial.control_percent = 0
        self.tried(0.5, 0, count=20)
        self.assertEqual(self.lift(), {"why": "no_control"})

    def test_fewer_than_five_controls_are_not_shown(self):
        """J9"""
        self.trial.control_percent = 2
        self.tried(0.5, 0.1, count=60)
        self.assertLess(len(self.trial.enrollment_ids.filtered("is_control")), 5)
        self.assertEqual(self.lift(), {"why": "few"})

    def test_campaign_that_did_not_begin(self):
        self.assertEqual(self.lift(), {"why": "open"})
        self.assertFalse(self.trial.weekly_returns)
        draft = self.env["reactivation.campaign"].new({"name": "New"})
        self.assertEqual(draft.control_lift, {"why": "no_control"})

    # -------------------------------------------------------------------- weeks

    def test_returns_week_by_week(self):
        crowd = self.crowd(5)
        self.start(self.trial)
        self.later(days=16)
        for partner, days in zip(crowd, (15, 9, 8, 0), strict=False):
            self.visit(partner, days)
        self.env["reactivation.outcome"]._refresh()
        self.env.invalidate_all()
        found = self.as_user(self.desk, self.trial).weekly_returns
        self.assertEqual(found, {"since": "2026-03-02", "counts": [1, 2, 1]})

    def test_half_a_year_at_most(self):
        self.crowd(5)
        self.start(self.trial)
        self.later(days=400)
        found = self.trial.weekly_returns
        self.assertEqual(found["counts"], [0] * 26)
        self.assertEqual(found["since"], "2026-10-12")

    # ---------------------------------------------------------------- set-based

    def test_as_many_queries_for_all_campaigns_as_for_one(self):
        self.tried(0.5, 0.1, count=20)
        others = self.trial
        for number in range(5):
            # Each with allocations of its own.
            other = self.trial.copy({"name": f"Other {number}"})
            other.write({"state": "running", "date_start": self.opening})
            self.env["reactivation.allocation"]._current(other, self.opening)
            others |= other
        names = ["control_lift", "weekly_returns", "win_back_rate"]

        def queries(campaigns):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self.as_user(self.desk, campaigns).read(names)
            return self.cr.sql_log_count - before

        queries(others)
        self.assertEqual(queries(others), queries(self.trial))
