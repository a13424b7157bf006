"""Codes that people read, type and say aloud."""

import math

from odoo.tests import BaseCase, tagged

from ..tools import codes

# Texts that lists of naughty strings begin with.
NAUGHTY = (
    "",
    " ",
    "-",
    "null",
    "undefined",
    "0",
    "1/0",
    "<script>alert(1)</script>",
    "' OR 1=1",
    "Ω≈ç√∫˜µ≤≥÷",
    "田中さんにあげて下さい",
    "👾 🙇 💁",
    "﷽",
    "test\x00test",
    "%s%s%s",
    "{0}",
    "../../etc/passwd",
    "İıßﬀ",
    "٠١٢٣٤٥٦٧٨٩",
    "１２３４５６",
    "\u202etest",
    "A" * 10_000,
)


@tagged("post_install", "-at_install")
class TestCodes(BaseCase):
    def test_nobody_guesses_one(self):
        """G9: at least 80 random bits; no two alike in 100,000."""
        bits = codes.RANDOM_SYMBOLS * math.log2(len(codes.ALPHABET))
        self.assertGreaterEqual(bits, 80)
        made = {codes.make() for _number in range(100_000)}
        self.assertEqual(len(made), 100_000)
        self.assertEqual({len(code) for code in made}, {codes.LENGTH})
        self.assertTrue(all(map(codes.is_code, made)))
        # Every symbol, at every place.
        for place in range(codes.LENGTH):
            self.assertEqual({code[place] for code in made}, set(codes.ALPHABET))

    def test_letters_that_look_like_digits_are_not_used(self):
        self.assertFalse(set("ILOU") & set(codes.ALPHABET))

    def test_one_wrong_symbol_is_noticed(self):
        """All of the 558 codes that differ in one symbol are none."""
        for _number in range(20):
            code = codes.make()
            for place in range(codes.LENGTH):
                for symbol in set(codes.ALPHABET) - {code[place]}:
                    wrong = code[:place] + symbol + code[place + 1 :]
                    self.assertFalse(codes.is_code(wrong), (code, wrong))

    def test_two_symbols_that_changed_places_are_noticed(self):
        """Neighbors and others."""
        for _number in range(50):
            code = codes.make()
            for first in range(codes.LENGTH):
                for second in range(first + 1, codes.LENGTH):
                    if code[first] != code[second]:
                        wrong = list(code)
                        wrong[first], wrong[second] = wrong[second], wrong[first]
                        self.assertFalse(codes.is_code("".join(wrong)), code)

    def test_however_it_is_typed(self):
        for _number in range(200):
            code = codes.make()
            shown = codes.show(code)
            typed = shown.replace("0", "O").replace("1", "l")
            for text in (
                shown,
                shown.lower(),
                shown.replace("-", " "),
                f"\t{shown}\r\n",
                " ".join(code),
                shown.replace("-", "–"),
                typed,
                typed.lower(),
                shown.replace("1", "i"),
            ):
                self.assertEqual(codes.normalize(text), code, text)

    def test_shown_in_groups(self):
        self.assertEqual(codes.show("ABCDEF012345GHJKMN"), "ABCDEF-012345-GHJKMN")

    def test_naughty_texts_are_no_codes(self):
        for text in (*NAUGHTY, None, 0, 12.5, False, ["x"]):
            self.assertFalse(codes.is_code(codes.normalize(text)), text)
