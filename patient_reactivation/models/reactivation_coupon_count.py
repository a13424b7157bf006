from odoo import api, fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    reactivation_coupon_count = fields.Integer(
        string="Open Coupons", compute="_compute_reactivation_coupon_count"
    )

    @api.depends_context("company")
    def _compute_reactivation_coupon_count(self):
        """Coupons the patients may use at the current company."""
        coupons = self.env["reactivation.coupon"]
        counts = {}
        if coupons.has_access("read"):
            counts = dict(
                coupons._read_group(
                    [
                        ("partner_id", "in", self.ids),
                        ("company_id", "=", self.env.company.id),
                        ("state", "=", "open"),
                        ("expires_at", ">", fields.Datetime.now()),
                    ],
                    ["partner_id"],
                    ["__count"],
                )
            )
        for partner in self:
            partner.reactivation_coupon_count = counts.get(partner._origin, 0)


class ReactivationPatient(models.Model):
    _inherit = "reactivation.patient"

    coupon_count = fields.Integer(
        string="Open Coupons", related="partner_id.reactivation_coupon_count"
    )
