"""Prices of patients whose request for payment help was approved, on their orders."""

from datetime import timedelta

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.patient_reactivation.tests.test_payment_help import PaymentClinic

from .common import OrderClinic


@tagged("post_install", "-at_install")
class TestSalePaymentHelp(PaymentClinic, OrderClinic):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lists[1].item_ids = [
            Command.create(
                {
                    "applied_on": "3_global",
                    "compute_price": "percentage",
                    "percent_price": 50,
                }
            )
        ]
        request = cls.requests._ask(cls.ada, cls.clinic, "desk")[cls.ada]
        request._submit("2", cls.scale.bracket_ids[1].id)
        request.date_to = fields.Date.today() + timedelta(days=30)
        request.action_approve()

    def test_prices_hold_until_their_last_day(self):
        """Half the fee while the request is in force; the full one on the day after."""
        self.assertEqual(self.order().amount_untaxed, 50)
        with self.at(fields.Datetime.now() + timedelta(days=30)):
            self.ada.invalidate_recordset()
            self.assertEqual(self.order().amount_untaxed, 50)
        with self.at(fields.Datetime.now() + timedelta(days=31)):
            self.ada.invalidate_recordset()
            self.assertEqual(self.order().amount_untaxed, 100)

    def test_of_nobody_else(self):
        other = self.person("Ben")
        self.assertEqual(self.order(other).amount_untaxed, 100)

    def test_no_coupon_on_top(self):
        """K10: these prices are a discount already."""
        error = self.apply(self.order())
        self.assertIn("discount", error.lower())
