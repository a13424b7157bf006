from odoo import api, fields, models

from .reactivation_runner import HEALTHS


class ResConfigSettings(models.TransientModel):
    """How sending is at this moment, on the page where it is set up."""

    _inherit = "res.config.settings"

    reactivation_health = fields.Selection(
        HEALTHS, compute="_compute_reactivation_health"
    )
    reactivation_heartbeat = fields.Char(compute="_compute_reactivation_health")
    reactivation_next_run = fields.Datetime(compute="_compute_reactivation_health")
    reactivation_last_error = fields.Char(compute="_compute_reactivation_health")
    reactivation_clock_warning = fields.Char(compute="_compute_reactivation_health")
    reactivation_failing_count = fields.Integer(compute="_compute_reactivation_health")
    reactivation_can_confirm = fields.Boolean(compute="_compute_reactivation_health")

    @api.depends("company_id")
    @api.depends_context("uid", "lang")
    def _compute_reactivation_health(self):
        runner = self.env["reactivation.runner"]._get()
        for settings in self:
            settings.reactivation_health = runner.health
            settings.reactivation_heartbeat = runner.heartbeat
            settings.reactivation_next_run = runner.next_run
            settings.reactivation_last_error = runner.last_error
            settings.reactivation_clock_warning = runner.clock_warning
            settings.reactivation_failing_count = len(runner.channel_status_ids)
            settings.reactivation_can_confirm = self.env.user.has_group(
                "base.group_system"
            )

    def action_reactivation_open_runner(self):
        return self.env["reactivation.runner"].action_open()

    def action_reactivation_confirm_database(self):
        self.env["reactivation.runner"].action_confirm_database()
        return {"type": "ir.actions.client", "tag": "reload"}
