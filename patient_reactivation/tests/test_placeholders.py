from markupsafe import Markup

from odoo.tests import BaseCase, tagged

from ..tools import letters, links, placeholders


@tagged("post_install", "-at_install")
class TestPlaceholders(BaseCase):
    """Words in braces become facts, once, and nothing else does."""

    def test_names_are_found(self):
        text = "Hello {first_name}, { clinic } is at {Website}. {}"
        self.assertEqual(
            placeholders.names(text), {"first_name", "clinic", "Website", ""}
        )
        self.assertEqual(placeholders.unknown(text), ["", "Website"])
        self.assertEqual(placeholders.names(None), set())

    def test_broken_braces_are_noticed(self):
        for text in ("Hello {first_name", "Hello first_name}", "{{first_name}}", "}{"):
            self.assertTrue(placeholders.is_broken(text), text)
        self.assertFalse(placeholders.is_broken("Hello {first_name}, {nobody}"))

    def test_all_are_filled(self):
        self.assertEqual(
            placeholders.fill(
                "Hello {first_name}, this is { clinic }.",
                {"first_name": "Ada", "clinic": "Elm Street Clinic"},
            ),
            "Hello Ada, this is Elm Street Clinic.",
        )

    def test_what_is_unknown_stays(self):
        self.assertEqual(placeholders.fill("{a} {b} {", {"a": "1"}), "1 {b} {")

    def test_nothing_known_leaves_no_hole(self):
        """E11"""
        self.assertEqual(
            placeholders.fill("Hello {first_name}, hi", {"first_name": ""}),
            "Hello, hi",
        )

    def test_a_name_with_braces_is_a_name(self):
        """F2: what was put in is not looked at again."""
        for name in ("{clinic}", "{{ object.env }}", "{first_name}", "${7*7}", "%s"):
            self.assertEqual(
                placeholders.fill(
                    "{first_name} {clinic}", {"first_name": name, "clinic": "Elm"}
                ),
                f"{name} Elm",
            )

    def test_values_are_escaped_in_markup_only(self):
        """F1"""
        values = {"first_name": '<b>Ada</b> & "Co"'}
        filled = placeholders.fill(Markup("<p>{first_name}</p>"), values)
        self.assertIsInstance(filled, Markup)
        self.assertEqual(filled, "<p>&lt;b&gt;Ada&lt;/b&gt; &amp; &#34;Co&#34;</p>")
        self.assertEqual(placeholders.fill("{first_name}", values), '<b>Ada</b> & "Co"')

    def test_names_are_one_line_without_tricks(self):
        """F5"""
        self.assertEqual(
            placeholders.plain("Ada\r\nBcc: x\x00 \u202egnp.exe"), "Ada Bcc: x gnp.exe"
        )
        self.assertEqual(placeholders.plain("محمد"), "محمد")
        self.assertEqual(placeholders.plain(False), "")


@tagged("post_install", "-at_install")
class TestLinks(BaseCase):
    """Links that patients get."""

    def test_the_video_link_is_https_and_says_its_host(self):
        for url in ("https://doxy.example/elm", "https://v.example.com:8443/a?b=c#d"):
            self.assertTrue(links.is_safe_link(url), url)
        for url in (
            "http://video.example.com/elm",
            "javascript:alert(1)",
            "https://user:pass@example.com/",
            "https://example.com@evil.example/",
            "https:///elm",
            "https://localhost",
            "https://video example.com",
            'https://example.com/"><script>',
            "https://example.com/{{7*7}}",
            "https://example.com:99999/",
            "video.example.com",
            "https://example.com\r\nBcc: x",
        ):
            self.assertFalse(links.is_safe_link(url), url)

    def test_a_website_is_a_link_or_nothing(self):
        """F1: whatever somebody typed into the field of the website."""
        self.assertEqual(
            links.website_link("elm.example.com"), "https://elm.example.com"
        )
        self.assertEqual(links.website_link("http://a.example"), "http://a.example")
        for text in (False, "", "javascript:alert(1)", "a b", "ftp://a.example"):
            self.assertFalse(
                links.website_link(text).startswith(("javascript", "ftp")), text
            )
            self.assertNotIn(" ", links.website_link(text))


@tagged("post_install", "-at_install")
class TestLetterLayout(BaseCase):
    """The address shows in the window of the envelope, and nothing else does."""

    def test_the_country_decides(self):
        self.assertEqual(letters.layout_of("US", "A4"), "us")
        self.assertEqual(letters.layout_of("DE", "Letter"), "din")
        self.assertEqual(letters.layout_of("FR", "A4"), "right")
        self.assertEqual(letters.layout_of(None, "Letter"), "us")
        self.assertEqual(letters.layout_of(None, "A4"), "din")

    def test_the_us_window_whichever_way_the_paper_slid(self):
        """#10 envelope, 104.8 x 241.3 mm; paper folded at 93.1 mm; window 28.6 mm
        high, 12.7 mm from the bottom, 22.2 to 136.5 mm from the left."""
        place = letters.LAYOUTS["us"]
        fold = 279.4 / 3
        play = 104.8 - fold
        lines = ["Ada Lovelace", "12 Rose Lane", "Suite 5", "Albany NY 12207"]
        size, start = letters.address_place(lines, place)
        end = start + 4 * size * 25.4 / 72 * 1.2
        for slid in (0, play / 2):
            top = fold - 12.7 - 28.6 + slid
            self.assertGreaterEqual(start, top)
            self.assertLessEqual(end, top + 28.6)
        for slid in (0, 241.3 - 215.9):
            self.assertGreaterEqual(place.left, 22.2 - slid)
            self.assertLessEqual(place.left + place.width, 136.5 - slid)
        # Nothing but the address, even when the paper slid all the way.
        self.assertGreater(place.body_top, fold - 12.7 + play)

    def test_the_din_window(self):
        place = letters.LAYOUTS["din"]
        self.assertGreaterEqual(place.left, 20)
        self.assertLessEqual(place.left + place.width, 105)
        self.assertGreaterEqual(place.top, 45 + 12.7)
        self.assertLessEqual(place.top + place.height, 90)
        self.assertGreater(place.body_top, 90)

    def test_long_addresses_are_printed_smaller(self):
        place = letters.LAYOUTS["us"]
        short = ["Ada Lovelace", "12 Rose Lane", "Albany NY 12207"]
        size, top = letters.address_place(short, place)
        self.assertEqual(size, 10)
        self.assertGreater(top, place.top + 5)
        self.assertLess(letters.address_place(["x" * 80] * 5, place)[0], 10)
        self.assertEqual(letters.address_place(["x" * 3000], place), (7, place.top))
        self.assertEqual(max(map(len, letters.cut(["x" * 3000, "y"]))), 90)

    def test_long_texts_are_printed_smaller_and_too_long_ones_refused(self):
        place = letters.LAYOUTS["us"]
        self.assertEqual(letters.body_size("Dear Ada,\n\nplease call.", place), 11)
        self.assertLess(letters.body_size("word " * 450, place), 11)
        self.assertIsNone(letters.body_size("word " * 3000, place))
