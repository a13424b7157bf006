"""Equal, weighted and adaptive shares."""

from math import exp, lgamma, log

from odoo.tests import BaseCase, tagged

from ..tools import allocation


def log_beta(one, two):
    return lgamma(one) + lgamma(two) - lgamma(one + two)


def second_is_better(first, second):
    """E. Miller, Formulas for Bayesian A/B Testing, 2015, equation 6.

    :param first: (alpha, beta) of the Beta distribution of a rate
    """
    alpha, beta = first
    alpha_2, beta_2 = second
    return sum(
        exp(
            log_beta(alpha + term, beta + beta_2)
            - log(beta_2 + term)
            - log_beta(1 + term, beta_2)
            - log_beta(alpha, beta)
        )
        for term in range(alpha_2)
    )


@tagged("post_install", "-at_install")
class TestAllocation(BaseCase):
    def test_probability_of_best_of_two_as_published(self):
        for one, two in (
            ((3, 20), (7, 20)),
            ((0, 5), (0, 50)),
            ((120, 1000), (140, 1000)),
            ((1, 1), (0, 1)),
        ):
            found = allocation.probabilities_of_best({"one": one, "two": two})
            expected = second_is_better(
                (one[0] + 1, one[1] - one[0] + 1), (two[0] + 1, two[1] - two[0] + 1)
            )
            self.assertAlmostEqual(found["two"], expected, 3)
            self.assertAlmostEqual(sum(found.values()), 1)

    def test_nothing_known_is_even(self):
        found = allocation.probabilities_of_best({name: (0, 0) for name in "abc"})
        for share in found.values():
            self.assertAlmostEqual(share, 1 / 3)
        self.assertEqual(allocation.probabilities_of_best({}), {})
        self.assertEqual(allocation.probabilities_of_best({"a": (9, 10)}), {"a": 1})

    def test_thousands_of_patients(self):
        """Masses far from the peak are too small for a number, and are none."""
        found = allocation.probabilities_of_best(
            {"a": (100_000, 500_000), "b": (120_000, 500_000)}
        )
        self.assertAlmostEqual(found["b"], 1)

    def test_all_and_none_returned(self):
        found = allocation.probabilities_of_best({"all": (30, 30), "none": (0, 30)})
        self.assertGreater(found["all"], 0.999)

    def test_weights(self):
        self.assertEqual(
            allocation.weighted_shares({"a": 3, "b": 1, "c": 0}),
            {"a": 0.75, "b": 0.25, "c": 0},
        )
        self.assertEqual(allocation.weighted_shares({"a": 0, "b": 0})["b"], 0.5)
        self.assertEqual(allocation.weighted_shares({}), {})
        with self.assertRaises(ValueError):
            allocation.weighted_shares({"a": -1})

    def test_adaptive_never_gives_up(self):
        results = {"good": (60, 100), "bad": (1, 100), "new": (0, 0)}
        shares = allocation.adaptive_shares(results, floor=0.1)
        self.assertAlmostEqual(sum(shares.values()), 1)
        self.assertGreaterEqual(min(shares.values()), 0.1)
        self.assertEqual(shares["bad"], 0.1)
        self.assertGreater(shares["good"], shares["new"])
        self.assertEqual(
            shares, allocation.adaptive_shares(results, floor=0.1), "No chance in it."
        )

    def test_floor_is_at_most_an_equal_share(self):
        shares = allocation.adaptive_shares({"a": (9, 10), "b": (0, 10)}, floor=0.9)
        self.assertEqual(shares, {"a": 0.5, "b": 0.5})
        with self.assertRaises(ValueError):
            allocation.adaptive_shares({"a": (1, 2)}, floor=-0.1)
        with self.assertRaises(ValueError):
            allocation.adaptive_shares({"a": (3, 2)})

    def test_rounded_shares_add_up(self):
        for count in (1, 2, 3, 6, 7, 11):
            shares = allocation.rounded({item: 1 / count for item in range(count)})
            self.assertAlmostEqual(sum(shares.values()), 1)
            self.assertLess(max(shares.values()) - min(shares.values()), 0.011)
