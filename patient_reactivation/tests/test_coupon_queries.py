"""Issuing many coupons costs as many queries as issuing a few."""

from odoo.tests import tagged

from ..models.reactivation_coupon_issue import Wish
from .test_coupon_campaign import OfferClinic


@tagged("post_install", "-at_install")
class TestCouponQueries(OfferClinic):
    def issue(self, count):
        """:return: number of queries that issuing so many coupons took"""
        people = self.env["res.partner"].create(
            [
                {"name": f"Patient {number}", "payer_class": "cash"}
                for number in range(count)
            ]
        )
        self.env.flush_all()
        self.env.invalidate_all()
        wishes = [Wish(person, self.twenty, key="many") for person in people]
        before = self.env.cr.sql_log_count
        coupons = self.coupons._issue(self.clinic, wishes, "incentive")
        self.env.flush_all()
        self.assertEqual(len(coupons), count)
        return self.env.cr.sql_log_count - before

    def test_queries_do_not_grow(self):
        few, many = self.issue(10), self.issue(200)
        self.assertLessEqual(many, few + 3, (few, many))

    def test_claims_with_offers(self):
        """The claim of a batch, with its coupons."""
        counts = []
        for count in (5, 45):
            for number in range(count):
                self.lapsed(f"Patient {count} {number}", 200, payer_class="cash")
            campaign = self.offer_campaign()
            self.start(campaign)
            deliveries = self.env["reactivation.delivery"]
            deliveries._schedule_due()
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            claimed, _decided = deliveries._claim(50)
            counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual(len(claimed.coupon_id), count)
            campaign.action_done()
        self.assertLessEqual(counts[1], counts[0] + 10, counts)
