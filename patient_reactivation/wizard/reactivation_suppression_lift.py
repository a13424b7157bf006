from odoo import fields, models


class ReactivationSuppressionLift(models.TransientModel):
    """Why suppressed addresses may be used again."""

    _name = "reactivation.suppression.lift"
    _description = "Use Suppressed Addresses Again"

    suppression_ids = fields.Many2many(
        "reactivation.suppression", string="Suppressed Addresses", required=True
    )
    reason = fields.Char(required=True)

    def action_lift(self):
        self.suppression_ids._lift(self.reason)
        return {"type": "ir.actions.act_window_close"}
