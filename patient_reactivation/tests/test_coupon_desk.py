"""The front desk: whose coupon it is, using it once, and refusing it in words."""

from datetime import date, timedelta

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from ..models.reactivation_coupon_desk import WRONG_CODES
from .test_coupon_campaign import OfferClinic


@tagged("post_install", "-at_install")
class TestCouponDesk(OfferClinic):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ada = cls.lapsed(
            "Ada Lovelace", payer_class="cash", birth_date=date(1980, 4, 1)
        )
        cls.coupon = cls.give(cls.ada)

    @classmethod
    def give(cls, partner, program=None, key="desk", company=None):
        granted = cls.coupons._grant(
            company or cls.clinic, partner, program or cls.twenty, key
        )
        return granted[partner][0]

    def at_desk(self, user=None):
        return self.as_user(user or self.desk, self.coupons)

    def find(self, text=None, user=None, partner=None):
        return self.at_desk(user).desk_find(
            self.coupon.code_shown if text is None else text, partner and partner.id
        )

    def redeem(self, coupon=None, user=None, **visit):
        coupon = coupon or self.coupon
        return self.at_desk(user).desk_redeem(coupon.id, **visit)

    def assertRefused(self, answer, code, words):
        """Refused, with a sentence that names nobody."""
        self.assertFalse(answer["redeemed"])
        self.assertEqual(answer["code"], code)
        self.assertIn(words, answer["refusal"])
        self.assertNotIn("Ada", answer["refusal"])

    # -------------------------------------------------------------------- using

    def test_used_once(self):
        """Whose it is, what it gives, until when; then it is worth nothing more."""
        answer = self.find()
        shown = answer["coupon"]
        self.assertFalse(answer["refusal"])
        self.assertEqual(
            (shown["patient"], shown["offer"], shown["born"], shown["until"]),
            ("Ada Lovelace", "20% off your visit", "04/01/1980", "04/01/2026"),
        )
        answer = self.redeem()
        self.assertTrue(answer["redeemed"])
        self.assertFalse(answer["refusal"])
        self.assertEqual(self.coupon.state, "redeemed")
        self.assertEqual(self.coupon.redeemed_by_id, self.desk)
        self.assertEqual(self.coupon.redeemed_day, date(2026, 3, 2))
        self.assertEqual(self.coupon.card_id.points, 0)
        [line] = self.coupon.card_id.history_ids.filtered("used")
        self.assertEqual((line.used, line.order_id), (1, 0))
        self.assertEqual(self.coupon.event_ids.mapped("kind"), ["redeemed"])
        for answer in (self.find(), self.redeem()):
            self.assertRefused(answer, "redeemed", "used already, on 03/02/2026")
        reasons = self.coupon.event_ids.mapped("reason")
        self.assertCountEqual(reasons, ["redeemed", False])

    def test_however_the_code_is_typed(self):
        """G9: lower case, blanks, O for 0, I and L for 1; not one wrong symbol."""
        code = self.coupon.code_shown
        for text in (
            code.lower(),
            code.replace("-", " "),
            f"  {code}\n",
            code.replace("0", "o").replace("1", "l"),
        ):
            self.assertEqual(self.find(text)["coupon"]["id"], self.coupon.id, text)
        other = "2" if code[0] != "2" else "3"
        for text in (
            "",
            " ",
            other + code[1:],
            code[:-1],
            "' OR 1=1 --",
            "😀",
            "0" * 999,
        ):
            self.assertRefused(self.find(text), "unknown", "I cannot find")

    def test_campaign_counts_it(self):
        """The redemption is an outcome of the enrollment, and taken back with it."""
        ben = self.lapsed("Ben", 200, payer_class="cash")
        campaign = self.offer_campaign()
        self.start(campaign)
        self.run_crons()
        coupon = self.coupons_of(ben)
        self.redeem(coupon)
        kinds = self.enrollment(ben).outcome_ids.mapped("kind")
        self.assertIn("redeemed", kinds)
        self.at_desk(self.manager).desk_undo(coupon.id, "A mistake")
        kinds = self.enrollment(ben).outcome_ids.mapped("kind")
        self.assertIn("unredeemed", kinds)
        self.assertEqual(campaign.coupon_redeemed_count, 0)

    # ----------------------------------------------------------------- refusing

    def test_last_day_and_the_day_after(self):
        """D11: good all through its last day at the clinic, not a minute longer."""
        with self.at(self.coupon.expires_at - timedelta(minutes=1)):
            self.assertFalse(self.find()["refusal"])
        with self.at(self.coupon.expires_at):
            self.assertRefused(self.redeem(), "expired", "valid until 04/01/2026")
        self.assertEqual(self.coupon.state, "open")

    def test_revoked(self):
        self.coupon._revoke("staff")
        self.assertRefused(self.redeem(), "revoked", "no longer valid")

    def test_clinics_and_branches(self):
        """H6, K11: good at its clinic and the branches; elsewhere it is named, the
        patient is not."""
        branch = self.env["res.company"].create(
            {"name": "Elm Street North", "parent_id": self.clinic.id}
        )
        north = self._staff(
            "north",
            branch,
            [(6, 0, branch.ids)],
            "patient_reactivation.group_reactivation_user",
        )
        answer = self.find(user=north)
        self.assertFalse(answer["refusal"])
        stranger = self.stranger()
        answer = self.find(user=stranger)
        self.assertRefused(answer, "company", "from Elm Street Clinic")
        self.assertFalse(answer["coupon"])
        with self.assertRaises(AccessError):
            self.redeem(user=stranger)
        with self.assertRaises(AccessError):
            self.at_desk(stranger).desk_open(self.coupon.id)
        self.assertFalse(self.at_desk(stranger).desk_coupons(self.ada.id))
        self.assertTrue(self.redeem(user=north)["redeemed"])

    def test_somebody_else_brings_it(self):
        """K5: made out to one patient; Odoo itself lets anybody use it."""
        ben = self.lapsed("Ben", payer_class="cash")
        answer = self.find(partner=ben)
        self.assertRefused(answer, "person", "made out to somebody else")
        self.assertRefused(
            self.redeem(partner_id=ben.id), "person", "made out to somebody else"
        )
        self.assertFalse(self.find(partner=self.ada)["refusal"])

    def test_coverage_changes_after_the_coupon_was_issued(self):
        """K3: what staff can say aloud, and nothing about the payer in it."""
        for payer in ("federal", "unknown"):
            self.ada.payer_class = payer
            self.assertRefused(self.redeem(), "payer", "the law does not allow us")
        self.ada.payer_class = "private"
        self.assertTrue(self.redeem()["redeemed"])

    def test_discounted_and_insured_visits(self):
        """K10: not on top of another discount, not for what an insurance pays."""
        self.assertRefused(
            self.redeem(discounted=True), "discounted", "has a discount already"
        )
        self.assertRefused(self.redeem(insured=True), "insured", "paid by your")
        self.assertTrue(self.redeem()["redeemed"])

    def test_one_a_day(self):
        """K9: the second coupon of a day waits for the next visit."""
        second = self.give(self.ada, self.fifty, "second")
        self.assertTrue(self.redeem()["redeemed"])
        self.assertRefused(self.redeem(second), "today", "another coupon today")
        self.later(days=1)
        self.assertTrue(self.redeem(second)["redeemed"])

    def test_offer_that_has_not_begun(self):
        """K11"""
        self.twenty.date_from = date(2026, 3, 10)
        self.assertRefused(self.redeem(), "not_begun", "not begun")

    def test_guessing(self):
        """G9: after many wrong codes that user looks up nothing for a while"""
        for number in range(WRONG_CODES):
            self.assertRefused(self.find(f"WRONG{number}"), "unknown", "cannot find")
        self.assertRefused(self.find(), "throttled", "10 minutes")
        self.assertTrue(self.find(user=self.manager)["coupon"])
        self.later(hours=1)
        self.assertTrue(self.find()["coupon"])

    def test_outsiders(self):
        """Employees without the role and portal users learn nothing."""
        for groups in ("base.group_user", "base.group_portal"):
            user = new_test_user(
                self.env,
                login=f"outside_{groups}",
                groups=groups,
                company_id=self.clinic.id,
                company_ids=self.clinic.ids,
            )
            coupons = self.coupons.with_user(user)
            for method, arguments in (
                ("desk_find", [self.coupon.code_shown]),
                ("desk_open", [self.coupon.id]),
                ("desk_coupons", [self.ada.id]),
                ("desk_redeem", [self.coupon.id]),
                ("desk_undo", [self.coupon.id, "Why not"]),
            ):
                with self.assertRaises(AccessError, msg=(groups, method)):
                    getattr(coupons, method)(*arguments)
        self.assertEqual(self.coupon.state, "open")

    # ------------------------------------------------------------------ undoing

    def test_manager_undoes_with_a_reason(self):
        self.redeem()
        with self.assertRaisesRegex(UserError, "Only a manager"):
            self.at_desk().desk_undo(self.coupon.id, "A mistake")
        desk = self.at_desk(self.manager)
        self.assertTrue(desk.desk_open(self.coupon.id)["coupon"]["can_undo"])
        with self.assertRaisesRegex(UserError, "“Why”"):
            desk.desk_undo(self.coupon.id, "  ")
        answer = desk.desk_undo(self.coupon.id, "The visit was canceled")
        self.assertEqual(answer["coupon"]["state"], "open")
        self.assertEqual(self.coupon.card_id.points, 1)
        self.assertFalse(self.coupon.redeemed_on or self.coupon.redeemed_by_id)
        event = self.coupon.event_ids[:1]
        self.assertEqual((event.kind, event.note), ("undone", "The visit was canceled"))
        with self.assertRaisesRegex(UserError, "has not been used"):
            desk.desk_undo(self.coupon.id, "Once more")
        self.assertTrue(self.redeem()["redeemed"])

    def test_undone_after_its_last_day(self):
        """What is over stays over."""
        self.redeem()
        with self.at(self.coupon.expires_at + timedelta(hours=1)):
            answer = self.at_desk(self.manager).desk_undo(self.coupon.id, "A mistake")
            self.assertRefused(answer, "expired", "valid until")
            self.assertEqual(self.coupon.state, "expired")

    def test_coupons_of_a_patient(self):
        """Those that may be used, the best one first."""
        large = self.give(self.ada, self.fifty, "second")
        over = self.give(self.ada, self.twenty, "third")
        over._revoke("staff")
        listed = self.at_desk().desk_coupons(self.ada.id)
        self.assertEqual([item["id"] for item in listed], [large.id, self.coupon.id])

    def test_coupon_without_a_card(self):
        """Somebody deleted the card of Odoo's loyalty: the desk still redeems once."""
        self.coupon.card_id.unlink()
        self.assertTrue(self.redeem()["redeemed"])
        self.assertRefused(self.redeem(), "redeemed", "used already")
