"""The Net Promoter Score and its interval."""

import random

from odoo.tests import BaseCase, tagged

from ..tools import nps


@tagged("post_install", "-at_install")
class TestNps(BaseCase):
    def test_kinds(self):
        """9 and 10 recommend, 0 to 6 do the opposite (Reichheld 2003)."""
        kinds = [nps.kind(answer) for answer in range(11)]
        self.assertEqual(kinds, ["detractor"] * 7 + ["passive"] * 2 + ["promoter"] * 2)
        for wrong in (-1, 11, 7.5):
            with self.assertRaises(ValueError):
                nps.kind(wrong)

    def test_score(self):
        found = nps.score(70, 20, 10)
        self.assertEqual((found.score, found.count), (60, 100))
        self.assertIsNone(nps.score(0, 0, 0))
        with self.assertRaises(ValueError):
            nps.score(-1, 2, 3)

    def test_interval_by_hand(self):
        """15 promoters and 5 detractors of 36 answers, with 3/4, 3/2 and 3/4 added:
        10 / 39 = 25.64 %, and 1.96 * sqrt((21.5 / 39 - 0.2564²) / 39)."""
        found = nps.score(15, 16, 5)
        self.assertAlmostEqual(found.score, 27.78, 2)
        half = 195.996 * ((21.5 / 39 - (10 / 39) ** 2) / 39) ** 0.5
        self.assertAlmostEqual(found.low, 1000 / 39 - half, 2)
        self.assertAlmostEqual(found.high, 1000 / 39 + half, 2)

    def test_never_beyond_the_ends(self):
        for counts in ((5, 0, 0), (0, 0, 5), (0, 5, 0), (1, 0, 0)):
            found = nps.score(*counts)
            self.assertLessEqual(-100, found.low)
            self.assertLessEqual(found.low, found.high)
            self.assertLessEqual(found.high, 100)
            self.assertLess(found.low, found.high, "One answer is no certainty.")

    def test_interval_keeps_its_level(self):
        """Of samples from a known population so many contain its score as promised."""
        draw = random.Random(11)
        for shares in ((0.5, 0.3, 0.2), (0.75, 0.2, 0.05), (0.2, 0.3, 0.5)):
            truth = 100 * (shares[0] - shares[2])
            for size in (10, 40):
                inside = 0
                for _turn in range(2000):
                    sample = draw.choices(range(3), shares, k=size)
                    found = nps.score(*(sample.count(kind) for kind in range(3)))
                    inside += found.low <= truth <= found.high
                self.assertGreater(inside / 2000, 0.925, (shares, size))
