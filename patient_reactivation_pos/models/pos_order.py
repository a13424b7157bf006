from odoo import models


class PosOrder(models.Model):
    _inherit = "pos.order"

    def validate_coupon_programs(self, point_changes, new_codes):
        """Between scanning and paying a coupon may be used, end or become unlawful.

        Whose bill it is, is not told here: `hold_patient_coupons` asks about that, too.
        """
        spent = [int(number) for number, change in point_changes.items() if change < 0]
        coupons = self.env["loyalty.card"].browse(spent)._reactivation_coupons()
        for coupon in coupons:
            # One, or two that were tried. The bill that holds it may be this one.
            this = coupon.with_context(reactivation_till_order=coupon.till_order)
            if code := this._refusal(self.env.company):
                return {
                    "successful": False,
                    "payload": {
                        "message": coupons._sentence(code, coupon),
                        "removed_coupons": coupon.card_id.ids,
                    },
                }
        return super().validate_coupon_programs(point_changes, new_codes)

    def confirm_coupon_programs(self, coupon_data):
        """The bill is paid, and what it used is noted whatever happened meanwhile. A
        coupon is worth nothing after that: neither less, because a till without
        connection used it again, nor more, because it is a refund."""
        numbers = [int(number) for number in coupon_data]
        result = super().confirm_coupon_programs(coupon_data)
        coupons = self.env["loyalty.card"].browse(numbers)._reactivation_coupons()
        used = coupons.filtered(lambda coupon: coupon.state != "open")
        used.card_id.filtered("points")._reactivation_empty()
        return result
