"""Rates, differences and the patients a comparison needs, against published tables."""

from odoo.tests import BaseCase, tagged

from ..tools import rates


@tagged("post_install", "-at_install")
class TestRates(BaseCase):
    def test_wilson_as_published(self):
        """R. G. Newcombe, Two-Sided Confidence Intervals for the Single Proportion,
        Statistics in Medicine 17, 1998, table I, method 3."""
        for successes, count, low, high in (
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0000, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ):
            found = rates.wilson(successes, count)
            self.assertAlmostEqual(found.low, low, 4)
            self.assertAlmostEqual(found.high, high, 4)
            self.assertEqual(found.value, successes / count)

    def test_newcombe_as_published(self):
        """R. G. Newcombe, Interval Estimation for the Difference between Independent
        Proportions, Statistics in Medicine 17, 1998, table II, method 10."""
        for counts, low, high in (
            ((56, 70, 48, 80), 0.0524, 0.3339),
            ((9, 10, 3, 10), 0.1705, 0.8090),
            ((6, 7, 2, 7), 0.0582, 0.8062),
            ((5, 56, 0, 29), -0.0381, 0.1926),
            ((0, 10, 0, 20), -0.1611, 0.2775),
            ((0, 10, 0, 10), -0.2775, 0.2775),
            ((10, 10, 0, 20), 0.6791, 1.0000),
            ((10, 10, 0, 10), 0.6075, 1.0000),
        ):
            found = rates.newcombe(*counts)
            self.assertAlmostEqual(found.low, low, 4)
            self.assertAlmostEqual(found.high, high, 4)

    def test_sample_size_as_published(self):
        """J. L. Fleiss et al., Statistical Methods for Rates and Proportions, 2003,
        section 4.3: 0.25 against 0.40 with a power of 0.9 needs 203 a group before
        the correction; 0.1 against 0.2 with 0.8 needs 199."""
        self.assertEqual(rates.sample_size(0.25, 0.15, power=0.9), (203, 203))
        self.assertEqual(rates.sample_size(0.1, 0.1), (199, 199))
        self.assertEqual(rates.sample_size(0.2, -0.1), (199, 199))
        method, control = rates.sample_size(0.1, 0.05, ratio=0.25)
        self.assertGreater(method, rates.sample_size(0.1, 0.05)[0])
        self.assertAlmostEqual(control / method, 0.25, 2)

    def test_nobody_one_and_everybody(self):
        self.assertIsNone(rates.wilson(0, 0))
        self.assertIsNone(rates.newcombe(0, 0, 3, 10))
        one = rates.wilson(1, 1)
        self.assertEqual((one.value, one.high), (1, 1))
        self.assertLess(one.low, 0.3, "One patient is no certainty.")
        self.assertEqual(rates.wilson(0, 1).low, 0)
        self.assertTrue(rates.wilson(90, 100).excludes(0.5))
        self.assertFalse(rates.wilson(5, 10).excludes(0.5))

    def test_wrong_numbers_are_refused(self):
        for wrong in ((-1, 3), (4, 3), (0, -1)):
            with self.assertRaises(ValueError):
                rates.wilson(*wrong)
        for wrong in ((0.1, 0), (0.9, 0.2), (-0.1, 0.2), (0.1, 0.1, 1.0)):
            with self.assertRaises(ValueError):
                rates.sample_size(*wrong)
