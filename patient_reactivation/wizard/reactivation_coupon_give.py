from odoo import api, fields, models


class ReactivationCouponGive(models.TransientModel):
    """A manager gives one patient a coupon, and says why."""

    _name = "reactivation.coupon.give"
    _description = "Give a Coupon"

    partner_id = fields.Many2one(
        "res.partner",
        string="Patient",
        required=True,
        domain=[("is_patient", "=", True)],
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        "res.company",
        string="Clinic",
        required=True,
        default=lambda self: self.env.company,
    )
    program_id = fields.Many2one(
        "loyalty.program",
        string="Coupon",
        required=True,
        domain="[('program_type', '=', 'coupons'),"
        " ('company_id', 'in', (False, company_id))]",
        ondelete="cascade",
    )
    note = fields.Char(string="Why", required=True)
    refusal = fields.Char(compute="_compute_refusal")

    @api.depends("partner_id", "program_id", "company_id")
    def _compute_refusal(self):
        for wizard in self:
            # One at a time, in a dialog.
            wizard.refusal = wizard._refusal_text()

    def _refusal_text(self):
        """:return: str: why the patient may not have it, or False"""
        self.ensure_one()
        if not self.partner_id or not self.program_id:
            return False
        self.partner_id.check_access("read")
        coupons = self.env["reactivation.coupon"]
        coupons._check_manager()
        return coupons._refusal_to_give(
            self.company_id, self.partner_id, self.program_id
        )

    def action_give(self):
        """Give it, and show it."""
        self.check_access("write")
        self.ensure_one()
        coupon = self.env["reactivation.coupon"]._give_by_hand(
            self.company_id, self.partner_id, self.program_id, self.note
        )
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "patient_reactivation.reactivation_coupon_action"
        )
        return {
            **action,
            "res_id": coupon.id,
            "views": [(False, "form")],
            "view_mode": "form",
        }
