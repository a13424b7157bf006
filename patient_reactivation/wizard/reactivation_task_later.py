from datetime import datetime, time
from zoneinfo import ZoneInfo

from odoo import api, fields, models


class ReactivationTaskLater(models.TransientModel):
    """Asks when to call again, on the clinic's clock."""

    _name = "reactivation.task.later"
    _description = "Call Later"

    delivery_ids = fields.Many2many("reactivation.delivery", required=True)
    day = fields.Date(required=True)
    hour = fields.Float(string="Time", required=True)
    note = fields.Char()
    clock = fields.Char(compute="_compute_clock")

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        tasks = self.env["reactivation.delivery"]
        for _command, *args in values.get("delivery_ids") or []:
            tasks |= tasks.browse(args[-1])
        if tasks:
            # The right to see the task was checked when the dialog was opened, and
            # is again when the result is written.
            task = tasks[0].sudo()
            local = self._local(task._next_attempt(), task)
            values.setdefault("day", local.date())
            values.setdefault("hour", local.hour + local.minute / 60)
        return values

    @staticmethod
    def _local(moment, task):
        zone = ZoneInfo(task.company_id._reactivation_zone())
        return moment.replace(tzinfo=ZoneInfo("UTC")).astimezone(zone)

    def _moment(self):
        """:return: the chosen moment, naive UTC"""
        task = self.delivery_ids[0].sudo()
        minutes = min(max(round(self.hour * 60), 0), 24 * 60 - 1)
        zone = ZoneInfo(task.company_id._reactivation_zone())
        local = datetime.combine(self.day, time(*divmod(minutes, 60)), zone)
        return local.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)

    @api.depends("day", "hour", "delivery_ids")
    def _compute_clock(self):
        for wizard in self:
            wizard.clock = False
            if wizard.day and wizard.delivery_ids:
                task = wizard.delivery_ids[0]._origin.sudo()
                zone = task.company_id._reactivation_zone()
                wizard.clock = self.env._(
                    "Time at the clinic (%(zone)s). Then it is %(local)s where the "
                    "patient lives.",
                    zone=zone.replace("_", " "),
                    local=task._patient_time(wizard._moment()),
                )

    def action_confirm(self):
        self.check_access("read")
        self.ensure_one()
        return self.delivery_ids.action_result_call_later(
            self._moment(), self.note or ""
        ) or {"type": "ir.actions.act_window_close"}
