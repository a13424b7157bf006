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
    allowed_offer = fields.Char(string="By Law", compute="_compute_allowed_offer")

    @api.depends("company_id", "partner_id.payer_class", "partner_id.state_id")
    def _compute_allowed_offer(self):
        words = {
            "all": self.env._("Any coupon may be offered."),
            "gift": self.env._("Small gifts only: the payer does not allow discounts."),
            "none": self.env._("No coupon: the payer does not allow it."),
        }
        coupons = self.env["reactivation.coupon"]
        for company, patients in self.grouped("company_id").items():
            # One clinic, nearly always.
            allowances = coupons._allowances(company, patients.partner_id)
            for patient in patients:
                allowed = allowances[patient.partner_id].allow
                unknown = patient.partner_id.payer_class in (False, "unknown")
                patient.allowed_offer = (
                    self.env._("No discounts: the payer is not known. Enter it first.")
                    if unknown and allowed != "all"
                    else words[allowed]
                )
