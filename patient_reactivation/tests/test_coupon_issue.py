"""Coupons that grow with inactivity, and reach nobody they are unlawful for."""

from datetime import date, datetime

from odoo.tests import tagged

from .test_coupon_campaign import OfferClinic


@tagged("post_install", "-at_install")
class TestCouponIssue(OfferClinic):
    def test_coupon_grows_with_inactivity(self):
        """Six months: 20 %. Twelve: 50 %. In the e-mail, with code and last day."""
        ada = self.lapsed("Ada", 200, payer_class="cash")
        ben = self.lapsed("Ben", 400, payer_class="private")
        self.start(self.offer_campaign())
        self.run_crons()
        for patient, percent in ((ada, 20), (ben, 50)):
            coupon = self.coupons_of(patient)
            self.assertEqual(
                (coupon.value, coupon.kind, coupon.state), (percent, "percent", "open")
            )
            self.assertEqual(coupon.valid_until, date(2026, 4, 1))
            # Midnight in New York, where the clocks have been changed by then.
            self.assertEqual(coupon.expires_at, datetime(2026, 4, 2, 4))
            [mail] = self.mails_to(patient.email)
            self.assertIn(coupon.code_shown, mail["body"])
            self.assertIn(f"{percent}% off", mail["body"])
            self.assertTrue(coupon.is_sent or coupon.delivery_id.state == "sent")

    def test_payer_who_may_get_none_gets_the_message(self):
        """K1 and K2: Medicare and unknown get the e-mail without the offer."""
        self.clinic.state_id = self.env.ref("base.state_us_27")
        medicare = self.lapsed("Meg", 200, payer_class="federal")
        unknown = self.lapsed("Una", 200)
        self.start(self.offer_campaign())
        self.run_crons()
        for patient, reason in ((medicare, "payer"), (unknown, "payer_unknown")):
            self.assertFalse(self.coupons_of(patient))
            self.assertDeliveries(patient, ["sent"])
            delivery = self.enrollment(patient).delivery_ids
            self.assertEqual(delivery.offer_refusal, reason)
            [mail] = self.mails_to(patient.email)
            self.assertNotIn("% off", mail["body"])
            self.assertNotIn("coupon", mail["body"].lower())
