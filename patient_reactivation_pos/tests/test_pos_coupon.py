"""Coupons at the till: the patient's own, lawful, once."""

from datetime import timedelta
from urllib.parse import urlencode

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from odoo.addons.point_of_sale.tests.test_frontend import TestPointOfSaleHttpCommon


@tagged("post_install", "-at_install")
class TestPosCoupon(TestPointOfSaleHttpCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.main_pos_config.company_id
        cls.company.sudo().reactivation_tz = "America/New_York"
        cls.twenty = cls.env.ref("patient_reactivation.loyalty_program_20")
        others = cls.env["loyalty.program"].search([("id", "!=", cls.twenty.id)])
        others.active = False
        # Who works at the till may not read coupons; the stories may.
        cls.coupons = cls.env["reactivation.coupon"].sudo()
        cls.ada = cls.person("Till Ada")
        cls.ben = cls.person("Till Ben")
        cls.coupon = cls.give(cls.ada)

    @classmethod
    def person(cls, name):
        # The payer is entered by the clinic's own staff, not at the till.
        partners = cls.env["res.partner"].sudo()
        return partners.create(
            {"name": name, "payer_class": "cash", "company_id": False}
        ).sudo(False)

    @classmethod
    def give(cls, partner, key="till"):
        granted = cls.coupons._grant(cls.company, partner, cls.twenty, key)
        return granted[partner][0]

    def scan(self, partner, code=None):
        """:return: (error or None, what the till gets)"""
        config = self.main_pos_config.with_user(self.pos_user)
        answer = config.use_coupon_code(
            code or self.coupon.code_shown,
            fields.Datetime.to_string(fields.Datetime.now()),
            partner and partner.id,
            False,
        )
        payload = answer["payload"]
        return payload.get("error_message"), payload

    def validate(self, coupon=None):
        card = (coupon or self.coupon).card_id
        orders = self.env["pos.order"].with_user(self.pos_user)
        return orders.validate_coupon_programs({str(card.id): -1}, [])

    def hold(self, order="bill 1", partner=None, config=None, **visit):
        """What the till asks when somebody presses *Validate*."""
        config = (config or self.main_pos_config).with_user(self.pos_user)
        return config.hold_patient_coupons(
            order, (partner or self.ada).id, self.coupon.card_id.ids, **visit
        )

    def pay(self, points=-1):
        """A bill that is paid, with the coupon on it."""
        if not self.main_pos_config.current_session_id:
            self.main_pos_config.with_user(self.pos_user).open_ui()
        order = self.env["pos.order"].create(
            {
                "company_id": self.company.id,
                "session_id": self.main_pos_config.current_session_id.id,
                "partner_id": self.ada.id,
                **dict.fromkeys(
                    ("amount_tax", "amount_total", "amount_paid", "amount_return"), 0
                ),
            }
        )
        card = self.coupon.card_id
        order.with_user(self.pos_user).confirm_coupon_programs(
            {
                str(card.id): {
                    "points": points,
                    "program_id": self.twenty.id,
                    "coupon_id": card.id,
                    "line_codes": [],
                }
            }
        )
        return order

    def test_scanning(self):
        """K3, K5: the patient's own; somebody else's and an unlawful one are not."""
        error, payload = self.scan(self.ada, self.coupon.code_shown.lower())
        self.assertIsNone(error)
        self.assertEqual(payload["coupon_id"], self.coupon.card_id.id)
        self.assertIn("made out to somebody else", self.scan(self.ben)[0])
        self.assertIn("May I have your name", self.scan(None)[0])
        self.ada.sudo().payer_class = "federal"
        self.assertIn("the law does not allow us", self.scan(self.ada)[0])
        self.ada.sudo().payer_class = "cash"
        self.coupon._revoke("staff")
        self.assertIn("no longer valid", self.scan(self.ada)[0])

    def test_other_codes_are_left_to_odoo(self):
        self.assertIn(
            "This coupon is invalid (044-1234)", self.scan(None, "044-1234")[0]
        )

    def test_refusals_are_on_record(self):
        """Who said no, to which coupon, and why."""
        self.scan(self.ben)
        self.scan(None)
        events = self.coupon.event_ids
        self.assertEqual(set(events.mapped("kind")), {"refused"})
        self.assertEqual(set(events.mapped("reason")), {"person", "nobody"})
        self.assertEqual(events.user_id, self.pos_user)

    def test_last_day_at_the_clinic(self):
        """D11: at ten at night in New York the till already counts tomorrow."""
        with freeze_time(self.coupon.expires_at - timedelta(hours=2)):
            self.assertIsNone(self.scan(self.ada)[0])
            self.assertFalse(self.hold())
        with freeze_time(self.coupon.expires_at):
            self.assertIn("valid until", self.scan(self.ada)[0])
            self.assertIn("valid until", self.hold())
            self.assertFalse(self.validate()["successful"])

    def test_program_that_is_not_for_this_till(self):
        """K11: said in words, not as “invalid”."""
        self.twenty.pos_ok = False
        self.assertIn("not for this service", self.scan(self.ada)[0])
        self.assertIn("not for this service", self.hold())

    def test_another_clinics_till(self):
        """H6: a coupon of this clinic at the till of another one."""
        other = self.env["res.company"].sudo().create({"name": "Lakeside Clinic"})
        self.main_pos_config.flush_recordset()
        self.env.cr.execute(
            "UPDATE reactivation_coupon SET company_id = %s WHERE id = %s",
            [other.id, self.coupon.id],
        )
        self.coupon.invalidate_recordset()
        self.assertIn("from Lakeside Clinic", self.scan(self.ada)[0])
        self.assertIn("from Lakeside Clinic", self.hold())

    def test_bill_that_is_about_to_be_paid(self):
        """K3, K5, K10: asked once more, about what changed since it was scanned."""
        self.assertIn("made out to somebody else", self.hold(partner=self.ben))
        self.assertIn("has a discount already", self.hold(discounted=True))
        self.assertIn("paid by your insurance", self.hold(insured=True))
        self.ada.sudo().payer_class = "federal"
        self.assertIn("the law does not allow us", self.hold())
        self.ada.sudo().payer_class = "cash"
        self.assertFalse(self.hold())

    def test_two_tills(self):
        """A7: whoever presses first gets it; the other hears why not, as do desk and
        orders. A bill that is never paid gives it free."""
        self.assertFalse(self.hold("bill 1"))
        self.assertFalse(self.hold("bill 1"))
        self.assertIn("being used at a till", self.hold("bill 2"))
        self.assertIn("being used at a till", self.scan(self.ada)[0])
        self.assertTrue(self.validate()["successful"])
        refused = self.coupons.with_user(self.desk()).desk_redeem(self.coupon.id)
        self.assertEqual((refused["code"], refused["redeemed"]), ("held", False))
        with freeze_time(fields.Datetime.now() + timedelta(minutes=3)):
            self.assertFalse(self.hold("bill 2"))
            self.assertIn("being used at a till", self.hold("bill 1"))
        self.pay()
        self.assertEqual(self.coupon.state, "redeemed")
        self.assertIn("used already", self.hold("bill 2"))

    def desk(self):
        return new_test_user(
            self.env(su=True),
            login="till_desk",
            groups="patient_reactivation.group_reactivation_user",
            company_id=self.company.id,
            company_ids=[fields.Command.set(self.company.ids)],
        )

    def test_two_bills_without_asking(self):
        """A7: a till that lost its connection: both are paid, and that is on record;
        the card is worth nothing, and not less."""
        first = self.pay()
        self.pay()
        self.assertEqual(self.coupon.order_id, first.id)
        self.assertEqual(self.coupon.card_id.points, 0)
        kinds = self.coupon.event_ids.mapped("kind")
        self.assertEqual(sorted(kinds), ["redeemed", "twice"])

    def test_refund_keeps_it_used(self):
        """K6: money back is no new coupon, even if the till gives its point back."""
        self.pay()
        self.pay(points=1)
        self.assertEqual(self.coupon.state, "redeemed")
        self.assertEqual(self.coupon.card_id.points, 0)
        self.assertIn("used already", self.scan(self.ada)[0])

    def test_only_the_till_may_ask(self):
        """Neither patients nor staff without a till learn anything about coupons."""
        portal = new_test_user(self.env(su=True), "till_portal", "base.group_portal")
        clerk = new_test_user(self.env(su=True), "till_clerk", "base.group_user")
        for user in (portal, clerk):
            config = self.main_pos_config.with_user(user)
            with self.assertRaises(AccessError):
                config.hold_patient_coupons("x", self.ada.id, [self.coupon.card_id.id])
            with self.assertRaises(AccessError):
                config.use_coupon_code(self.coupon.code, "2026-01-01", False, False)

    def test_before_the_bill_is_paid(self):
        """A7, K3: used at the desk meanwhile, or unlawful since: taken off the bill."""
        self.assertTrue(self.validate()["successful"])
        self.ada.sudo().payer_class = "federal"
        answer = self.validate()
        self.assertFalse(answer["successful"])
        self.assertIn("the law does not allow us", answer["payload"]["message"])
        self.ada.sudo().payer_class = "cash"
        self.coupon._redeem()
        answer = self.validate()
        self.assertIn("used already", answer["payload"]["message"])
        self.assertEqual(answer["payload"]["removed_coupons"], self.coupon.card_id.ids)

    def test_barcode(self):
        """The square is read as a coupon, and nothing else is."""
        nomenclature = self.env.ref("barcodes.default_barcode_nomenclature")
        for number in range(20):
            coupon = self.give(self.ada, f"barcode {number}")
            parsed = nomenclature.parse_barcode(coupon.code_shown)
            self.assertEqual(
                (parsed["type"], parsed["code"]), ("coupon", coupon.code_shown)
            )
        for text in ("0412345678903", "2100000000005", "KIT-2026-0001", "ABC"):
            self.assertNotEqual(nomenclature.parse_barcode(text)["type"], "coupon")

    def test_products_tell_the_till_who_pays(self):
        """K10: the till knows which services an insurance pays."""
        names = self.env["product.template"]._load_pos_data_fields(self.main_pos_config)
        self.assertIn("reactivation_insured", names)

    def test_at_the_till(self):
        """K5, K10, A7: in the browser, from the wrong customer to the second time."""
        self.small_shelf.reactivation_insured = True
        self.env["product.pricelist"].create(
            {
                "name": "Sliding scale",
                "currency_id": self.company.currency_id.id,
                "item_ids": [
                    fields.Command.create(
                        {"compute_price": "percentage", "percent_price": 30}
                    )
                ],
            }
        )
        self.main_pos_config.available_pricelist_ids = self.env[
            "product.pricelist"
        ].search([("currency_id", "=", self.company.currency_id.id)])
        self.main_pos_config.with_user(self.pos_user).open_ui()
        query = urlencode({"coupon": self.coupon.code_shown})
        self.start_tour(
            f"{self._get_url()}?{query}", "reactivation_pos_coupon", login="pos_user"
        )
        self.coupon.invalidate_recordset()
        self.assertEqual(self.coupon.state, "redeemed")
        self.assertEqual(self.coupon.order_model, "pos.order")
        order = self.env["pos.order"].browse(self.coupon.order_id)
        self.assertEqual((order.partner_id, order.amount_total), (self.ada, 12.8))
        self.assertEqual(self.coupon.card_id.points, 0)
