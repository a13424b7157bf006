"""What patients order after a campaign reached them, and orders as visits."""

from odoo.fields import Command
from odoo.tests import tagged

from .common import OrderClinic


@tagged("post_install", "-at_install")
class TestSaleOutcome(OrderClinic):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.recall = cls.campaign()
        cls.start(cls.recall)

    def noted(self):
        """:return: list of (kind, amount) of the enrollment of Ada"""
        outcomes = self.enrollment(self.ada).outcome_ids.filtered("sale_order_id")
        return [(item.kind, item.amount) for item in outcomes.sorted("id")]

    def test_an_order_is_an_outcome(self):
        """Its amount without taxes; what is canceled is taken back, once."""
        self.later(days=3)
        order = self.order()
        self.assertFalse(self.noted())
        order.action_confirm()
        self.assertEqual(self.noted(), [("ordered", 100)])
        order._action_cancel()
        self.assertEqual(self.noted(), [("ordered", 100), ("unordered", -100)])
        order.action_draft()
        order._action_cancel()
        self.assertEqual(len(self.noted()), 2)
        order.action_draft()
        order.action_confirm()
        self.assertEqual(sum(amount for _kind, amount in self.noted()), 100)

    def test_free_of_charge(self):
        """What costs nothing is canceled, and ordered again, as anything else."""
        order = self.order(price_unit=0)
        order.action_confirm()
        order._action_cancel()
        self.assertEqual(self.noted(), [("ordered", 0), ("unordered", 0)])
        order.action_draft()
        order.action_confirm()
        self.assertEqual(len(self.noted()), 3)

    def test_somebody_else_pays(self):
        """The coupon tells whose order it is, and of which campaign it comes."""
        eve = self.lapsed("Eve", 200, payer_class="cash")
        self.recall.action_done()
        campaign = self.offer_campaign()
        self.start(campaign)
        self.run_crons()
        coupon = self.coupons_of(eve)
        eve.guardian_id = self.person("Mother")
        order = self.order(eve.guardian_id)
        self.assertIsNone(self.apply(order, coupon.code_shown))
        order.action_confirm()
        outcomes = self.enrollment(eve, campaign).outcome_ids
        ordered = outcomes.filtered("sale_order_id")
        self.assertEqual((ordered.kind, ordered.amount), ("ordered", 80))
        self.assertEqual(ordered.campaign_id, campaign)
        self.assertIn("redeemed", outcomes.mapped("kind"))

    def test_orders_of_others_and_of_other_times(self):
        """Before the enrollment, after all its windows, of people who are in none."""
        self.order(self.person("Nobody")).action_confirm()
        early = self.order()
        early.action_confirm()
        self.assertEqual(len(self.noted()), 1)
        self.later(
            days=self.recall.attribution_days + self.recall.loyalty_days, hours=1
        )
        self.order().action_confirm()
        self.assertEqual(len(self.noted()), 1)
        other = self.env["sale.order"].create(
            {
                "partner_id": self.ada.id,
                "company_id": self.other_clinic.id,
                "order_line": [Command.create({"product_id": self.cleaning.id})],
            }
        )
        other.action_confirm()
        self.assertEqual(len(self.noted()), 1)

    def test_in_another_currency(self):
        """Counted in the clinic's currency, by the rate of the day."""
        euro = self.env.ref("base.EUR")
        euro.active = True
        self.env["res.currency.rate"].create(
            {
                "currency_id": euro.id,
                "rate": 0.5,
                "company_id": self.clinic.id,
                "name": "2026-01-01",
            }
        )
        pricelist = self.env["product.pricelist"].create(
            {"name": "Euro", "currency_id": euro.id, "company_id": self.clinic.id}
        )
        order = self.env["sale.order"].create(
            {
                "partner_id": self.ada.id,
                "company_id": self.clinic.id,
                "pricelist_id": pricelist.id,
                "order_line": [
                    Command.create({"product_id": self.cleaning.id, "price_unit": 40})
                ],
            }
        )
        order.action_confirm()
        self.assertEqual(self.noted(), [("ordered", 80)])

    def test_many_orders_at_once(self):
        """The number of queries of the outcomes does not depend on the orders."""
        few = self.env["sale.order"].union(*(self.order().sudo() for _n in range(2)))
        many = self.env["sale.order"].union(*(self.order().sudo() for _n in range(20)))
        outcomes = self.env["reactivation.outcome"]
        counts = []
        for orders in (few, many):
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            outcomes._append_of_orders("ordered", orders)
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0] + 6, counts)

    def test_orders_as_visits(self):
        """A clinic that writes an order for each visit turns the source on."""
        source = self.env.ref(
            "patient_reactivation_sale.reactivation_visit_source_sale"
        )
        self.assertFalse(source.active)
        order = self.order()
        order.action_confirm()
        draft = self.order()
        source.active = True
        self.refresh()
        visit = self.visits_of(self.ada, source)
        self.assertEqual(len(visit), 1)
        self.assertEqual((visit.res_id, visit.amount), (order.id, 100))
        self.assertPatient(self.ada, status="active", visit_count=2)
        draft.action_cancel()
