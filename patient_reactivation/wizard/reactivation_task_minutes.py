from odoo import fields, models


class ReactivationTaskMinutes(models.TransientModel):
    """Asks the staff how long a call took, where the measured time is wrong."""

    _name = "reactivation.task.minutes"
    _description = "Minutes of a Call"

    delivery_id = fields.Many2one("reactivation.delivery", required=True)
    minutes = fields.Float(
        help="0: nobody knows. Then it counts as long as calls usually take."
    )

    def action_confirm(self):
        self.check_access("read")
        self.ensure_one()
        self.delivery_id.action_note_minutes(self.minutes)
        return {"type": "ir.actions.act_window_close"}
