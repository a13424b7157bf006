from odoo import api, models


class ReportCoupon(models.AbstractModel):
    """Coupons to hand over on paper: those the law allows to show at this moment."""

    _name = "report.patient_reactivation.coupon_print"
    _description = "Coupons to Print"

    @api.model
    def _get_report_values(self, docids, data=None):
        coupons = self.env["reactivation.coupon"].browse(docids)
        coupons.check_access("read")
        return {
            "docs": coupons,
            "pages": [
                # One or two are printed at a desk.
                coupon.with_context(lang=coupon.partner_id.lang or self.env.lang)
                for coupon in coupons._lawful_to_show().sudo()
            ],
        }
