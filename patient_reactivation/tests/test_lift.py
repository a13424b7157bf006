"""Comparisons that hold however often one looks."""

import random

from odoo.tests import BaseCase, tagged

from ..tools import lift, rates
from ..tools.lift import Arm


def arms(share, count, successes):
    return [Arm(share, count, successes)]


@tagged("post_install", "-at_install")
class TestLift(BaseCase):
    def test_equal_shares_compare_plain_rates(self):
        found = lift.compare(arms(0.5, 400, 120), arms(0.5, 400, 60))
        self.assertAlmostEqual(found.difference.value, 0.15)
        self.assertGreater(found.difference.low, 0)
        self.assertLess(found.p_value, 0.001)

    def test_radius_by_hand(self):
        """Equation 22 of the source at 100 patients, with its parameter for 1,000."""
        rho2 = (5.991465 + 1.944690) / 1000
        self.assertAlmostEqual(lift.tuning() ** 2, rho2, 8)
        # 1.793616 is 100 rho² + 1, and 3.287844 the logarithm of 20 times its root.
        half = (2 * 1.793616 / (100**2 * rho2) * 3.287844) ** 0.5
        self.assertAlmostEqual(lift.radius(100, 1.0), half, 4)

    def test_level_and_interval_agree(self):
        """The level is the one at which the interval just touches zero."""
        pair = arms(0.5, 300, 60), arms(0.5, 300, 35)
        found = lift.compare(*pair)
        self.assertLess(found.p_value, 1)
        touching = lift.compare(*pair, confidence=1 - found.p_value)
        self.assertAlmostEqual(touching.difference.low, 0, 9)

    def test_weights_undo_what_allocation_did(self):
        """Of a good season most went to A, of a bad one most to B; both are alike.
        Plain rates say 0.26 against 0.14."""
        good, bad = 0.3, 0.1
        one = [Arm(0.8, 800, int(800 * good)), Arm(0.2, 200, int(200 * bad))]
        two = [Arm(0.2, 200, int(200 * good)), Arm(0.8, 800, int(800 * bad))]
        self.assertAlmostEqual(sum(arm.successes for arm in one) / 1000, 0.26)
        self.assertAlmostEqual(sum(arm.successes for arm in two) / 1000, 0.14)
        found = lift.compare(one, two)
        self.assertAlmostEqual(found.difference.value, 0)
        self.assertAlmostEqual(lift.weighted_rate(one), 0.2)

    def test_who_had_no_chance_is_not_compared(self):
        """A method that came later is compared with those enrolled since."""
        old = [Arm(1.0, 500, 50), Arm(0.5, 200, 60)]
        new = [Arm(0.0, 0, 0), Arm(0.5, 200, 60)]
        found = lift.compare(old, new)
        self.assertAlmostEqual(found.difference.value, 0)
        self.assertEqual((found.count, found.other_count), (200, 200))

    def test_one_group_is_compared_as_it_is(self):
        pair = arms(0.8, 800, 240), arms(0.2, 200, 40)
        self.assertEqual(lift.stratified([pair]), lift.compare(*pair))

    def test_groups_in_the_same_mix(self):
        """The lift is 0.1 in the easy group and 0.02 in the hard one, of which there
        are three times as many: (0.1 + 3 · 0.02) ÷ 4. Sums would say
        396 ÷ 1200 − 300 ÷ 2800, which is 0.22."""
        easy = arms(0.9, 900, 360), arms(0.1, 100, 30)
        hard = arms(0.1, 300, 36), arms(0.9, 2700, 270)
        found = lift.stratified([easy, hard])
        self.assertAlmostEqual(found.difference.value, 0.04)
        self.assertEqual((found.count, found.other_count), (1200, 2800))

    def test_variance_of_the_groups_adds_up(self):
        """Two groups that are alike are one of twice the size, but for the two returns
        and absences that are counted more in each."""
        pair = arms(0.5, 4000, 800), arms(0.5, 4000, 400)
        both = arms(0.5, 8000, 1600), arms(0.5, 8000, 800)
        found, one = lift.stratified([pair, pair]), lift.compare(*both)
        self.assertAlmostEqual(found.difference.value, one.difference.value)
        self.assertAlmostEqual(found.difference.low, one.difference.low, 4)

    def test_groups_without_controls_say_nothing(self):
        known = arms(0.9, 90, 30), arms(0.1, 10, 1)
        empty = arms(0.9, 90, 80), arms(0.1, 0, 0)
        few = arms(0.9, 90, 80), arms(0.1, 4, 0)
        self.assertEqual(lift.stratified([known, empty]), lift.compare(*known))
        self.assertEqual(lift.stratified([known, few], least=5), lift.compare(*known))
        self.assertIsNone(lift.stratified([empty]))
        self.assertIsNone(lift.stratified([]))

    def test_zero_controls_one_patient_all_and_none(self):
        self.assertIsNone(lift.compare(arms(0.9, 50, 5), arms(0.1, 0, 0)))
        self.assertIsNone(lift.compare(arms(1.0, 50, 5), arms(0.0, 0, 0)))
        one = lift.compare(arms(0.5, 1, 1), arms(0.5, 1, 0))
        self.assertFalse(one.difference.excludes(0))
        for successes in (0, 30):
            same = lift.compare(arms(0.5, 30, successes), arms(0.5, 30, successes))
            self.assertEqual(same.difference.value, 0)
            self.assertGreater(same.difference.high, 0.1, "Thirty are no certainty.")
        everybody = lift.compare(arms(0.5, 200, 200), arms(0.5, 200, 0))
        self.assertLessEqual(everybody.difference.high, 1)
        self.assertTrue(everybody.difference.excludes(0))

    def test_winner_beats_every_rival(self):
        control = arms(0.2, 400, 40)
        ways = {"letter": arms(0.4, 800, 240), "mail": arms(0.4, 800, 100)}
        self.assertEqual(lift.winner(ways, control).name, "letter")
        ways["call"] = arms(0.4, 800, 235)
        self.assertIsNone(lift.winner(ways, control), "Two good ones.")

    def test_no_winner_against_the_control_group(self):
        """The better of two is not better than nothing."""
        ways = {"letter": arms(0.4, 800, 240), "mail": arms(0.4, 800, 100)}
        self.assertIsNone(lift.winner(ways, arms(0.2, 400, 120)))

    def test_one_method_against_control(self):
        ways = {"mail": arms(0.8, 1600, 480)}
        self.assertEqual(lift.winner(ways, arms(0.2, 400, 40)).name, "mail")
        self.assertIsNone(lift.winner(ways, arms(0.0, 0, 0)), "No rival, no proof.")

    def test_too_few_win_nothing(self):
        few = lift.FEWEST - 1
        ways = {"mail": arms(0.5, few, few)}
        self.assertIsNone(lift.winner(ways, arms(0.5, few, 0)))

    def test_needed_is_where_the_sequence_finds_it(self):
        """With as many patients a lift as expected is sure, with a tenth less it need
        not be; one look at the end takes fewer."""
        for rate, gain in ((0.1, 0.1), (0.3, -0.15), (0.05, 0.3)):
            count = lift.needed(rate, gain, power=0.5)
            self.assertGreater(count, rates.sample_size(rate, gain, power=0.5)[0])
            for size, is_sure in ((1.03 * count, True), (0.9 * count, False)):
                one = arms(0.5, size, size * (rate + gain))
                other = arms(0.5, size, size * rate)
                found = lift.compare(one, other).difference
                self.assertIs(found.excludes(0), is_sure, (rate, gain, size))
            self.assertGreater(lift.needed(rate, gain), count)
        self.assertEqual(lift.needed(0.0, 1.0), lift.FEWEST)

    def test_lift_nobody_can_find(self):
        for rate, gain in ((0.95, 0.1), (0.1, 0.0), (-0.1, 0.2)):
            with self.assertRaises(ValueError):
                lift.needed(rate, gain)

    def test_holm_as_published(self):
        """0.01, 0.04, 0.03, 0.005 are 0.03, 0.06, 0.06, 0.02 adjusted (the example of
        R's `p.adjust`)."""
        found = lift.holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
        expected = {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
        for name, level in expected.items():
            self.assertAlmostEqual(found[name], level)
        self.assertEqual(lift.holm({}), {})

    def test_daily_looks_find_no_false_winner(self):
        """200 clinics whose methods do nothing, 400 patients, a look every ten: the
        long run is `make simulate`."""
        draw = random.Random(5)
        false = sum(self._finds_winner(draw) for _turn in range(200))
        self.assertLessEqual(false, 10)

    def _finds_winner(self, draw):
        counts = {name: [0, 0] for name in ("control", "a", "b")}
        shares = {"control": 0.2, "a": 0.4, "b": 0.4}
        for number in range(400):
            (name,) = draw.choices(list(shares), shares.values())
            counts[name][0] += 1
            counts[name][1] += draw.random() < 0.15
            if number % 10 == 9:
                now = {key: arms(shares[key], *counts[key]) for key in shares}
                control = now.pop("control")
                if lift.winner(now, control):
                    return True
        return False
