from odoo import api, models


class ReactivationCoupon(models.Model):
    _inherit = "reactivation.coupon"

    @api.model
    def _sentences(self):
        return {
            **super()._sentences(),
            "confirmed": self.env._(
                "This order is closed already. Please keep the coupon for your next "
                "visit."
            ),
        }
