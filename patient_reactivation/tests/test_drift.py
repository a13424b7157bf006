"""Shares that drifted from the plan, and mixes that mislead."""

import random

from odoo.tests import BaseCase, tagged

from ..tools import drift


@tagged("post_install", "-at_install")
class TestDrift(BaseCase):
    def test_as_planned(self):
        planned = {"control": 0.2, "a": 0.4, "b": 0.4}
        self.assertEqual(drift.mismatch(planned, {}), 1)
        counts = {"control": 200, "a": 400, "b": 400}
        self.assertEqual(drift.mismatch(planned, counts), 1)
        counts = {"control": 212, "a": 381, "b": 407}
        self.assertGreater(drift.mismatch(planned, counts), 0.1)

    def test_drifted(self):
        planned = {"control": 0.2, "a": 0.4, "b": 0.4}
        counts = {"control": 200, "a": 300, "b": 500}
        self.assertLess(drift.mismatch(planned, counts), 0.001)
        counts = {"control": 0, "a": 100, "b": 100}
        self.assertLess(drift.mismatch(planned, counts), drift.LEVEL)

    def test_whom_nobody_planned(self):
        self.assertEqual(drift.mismatch({"a": 1.0, "b": 0}, {"a": 5, "b": 1}), 0)
        self.assertEqual(drift.mismatch({"a": 1.0, "b": 0}, {"a": 5}), 1)
        with self.assertRaises(ValueError):
            drift.mismatch({"a": 0}, {})

    def test_daily_looks_raise_no_false_alarm(self):
        draw = random.Random(17)
        planned = {"control": 0.2, "a": 0.4, "b": 0.4}
        alarms = 0
        for _turn in range(200):
            counts = dict.fromkeys(planned, 0)
            for number in range(500):
                (name,) = draw.choices(list(planned), planned.values())
                counts[name] += 1
                if number % 10 == 9 and drift.mismatch(planned, counts) <= drift.LEVEL:
                    alarms += 1
                    break
        self.assertLessEqual(alarms, 5)

    def test_simpson_as_published(self):
        """Kidney stones: C. R. Charig et al., British Medical Journal 292, 1986. Open
        surgery is better for small stones and for large ones, and worse over all."""
        table = {
            ("small", "open"): (81, 87),
            ("small", "puncture"): (234, 270),
            ("large", "open"): (192, 263),
            ("large", "puncture"): (55, 80),
        }
        mixes = drift.standardize(table)
        self.assertAlmostEqual(mixes["open"].plain, 0.78, 2)
        self.assertAlmostEqual(mixes["puncture"].plain, 0.83, 2)
        self.assertAlmostEqual(mixes["open"].standardized, 0.8325, 4)
        self.assertAlmostEqual(mixes["puncture"].standardized, 0.7789, 4)
        self.assertEqual(drift.misleading(mixes), [("open", "puncture")])

    def test_equal_mix_misleads_nobody(self):
        table = {
            ("small", "a"): (10, 100),
            ("small", "b"): (20, 100),
            ("large", "a"): (30, 100),
            ("large", "b"): (40, 100),
        }
        self.assertEqual(drift.misleading(drift.standardize(table)), [])

    def test_method_that_was_not_tried_everywhere(self):
        table = {
            ("small", "a"): (1, 10),
            ("large", "a"): (2, 10),
            ("small", "b"): (9, 10),
        }
        self.assertEqual(set(drift.standardize(table)), {"a"})
        self.assertEqual(drift.standardize({}), {})
