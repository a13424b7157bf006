"""Orders of returned patients as revenue, each counted once."""

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from .common import OrderClinic


@tagged("post_install", "-at_install")
class TestSaleRevenue(OrderClinic):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clinic.reactivation_revenue_source = "orders"
        cls.recall = cls.campaign(start=True)

    def go(self, days=1):
        self.later(days=days)
        self.run_crons()

    def nightly(self):
        self.env["reactivation.outcome"]._cron_refresh_all()
        self.env.invalidate_all()

    def back(self, partner=None):
        """The patient returns today."""
        self.visit(partner or self.ada, 0)

    def sold(self, price=100, partner=None, **values):
        """An order that is confirmed now."""
        order = self.order(partner, price_unit=price).sudo()
        if values:
            order.write(values)
        order.action_confirm()
        return order

    def revenue(self, partner=None, campaign=None):
        self.env.invalidate_all()
        story = self.enrollment(partner or self.ada, campaign or self.recall)
        return story.revenue

    def test_from_the_return_to_the_end_of_the_loyalty_window(self):
        self.later(days=5)
        self.sold(999)
        self.later(days=5)
        self.back()
        self.sold(120)
        self.go(30)
        self.back()
        self.sold(80)
        self.go(160)
        self.sold(500)
        self.nightly()
        self.assertEqual(self.revenue(), 200)

    def test_the_day_is_the_clinics(self):
        """At eight in the evening in New York it is tomorrow in Greenwich."""
        self.later(days=10)
        self.back()
        evening = fields.Datetime.to_datetime("2026-03-13 00:30:00")
        self.assertEqual(self.days_ago(0).date().isoformat(), "2026-03-12")
        self.sold(70).date_order = evening
        before = fields.Datetime.to_datetime("2026-03-12 03:00:00")
        self.sold(900).date_order = before
        self.go()
        self.assertEqual(self.revenue(), 70)

    def test_who_did_not_return_brought_nothing(self):
        self.later(days=10)
        self.sold()
        self.go(100)
        self.assertEqual(self.revenue(), 0)

    def test_quotation_and_cancellation(self):
        self.later(days=10)
        self.back()
        self.order()
        order = self.sold(120)
        self.go()
        self.assertEqual(self.revenue(), 120)
        order._action_cancel()
        self.go()
        self.assertEqual(self.revenue(), 0)

    def test_canceled_when_the_windows_are_long_over(self):
        """The night corrects the past."""
        self.later(days=10)
        self.back()
        order = self.sold(120)
        self.go(1)
        self.later(days=400)
        order._action_cancel()
        self.nightly()
        self.assertEqual(self.revenue(), 0)

    def test_without_taxes_in_the_clinics_currency(self):
        """By the rate of the order's day, not by a later one."""
        euro = self.env.ref("base.EUR")
        euro.active = True
        rate = {"currency_id": euro.id, "company_id": self.clinic.id}
        self.env["res.currency.rate"].create(
            [
                {**rate, "rate": 0.5, "name": "2026-01-01"},
                {**rate, "rate": 0.25, "name": "2026-04-01"},
            ]
        )
        pricelist = self.env["product.pricelist"].create(
            {"name": "Euro", "currency_id": euro.id, "company_id": self.clinic.id}
        )
        self.later(days=10)
        self.back()
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
        self.go(60)
        self.assertEqual(self.revenue(), 80)

    def test_order_at_another_clinic(self):
        """H1"""
        self.later(days=10)
        self.back()
        other = self.env["sale.order"].create(
            {
                "partner_id": self.ada.id,
                "company_id": self.other_clinic.id,
                "order_line": [Command.create({"product_id": self.cleaning.id})],
            }
        )
        other.action_confirm()
        self.go()
        self.assertEqual(self.revenue(), 0)

    def test_each_clinic_counts_its_own_way(self):
        """H1: one by its orders, the other by its visits."""
        self.visit(self.ada, 250, company_id=self.other_clinic.id)
        other = self.campaign(start=True, name="Other", company_id=self.other_clinic.id)
        self.later(days=10)
        self.visit(self.ada, 0, company_id=self.other_clinic.id, amount=33)
        self.visit(self.ada, 0, amount=44)
        self.sold(120)
        self.go()
        self.assertEqual(self.revenue(), 120)
        self.assertEqual(self.revenue(campaign=other), 33)

    def test_three_campaigns_one_revenue(self):
        """L4"""
        campaigns = self.recall
        for number in range(2):
            self.run_crons()
            self.enrollment(self.ada, campaigns[-1]).action_stop()
            self.later(days=10)
            campaigns |= self.campaign(start=True, name=f"Again {number}")
        self.run_crons()
        self.later(days=1)
        self.back()
        self.sold(120)
        self.go()
        found = [self.revenue(campaign=campaign) for campaign in campaigns]
        self.assertEqual(found, [0, 0, 120])

    def test_won_back_twice(self):
        """What follows the second return is no merit of the first campaign."""
        self.clinic.reactivation_lapse_months = 1
        self.later(days=5)
        self.back()
        self.sold(100)
        self.go(1)
        self.recall.action_done()
        self.go(60)
        again = self.campaign(start=True, name="Again")
        self.run_crons()
        self.later(days=2)
        self.back()
        self.sold(30)
        self.nightly()
        self.assertEqual((self.revenue(), self.revenue(campaign=again)), (100, 30))

    def test_paid_by_a_guardian_and_for_one_child_only(self):
        """Of two children, the order counts once; the coupon on it says for whom."""
        mother = self.person("Mother")
        ben = self.lapsed("Ben", 200, payer_class="cash")
        self.run_crons()
        (self.ada | ben).guardian_id = mother
        self.later(days=10)
        self.back()
        self.back(ben)
        self.sold(120, mother)
        self.go()
        self.assertEqual(self.revenue() + self.revenue(ben), 120)
        coupon = self.give(ben, key="ben")
        order = self.order(mother)
        self.assertIsNone(self.apply(order, coupon.code_shown))
        before = self.revenue(ben)
        order.action_confirm()
        self.go()
        self.assertEqual(self.revenue(ben) - before, 100, "Before the coupon.")

    def test_guardian_who_is_a_patient_pays_for_herself(self):
        self.ada.guardian_id = self.lapsed("Mother", 20)
        self.refresh()
        self.later(days=10)
        self.back()
        self.sold(120, self.ada.guardian_id)
        self.go()
        self.assertEqual(self.revenue(), 0)

    def test_paid_by_the_company_above(self):
        self.ada.parent_id = self.person("Marlow Household", is_company=True)
        self.later(days=10)
        self.back()
        self.sold(120, self.ada.parent_id)
        self.go()
        self.assertEqual(self.revenue(), 120)

    def test_coupon_is_a_cost_and_revenue_is_before_it(self):
        """20 off 100: revenue 100, and what the coupon was worth among the costs."""
        self.recall.action_done()
        self.run_crons()
        eve = self.lapsed("Eve", 200, payer_class="cash")
        campaign = self.offer_campaign()
        self.start(campaign)
        self.run_crons()
        coupon = self.coupons_of(eve)
        self.later(days=3)
        self.back(eve)
        order = self.order(eve)
        self.assertIsNone(self.apply(order, coupon.code_shown))
        order.action_confirm()
        self.assertEqual(order.amount_untaxed, 80)
        self.go()
        story = self.enrollment(eve, campaign)
        self.assertEqual(self.revenue(eve, campaign), 100)
        self.assertEqual(story.coupon_cost, coupon.worth)
        self.assertEqual(
            campaign.net_revenue, 100 - coupon.worth - campaign.message_cost
        )
