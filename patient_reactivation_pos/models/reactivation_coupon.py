from odoo import api, models


class ReactivationCoupon(models.Model):
    _inherit = "reactivation.coupon"

    @api.model
    def _sentences(self):
        return {
            **super()._sentences(),
            "nobody": self.env._("May I have your name, please? Then I scan it again."),
        }
