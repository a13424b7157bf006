"""The coupon on the patient's phone, and what other people can learn from its link."""

from datetime import timedelta

from lxml import html

from odoo import fields
from odoo.tests import HttpCase, tagged

from ..controllers.page import WRONG_LINKS
from .test_coupon_campaign import OfferClinic


@tagged("post_install", "-at_install")
class TestCouponPage(HttpCase, OfferClinic):
    def setUp(self):
        super().setUp()
        self.ada = self.lapsed(
            "Ada Marlow",
            email="ada@example.com",
            phone="+1 512 555 0143",
            payer_class="cash",
        )
        self.coupon = self.coupons._grant(self.clinic, self.ada, self.twenty, "page")[
            self.ada
        ][0]
        self.link = self.coupon._make_links()[self.coupon.id]

    def open(self, link=None, **options):
        path = (link or self.link).partition("/reactivation/")[2]
        return self.url_open(f"/reactivation/{path}", **options)

    def text(self, answer):
        main = html.fromstring(answer.content).find(".//main")
        return " ".join(main.text_content().split())

    def test_page_shows_the_coupon(self):
        """What it gives, until when, a square to scan; nothing else of the person."""
        answer = self.open()
        self.assertEqual(answer.status_code, 200)
        page, text = html.fromstring(answer.content), self.text(answer)
        for words in (
            "Ada, your coupon",
            self.clinic.name,
            "20",
            self.coupon.code_shown,
            self.coupon._until_text(),
        ):
            self.assertIn(words, text)
        self.assertTrue(page.xpath("//*[local-name()='svg']"))
        for secret in ("Marlow", "ada@example.com", "0143"):
            self.assertNotIn(secret, answer.text)

    def test_page_loads_nothing_and_is_kept_nowhere(self):
        """G9: the secret address is told to nobody; nothing is loaded from abroad."""
        answer = self.open()
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
        self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
        page = html.fromstring(answer.content)
        loaded = page.xpath("//@src | //link/@href | //script")
        self.assertEqual(loaded, ["data:,"])
        links = page.xpath("//a/@href")
        self.assertTrue(all(link.startswith("tel:") for link in links), links)
        self.assertNotIn("Set-Cookie", answer.headers)

    def test_reading_changes_nothing(self):
        """Mail programs open every link, some of them twice."""
        before = self.coupon.read()[0]
        for _time in range(3):
            self.open()
        self.open(method="HEAD")
        self.env.invalidate_all()
        self.assertEqual(self.coupon.read()[0], before)
        self.assertFalse(self.coupon.event_ids)

    def test_page_speaks_the_language_of_the_patient(self):
        self.ada.lang = "fr_FR"
        text = self.text(self.open())
        self.assertIn("Ada, votre bon", text)
        self.assertNotIn("Valid until", text)

    def test_what_is_over_says_so(self):
        """Used, over, revoked: the page says which, and shows no code."""
        for values, words in (
            ({"state": "redeemed"}, "You have used this coupon"),
            ({"state": "revoked"}, "no longer valid"),
            ({"state": "expired"}, "was valid until"),
            (
                {"expires_at": fields.Datetime.now() - timedelta(seconds=1)},
                "was valid until",
            ),
        ):
            with self.subTest(values=values):
                self.coupon.write({"state": "open", **values})
                text = self.text(self.open())
                self.assertIn(words, text)
                self.assertNotIn(self.coupon.code_shown, text)

    def test_payer_changes_after_the_coupon_was_sent(self):
        """K2: the law is asked again when the coupon is looked at."""
        self.ada.payer_class = "federal"
        text = self.text(self.open())
        self.assertIn("cannot be used", text)
        self.assertNotIn(self.coupon.code_shown, text)
        self.assertNotIn("20", text.replace("2026", ""))

    def test_wrong_links_are_all_alike(self):
        """Nobody learns from the answer whether there is a coupon behind a number."""
        secret = self.link.rpartition("/")[2]
        answers = [
            self.open(f"/reactivation/coupon/{token}")
            for token in (
                secret[:-1],
                secret + "x",
                secret.swapcase(),
                str(self.coupon.id),
                "0",
                "%00",
                "é" * 50,
                self.coupon.code,
            )
        ]
        self.assertEqual({answer.status_code for answer in answers}, {404})
        self.assertEqual(len({answer.text for answer in answers}), 1)

    def test_secret_is_not_in_the_database(self):
        """Who reads the database cannot open the page of a patient."""
        secret = self.link.rpartition("/")[2]
        self.env.flush_all()
        self.env.cr.execute("SELECT token_hash FROM reactivation_token")
        self.assertNotIn(secret, str(self.env.cr.fetchall()))

    def test_guessing_is_slowed_down(self):
        """K5: after many wrong links nothing opens any more for a while."""
        for number in range(WRONG_LINKS):
            self.assertEqual(
                self.open(f"/reactivation/coupon/wrong{number}").status_code, 404
            )
        answer = self.open()
        self.assertEqual(answer.status_code, 429)
        self.assertNotIn(self.coupon.code_shown, answer.text)

    def test_nothing_can_be_posted(self):
        self.assertEqual(self.open(data={"x": "y"}).status_code, 405)

    def test_link_dies_with_the_person(self):
        """An erased patient's link opens nothing."""
        self.coupon.sudo()._forget_person()
        self.assertEqual(self.open().status_code, 404)

    def test_staff_who_read_the_message_come_to_the_record(self):
        """The message Odoo keeps has the number in the place of the secret."""
        self.authenticate("admin", "admin")
        answer = self.url_open(
            f"/reactivation/coupon/{self.coupon.id}", allow_redirects=False
        )
        self.assertEqual(answer.status_code, 303)
        self.assertTrue(
            answer.headers["Location"].endswith(
                f"/odoo/reactivation-coupons/{self.coupon.id}"
            )
        )
