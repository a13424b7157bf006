"""J9: nothing is said of fewer than five patients, nor can it be computed."""

from odoo.tests import BaseCase, tagged

from ..tools.small_groups import fold, is_small


@tagged("post_install", "-at_install")
class TestSmallGroups(BaseCase):
    def test_nobody_is_no_group(self):
        self.assertFalse(is_small(0))
        self.assertTrue(is_small(1) and is_small(4))
        self.assertFalse(is_small(5))

    def test_large_groups_are_shown(self):
        folded = fold({"a": 5, "b": 9, "c": 0})
        self.assertEqual(folded.shown, [("b", 9), ("a", 5)])
        self.assertEqual((folded.others, folded.total), (0, 14))

    def test_small_groups_are_put_together(self):
        folded = fold({"a": 9, "b": 3, "c": 4})
        self.assertEqual((folded.shown, folded.others), ([("a", 9)], 7))

    def test_what_is_left_over_does_not_tell(self):
        """The whole of 18 less 9 and 7 would be the 2 of c."""
        folded = fold({"a": 9, "b": 7, "c": 2})
        self.assertEqual((folded.shown, folded.others), ([("a", 9)], 9))

    def test_only_a_few(self):
        folded = fold({"a": 2, "b": 2})
        self.assertEqual((folded.shown, folded.others, folded.total), ([], None, None))
        self.assertEqual(fold({"a": 6, "b": 1}).others, 7)

    def test_no_more_than_so_many(self):
        folded = fold({"a": 9, "b": 8, "c": 7}, most=2)
        self.assertEqual((folded.shown, folded.others), ([("a", 9), ("b", 8)], 7))
        # The one that is left out may be small.
        folded = fold({"a": 9, "b": 8, "c": 2}, most=2)
        self.assertEqual((folded.shown, folded.others), ([("a", 9)], 10))

    def test_somebody_may_be_in_two_of_them(self):
        """Three and three may be the same three."""
        groups = {"a": 9, "b": 3, "c": 3}
        self.assertEqual(fold(groups).shown, [("a", 9)])
        self.assertEqual(fold(groups, together=max), ([], 9))
