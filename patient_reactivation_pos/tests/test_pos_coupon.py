"""Coupons at the till: the patient's own, lawful, once."""

from urllib.parse import urlencode

from odoo import fields
from odoo.tests import tagged

from odoo.addons.point_of_sale.tests.test_frontend import TestPointOfSaleHttpCommon


@tagged("post_install", "-at_install")
class TestPosCoupon(TestPointOfSaleHttpCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.main_pos_config.company_id
        cls.twenty = cls.env.ref("patient_reactivation.loyalty_program_20")
        others = cls.env["loyalty.program"].search([("id", "!=", cls.twenty.id)])
        others.active = False
        cls.coupons = cls.env["reactivation.coupon"]
        cls.ada = cls.person("Till Ada")
        cls.ben = cls.person("Till Ben")
        cls.coupon = cls.give(cls.ada)

    @classmethod
    def person(cls, name):
        return cls.env["res.partner"].create(
            {"name": name, "payer_class": "cash", "company_id": False}
        )

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

    def test_scanning(self):
        """K3, K5: the patient's own; somebody else's and an unlawful one are not."""
        error, payload = self.scan(self.ada, self.coupon.code_shown.lower())
        self.assertIsNone(error)
        self.assertEqual(payload["coupon_id"], self.coupon.card_id.id)
        self.assertIn("made out to somebody else", self.scan(self.ben)[0])
        self.assertIn("May I have your name", self.scan(None)[0])
        self.ada.payer_class = "federal"
        self.assertIn("the law does not allow us", self.scan(self.ada)[0])
        self.ada.payer_class = "cash"
        self.coupon._revoke("staff")
        self.assertIn("no longer valid", self.scan(self.ada)[0])

    def test_other_codes_are_left_to_odoo(self):
        self.assertIn(
            "This coupon is invalid (044-1234)", self.scan(None, "044-1234")[0]
        )

    def test_before_the_bill_is_paid(self):
        """A7, K3: used at the desk meanwhile, or unlawful since: taken off the bill."""
        self.assertTrue(self.validate()["successful"])
        self.ada.payer_class = "federal"
        answer = self.validate()
        self.assertFalse(answer["successful"])
        self.assertIn("the law does not allow us", answer["payload"]["message"])
        self.ada.payer_class = "cash"
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
