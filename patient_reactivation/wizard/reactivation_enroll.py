from odoo import api, fields, models
from odoo.fields import Command

from ..models.reactivation_enrollment_request import REQUEST_REFUSALS


class ReactivationEnroll(models.TransientModel):
    """Put chosen patients into a campaign, and say who was not taken and why."""

    _name = "reactivation.enroll"
    _description = "Enroll in Campaign"

    campaign_id = fields.Many2one(
        "reactivation.campaign",
        domain="[('state', '=', 'running')]",
        ondelete="cascade",
        help="A campaign that runs. Its segments, rules and control group hold for "
        "these patients too.",
    )
    partner_ids = fields.Many2many("res.partner", string="Patients")
    line_ids = fields.One2many("reactivation.enroll.line", "enroll_id", readonly=True)
    enrolled_count = fields.Integer(string="Enrolled", compute="_compute_counts")
    refused_count = fields.Integer(string="Not Enrolled", compute="_compute_counts")

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        context = self.env.context
        model = context.get("active_model")
        ids = context.get("active_ids") or []
        if "partner_ids" in fields_list and model in (
            "res.partner",
            "reactivation.patient",
        ):
            records = self.env[model].browse(ids).exists()
            partners = records if model == "res.partner" else records.partner_id
            values["partner_ids"] = [Command.set(partners.ids)]
        if "campaign_id" in fields_list and not values.get("campaign_id"):
            running = self.env["reactivation.campaign"].search(
                [("state", "=", "running")], limit=2
            )
            values["campaign_id"] = len(running) == 1 and running.id
        return values

    @api.depends("line_ids.refusal")
    def _compute_counts(self):
        for wizard in self:
            wizard.refused_count = len(wizard.line_ids.filtered("refusal"))
            wizard.enrolled_count = len(wizard.line_ids) - wizard.refused_count

    def action_enroll(self):
        """Enroll those who may be, and stay open with the answers."""
        self.check_access("read")
        self.ensure_one()
        self.check_access("write")
        self.campaign_id.check_access("write")
        self.partner_ids.check_access("read")
        answers = self.env["reactivation.enrollment"]._enroll_named(
            self.campaign_id, self.partner_ids
        )
        self.line_ids = [
            Command.clear(),
            *(
                Command.create({"partner_id": partner_id, "refusal": refusal})
                for partner_id, refusal in answers.items()
            ),
        ]
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Enroll in Campaign"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
        }


class ReactivationEnrollLine(models.TransientModel):
    _name = "reactivation.enroll.line"
    _description = "Answer for a Patient to Enroll"
    _order = "refusal, id"

    enroll_id = fields.Many2one(
        "reactivation.enroll", required=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(
        "res.partner", string="Patient", readonly=True, ondelete="cascade"
    )
    refusal = fields.Selection(
        REQUEST_REFUSALS, string="Not Enrolled Because", readonly=True
    )
