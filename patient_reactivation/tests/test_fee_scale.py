"""Sliding fee scales: brackets without gaps, poverty lines, whose bracket it is."""

from odoo.tests import BaseCase, tagged

from ..tools.fee_scale import Bracket, bracket_of, faults, limits, poverty_line

HALVES = [
    Bracket(0, 100, "Nominal"),
    Bracket(100, 150, "50 %"),
    Bracket(150, 200, "25 %"),
]


@tagged("post_install", "-at_install")
class TestFeeScale(BaseCase):
    def codes(self, *pairs):
        found = faults([Bracket(*pair, f"{pair}") for pair in pairs])
        return [fault.code for fault in found]

    def test_complete_scales(self):
        self.assertEqual(faults(HALVES), [])
        self.assertEqual(faults(list(reversed(HALVES))), [])
        self.assertEqual(self.codes((0, 100), (100, 0)), [], "Without end.")
        self.assertEqual(faults([]), [])

    def test_gaps_and_overlaps(self):
        self.assertEqual(self.codes((0, 100), (110, 200)), ["gap"])
        self.assertEqual(self.codes((0, 100), (90, 200)), ["overlap"])
        self.assertEqual(self.codes((0, 0), (100, 200)), ["overlap"])
        self.assertEqual(self.codes((0, 100), (0, 100)), ["overlap"])
        self.assertEqual(
            self.codes(
                (50, 100),
            ),
            ["start"],
        )
        self.assertEqual(
            self.codes(
                (100, 100),
            ),
            ["empty"],
        )
        self.assertEqual(
            self.codes(
                (-10, 100),
            ),
            ["empty"],
        )
        self.assertEqual(
            self.codes((0, 100), (120, 150), (140, 200)), ["gap", "overlap"]
        )

    def test_poverty_line(self):
        """The guidelines of 2025 for the 48 contiguous states: $15,650 for one person
        and $5,500 for each further one; $32,150 for four (90 FR 5917)."""
        self.assertEqual(poverty_line(15650, 5500, 1), 15650)
        self.assertEqual(poverty_line(15650, 5500, 4), 32150)
        for household in (0, -1, 21):
            with self.assertRaises(ValueError):
                poverty_line(15650, 5500, household)

    def test_bracket_of_an_income(self):
        line = poverty_line(15650, 5500, 1)
        for income, name in (
            (0, "Nominal"),
            (15649, "Nominal"),
            (15650, "50 %"),
            (limits(line, 150) - 1, "50 %"),
            (limits(line, 150), "25 %"),
            (31299, "25 %"),
        ):
            self.assertEqual(bracket_of(HALVES, income, line).name, name, income)
        self.assertIsNone(bracket_of(HALVES, 31300, line))

    def test_limits_are_whole(self):
        self.assertEqual(limits(15650, 133), 20815, "20,814.50 is rounded up.")
