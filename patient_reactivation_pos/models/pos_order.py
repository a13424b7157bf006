from odoo import models


class PosOrder(models.Model):
    _inherit = "pos.order"

    def validate_coupon_programs(self, point_changes, new_codes):
        """Between scanning and paying a coupon may be used, end or become unlawful."""
        spent = [int(number) for number, change in point_changes.items() if change < 0]
        coupons = self.env["loyalty.card"].browse(spent)._reactivation_coupons()
        for coupon in coupons:
            # One, or two that were tried.
            if code := coupon._refusal(self.env.company):
                return {
                    "successful": False,
                    "payload": {
                        "message": coupons._sentence(code, coupon),
                        "removed_coupons": coupon.card_id.ids,
                    },
                }
        return super().validate_coupon_programs(point_changes, new_codes)
