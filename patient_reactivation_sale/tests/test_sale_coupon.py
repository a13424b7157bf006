"""Coupons on orders: the patient's own, lawful, once."""

from datetime import date, timedelta

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .common import OrderClinic


@tagged("post_install", "-at_install")
class TestSaleCoupon(OrderClinic):
    def test_used_on_an_order(self):
        """Typed as people type; 20 % off; used when the order is confirmed."""
        order = self.order()
        self.assertIsNone(self.apply(order, f" {self.coupon.code_shown.lower()} "))
        self.assertEqual(order.amount_total, 80)
        self.assertEqual(self.coupon.state, "open")
        order.action_confirm()
        self.assertEqual(self.coupon.state, "redeemed")
        self.assertEqual(self.coupon.order_model, "sale.order")
        self.assertEqual(self.coupon.order_id, order.id)
        self.assertEqual(self.coupon.redeemed_by_id, self.seller)
        self.assertEqual(self.coupon.card_id.points, 0)
        self.assertIn("used already", self.apply(self.order()))
        refused = self.as_user(self.desk, self.coupons).desk_redeem(self.coupon.id)
        self.assertEqual(refused["code"], "redeemed")

    def test_other_codes_are_left_to_odoo(self):
        program = self.env["loyalty.program"].create(
            {
                "name": "Newspaper",
                "program_type": "promo_code",
                "trigger": "with_code",
                "applies_on": "current",
                "rule_ids": [Command.create({"mode": "with_code", "code": "Paper-10"})],
                "reward_ids": [Command.create({"discount": 10})],
            }
        )
        order = self.order()
        self.assertIsNone(self.apply(order, "Paper-10"))
        self.assertEqual(order.amount_total, 90)
        self.assertIn("invalid", self.apply(order, "nonsense"))
        self.assertTrue(program.active)

    def test_somebody_elses_order(self):
        """K5: Odoo would take it; whoever it is not made out to hears why not."""
        ben = self.lapsed("Ben", 200, payer_class="cash")
        self.assertIn("made out to somebody else", self.apply(self.order(ben)))

    def test_a_guardian_orders(self):
        """The mother pays for her daughter's visit."""
        mother = self.person("Mother")
        self.ada.guardian_id = mother
        order = self.order(mother)
        self.assertIsNone(self.apply(order))
        order.action_confirm()
        self.assertEqual(self.coupon.state, "redeemed")

    def test_the_patient_of_the_order_is_changed(self):
        """K5: checked again when it is confirmed; the coupon stays unused."""
        order = self.order()
        self.apply(order)
        ben = self.lapsed("Ben", 200, payer_class="cash")
        order.partner_id = ben
        with self.assertRaisesRegex(UserError, "made out to somebody else"):
            order.action_confirm()
        self.assertEqual(self.coupon.state, "open")
        order.order_line.filtered("reward_id").unlink()
        order.action_confirm()
        self.assertEqual(order.amount_total, 100)

    def test_coverage_changes_before_the_order_is_confirmed(self):
        """K3: Medicaid since yesterday: the order is not confirmed with the coupon."""
        order = self.order()
        self.apply(order)
        self.ada.payer_class = "federal"
        with self.assertRaisesRegex(UserError, "the law does not allow us"):
            order.action_confirm()
        self.assertIn("the law does not allow us", self.apply(self.order()))

    def test_on_two_drafts(self):
        """A7, K6: two quotations with one coupon: one is confirmed, one hears why."""
        first, second = self.order(), self.order()
        self.assertIsNone(self.apply(first))
        self.assertIsNone(self.apply(second))
        first.action_confirm()
        with self.assertRaisesRegex(UserError, "used already"):
            second.action_confirm()
        self.assertEqual(second.state, "draft")
        self.assertEqual(self.coupon.card_id.points, 0)

    def test_two_drafts_confirmed_together(self):
        """A7: from the list, in one click: neither is, and the remedy is named."""
        orders = self.order() | self.order()
        for order in orders:
            self.apply(order)
        with self.assertRaisesRegex(UserError, "on two of these orders"):
            orders.action_confirm()
        self.assertEqual(self.coupon.state, "open")

    def test_canceled_and_used_again(self):
        """K6: a canceled order gives the coupon back, to be used once."""
        order = self.order()
        self.apply(order)
        order.action_confirm()
        order._action_cancel()
        self.assertEqual(self.coupon.state, "open")
        self.assertEqual(self.coupon.card_id.points, 1)
        self.assertIn("reopened", self.coupon.event_ids.mapped("kind"))
        again = self.order()
        self.assertIsNone(self.apply(again))
        again.action_confirm()
        self.assertEqual(self.coupon.order_id, again.id)
        order.action_draft()
        order.action_confirm()
        self.assertEqual(order.amount_total, 100)

    def test_canceled_after_its_last_day(self):
        """D11: what is over stays over."""
        order = self.order()
        self.apply(order)
        order.action_confirm()
        self.later(days=40)
        order._action_cancel()
        self.assertEqual(self.coupon.state, "expired")
        self.assertIn("valid until", self.apply(self.order()))

    def test_confirmed_orders_take_none(self):
        """What is on the bill stays there; the coupon waits for the next visit."""
        order = self.order()
        order.action_confirm()
        self.assertIn("closed already", self.apply(order))
        self.assertEqual(self.coupon.state, "open")

    def test_refund_keeps_it_used(self):
        """K6: a credit note gives the money back, and no new coupon."""
        order = self.order()
        self.apply(order)
        order.action_confirm()
        invoice = self.invoice(order)
        self.assertEqual(invoice.amount_total, 80)
        refund = invoice._reverse_moves(cancel=True)
        self.assertEqual((refund.state, refund.move_type), ("posted", "out_refund"))
        self.assertEqual(order.state, "sale")
        self.assertEqual(self.coupon.state, "redeemed")
        self.assertEqual(self.coupon.card_id.points, 0)
        self.assertIn("used already", self.apply(self.order()))

    def invoice(self, order):
        """Bill an order, at a clinic that has hardly any accounts."""
        accounts = self.env["account.account"].create(
            [
                {
                    "name": name,
                    "code": code,
                    "account_type": kind,
                    "company_ids": [Command.set(self.clinic.ids)],
                }
                for name, code, kind in (
                    ("Patients", "R1", "asset_receivable"),
                    ("Visits", "I1", "income"),
                )
            ]
        )
        self.env["account.journal"].create(
            {
                "name": "Bills",
                "code": "BILL",
                "type": "sale",
                "company_id": self.clinic.id,
                "default_account_id": accounts[1].id,
            }
        )
        ada = self.ada.with_company(self.clinic)
        ada.property_account_receivable_id = accounts[0]
        invoice = order.sudo().with_company(self.clinic)._create_invoices()
        invoice.action_post()
        return invoice

    def test_discounted_lines(self):
        """K10: a discount by hand, a pricelist, another reward."""
        self.assertIn("has a discount already", self.apply(self.order(discount=5)))
        order = self.order()
        self.apply(order)
        order.order_line.filtered(lambda line: not line.reward_id).discount = 5
        with self.assertRaisesRegex(UserError, "has a discount already"):
            order.action_confirm()
        pricelist = self.env["product.pricelist"].create(
            {
                "name": "Sliding scale",
                "item_ids": [
                    Command.create(
                        {
                            "compute_price": "percentage",
                            "percent_price": 30,
                            "applied_on": "3_global",
                        }
                    )
                ],
            }
        )
        order = self.env["sale.order"].create(
            {
                "partner_id": self.ada.id,
                "company_id": self.clinic.id,
                "pricelist_id": pricelist.id,
                "order_line": [Command.create({"product_id": self.cleaning.id})],
            }
        )
        self.assertEqual(order.amount_total, 70)
        self.assertIn("has a discount already", self.apply(order))
        order = self.order()
        self.discount_button(order)
        self.assertEqual(order.amount_total, 90)
        self.assertIn("has a discount already", self.apply(order))
        second = self.give(self.ada, self.fifty, "second")
        order = self.order()
        self.assertIsNone(self.apply(order))
        self.assertIn("has a discount already", self.apply(order, second.code_shown))

    def discount_button(self, order):
        """Odoo's *Discount*, of a tenth of the whole order."""
        wizard = self.env["sale.order.discount"].create(
            {
                "sale_order_id": order.id,
                "discount_type": "so_discount",
                "discount_percentage": 0.1,
            }
        )
        wizard.action_apply_discount()

    def test_discount_button_after_the_coupon(self):
        """K10: in the other order, too: it is noticed when the order is confirmed."""
        order = self.order()
        self.apply(order)
        self.discount_button(order)
        with self.assertRaisesRegex(UserError, "has a discount already"):
            order.action_confirm()
        self.assertEqual(self.coupon.state, "open")

    def test_gift_cards_pay(self):
        """Who pays with a gift card has no discount by that."""
        programs = self.env["loyalty.program"]
        program = programs.create(
            {
                **programs._get_template_values()["gift_card"],
                "name": "Gift Cards",
                "program_type": "gift_card",
            }
        )
        self.env["loyalty.card"].create(
            {"program_id": program.id, "points": 30, "code": "GIFT-30"}
        )
        order = self.order()
        self.assertIsNone(self.apply(order, "GIFT-30"))
        self.assertIsNone(self.apply(order))
        order.action_confirm()
        self.assertEqual(order.amount_total, 50)
        self.assertEqual(self.coupon.state, "redeemed")

    def test_insured_services(self):
        """K10: what an insurance pays is not discounted to the patient."""
        order = self.order()
        self.apply(order)
        self.cleaning.reactivation_insured = True
        self.assertIn("paid by your insurance", self.apply(self.order()))
        with self.assertRaisesRegex(UserError, "paid by your insurance"):
            order.action_confirm()

    def test_program_that_is_not_for_orders(self):
        """K11: said in words, not as “invalid”."""
        order = self.order()
        self.apply(order)
        self.twenty.sale_ok = False
        self.assertIn("not for this service", self.apply(self.order()))
        with self.assertRaisesRegex(UserError, "not for this service"):
            order.action_confirm()

    def test_last_day_at_the_clinic(self):
        """D11: ten at night in New York is tomorrow in Greenwich, and still today."""
        order = self.order()
        with self.at(self.coupon.expires_at - timedelta(hours=2)):
            self.assertIsNone(self.apply(order))
            order.action_confirm()
        self.assertEqual(self.coupon.redeemed_day, date(2026, 4, 1))

    def test_over_by_midnight(self):
        """D11"""
        order = self.order()
        self.apply(order)
        with (
            self.at(self.coupon.expires_at),
            self.assertRaisesRegex(UserError, "valid until 04/01/2026"),
        ):
            order.action_confirm()

    def test_another_clinics_order(self):
        """H6: a coupon of Elm Street on an order of Lakeside."""
        order = self.env["sale.order"].create(
            {
                "partner_id": self.ada.id,
                "company_id": self.other_clinic.id,
                "order_line": [Command.create({"product_id": self.cleaning.id})],
            }
        )
        self.assertIn("from Elm Street Clinic", self.apply(order))

    def test_wizard_does_not_offer_what_is_refused(self):
        """K3: the list of rewards, too, asks the law."""
        order = self.order()
        self.assertIsNone(self.apply(order))
        order.order_line.filtered("reward_id").unlink()
        order.applied_coupon_ids = self.coupon.sudo().card_id
        self.assertTrue(order._get_claimable_rewards())
        self.ada.payer_class = "federal"
        self.assertFalse(order._get_claimable_rewards())

    def test_gift_on_an_order(self):
        """A small gift is a line of its own, free of charge."""
        brush = self.gift(12)
        coupon = self.give(self.ada, self.program("Brush", "gift", 12, brush), "gift")
        order = self.order()
        self.assertIsNone(self.apply(order, coupon.code_shown))
        order.action_confirm()
        self.assertEqual(order.amount_total, 100)
        self.assertIn(brush, order.order_line.product_id)
        self.assertEqual(coupon.state, "redeemed")
