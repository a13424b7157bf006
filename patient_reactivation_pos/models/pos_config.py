from odoo import models

from odoo.addons.patient_reactivation.tools import codes


class PosConfig(models.Model):
    _inherit = "pos.config"

    def use_coupon_code(self, code, creation_date, partner_id, pricelist_id):
        """The check of the front desk, before the till takes a patient's coupon."""
        self.ensure_one()
        typed = codes.normalize(code)
        coupons = self.env["reactivation.coupon"].sudo()
        coupon = codes.is_code(typed) and coupons.search([("code", "=", typed)])
        if not coupon:
            return super().use_coupon_code(
                code, creation_date, partner_id, pricelist_id
            )
        refusal = coupon._refusal(self.company_id, partner_id)
        if not refusal and not partner_id:
            refusal = "nobody"
        if refusal:
            return {
                "successful": False,
                "payload": {"error_message": coupons._sentence(refusal, coupon)},
            }
        return super().use_coupon_code(typed, creation_date, partner_id, pricelist_id)
