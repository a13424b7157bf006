"""How many have returned by when, while some are still followed."""

from odoo.tests import BaseCase, tagged

from ..tools import survival


@tagged("post_install", "-at_install")
class TestSurvival(BaseCase):
    def test_as_published(self):
        """Remission of 21 patients with 6-MP, E. A. Freireich et al., Blood 21, 1963;
        the estimate as in D. Collett, Modelling Survival Data, and many others."""
        events = {6: 3, 7: 1, 10: 1, 13: 1, 16: 1, 22: 1, 23: 1}
        followed = dict.fromkeys((6, 9, 10, 11, 17, 19, 20, 25), 1)
        followed |= {32: 2, 34: 1, 35: 1}
        points = survival.returned_by_week(events, followed)
        expected = [
            (6, 0.8571, 21),
            (7, 0.8067, 17),
            (10, 0.7529, 15),
            (13, 0.6902, 12),
            (16, 0.6275, 11),
            (22, 0.5378, 7),
            (23, 0.4482, 6),
        ]
        self.assertEqual(len(points), len(expected))
        for point, (week, away, at_risk) in zip(points, expected, strict=True):
            self.assertEqual((point.week, point.at_risk), (week, at_risk))
            self.assertAlmostEqual(1 - point.share, away, 4)
            self.assertTrue(point.low < point.share < point.high)

    def test_interval_as_published(self):
        """The same patients at ten weeks: 0.503 to 0.889 (log-minus-log, as
        R's `survfit` and the textbooks print it)."""
        events = {6: 3, 7: 1, 10: 1, 13: 1, 16: 1, 22: 1, 23: 1}
        followed = dict.fromkeys((6, 9, 10, 11, 17, 19, 20, 25), 1)
        followed |= {32: 2, 34: 1, 35: 1}
        point = survival.returned_by_week(events, followed)[2]
        self.assertAlmostEqual(1 - point.high, 0.503, 3)
        self.assertAlmostEqual(1 - point.low, 0.889, 3)

    def test_open_windows_are_not_absences(self):
        """Half returned in week one, and half were enrolled this week."""
        (point,) = survival.returned_by_week({1: 50}, {0: 50})
        self.assertEqual((point.share, point.at_risk), (1, 50))

    def test_nobody_and_everybody(self):
        self.assertEqual(survival.returned_by_week({}, {}), [])
        self.assertEqual(survival.returned_by_week({}, {3: 10}), [])
        (point,) = survival.returned_by_week({2: 4}, {})
        self.assertEqual((point.share, point.low, point.high), (1, 1, 1))

    def test_weeks_by_hand(self):
        """Ten were followed for four weeks: two returned in the first, one in the
        third. Five were followed for two: one returned in the second, one in the third,
        which is not over. Three were enrolled this week, one of whom is back already.
        """
        weeks = survival.by_week(
            {
                (4, 1): 2,
                (4, 3): 1,
                (4, None): 7,
                (2, 2): 1,
                (2, 3): 1,
                (2, None): 3,
                (0, 1): 1,
                (0, None): 2,
            },
            last=4,
        )
        first, second = 1 - 2 / 15, 1 - 1 / 13
        third = 1 - 1 / 8
        expected = [
            (1, 1 - first, 15, 15),
            (2, 1 - first * second, 13, 15),
            (3, 1 - first * second * third, 8, 10),
            (4, 1 - first * second * third, 7, 10),
        ]
        for week, (number, share, at_risk, followed) in zip(
            weeks, expected, strict=True
        ):
            self.assertEqual(
                (week.week, week.at_risk, week.followed), (number, at_risk, followed)
            )
            self.assertAlmostEqual(week.share, share)
            self.assertTrue(week.low < week.share < week.high)

    def test_weeks_when_all_windows_are_closed(self):
        """Then it is the plain rate."""
        weeks = survival.by_week({(3, 1): 3, (3, 2): 1, (3, None): 6}, last=3)
        self.assertEqual([round(week.share, 9) for week in weeks], [0.3, 0.4, 0.4])

    def test_weeks_nobody_was_followed(self):
        self.assertEqual(survival.by_week({}, 13), [])
        self.assertEqual(survival.by_week({(0, None): 9, (0, 1): 1}, 13), [])
        (week,) = survival.by_week({(1, None): 9}, 13)
        self.assertEqual((week.share, week.low, week.at_risk), (0, None, 9))
