from datetime import timedelta

from babel.dates import format_timedelta

from odoo import api, fields, models
from odoo.tools.misc import babel_locale_parse

HEALTHS = [
    ("ok", "Works"),
    ("new", "Not run yet"),
    ("off", "Switched off"),
    ("held", "Held"),
    ("error", "Stopped by an error"),
    ("stalled", "Stalled"),
]


class ReactivationRunner(models.Model):
    """How the runner is, as people ask: does it run, what waits, what is wrong?"""

    _inherit = "reactivation.runner"

    health = fields.Selection(HEALTHS, compute="_compute_health")
    heartbeat = fields.Char(compute="_compute_health")
    waiting_count = fields.Integer(
        string="Waiting",
        compute="_compute_health",
        help="Messages and calls of running campaigns that are due.",
    )
    waiting_since = fields.Datetime(
        string="Oldest Due Since",
        compute="_compute_health",
        help="What cannot be sent yet, as it waits for the patient's contact hours, is "
        "planned for later and does not count here.",
    )
    next_run = fields.Datetime(compute="_compute_health")
    channel_status_ids = fields.Many2many(
        "reactivation.channel.status",
        string="Channels That Do Not Work",
        compute="_compute_channel_status_ids",
    )
    can_confirm = fields.Boolean(compute="_compute_can_confirm")

    @api.depends("last_start", "last_error", "is_held")
    @api.depends_context("lang", "tz", "allowed_company_ids")
    def _compute_health(self):
        cron = self.env.ref("patient_reactivation.ir_cron_deliveries").sudo()
        companies = self._user_companies()
        for runner in self:
            # There is one.
            count, oldest = runner._waiting(companies)
            runner.waiting_count = count
            runner.waiting_since = oldest
            runner.next_run = cron.active and cron.nextcall
            runner.health = runner._health(cron)
            runner.heartbeat = runner._heartbeat(count)

    @api.depends_context("allowed_company_ids")
    def _compute_channel_status_ids(self):
        self.channel_status_ids = self.env["reactivation.channel.status"].search(
            [
                ("failing_since", "!=", False),
                ("company_id", "in", self._user_companies().ids),
            ]
        )

    def _user_companies(self):
        """:return: the companies the user works in; the row is read as superuser"""
        return self.sudo(False).env.companies

    @api.depends_context("lang")
    def _compute_display_name(self):
        self.display_name = self.env._("Sending")

    @api.depends_context("uid")
    def _compute_can_confirm(self):
        self.can_confirm = self.env.user.has_group("base.group_system")

    def _health(self, cron):
        if self.is_held:
            return "held"
        if not cron.active:
            return "off"
        if self.last_error:
            return "error"
        if self._is_stalled():
            return "stalled"
        return "ok" if self.last_start else "new"

    def _heartbeat(self, waiting):
        """:return: a sentence: when sending ran last, and how much waits"""
        if not self.last_start:
            return self.env._(
                "Sending has not run yet; %(count)s messages wait.", count=waiting
            )
        # Not more than now: a clock that was set back must not show "in 3 days".
        ago = min(self.last_start - fields.Datetime.now(), timedelta())
        return self.env._(
            "Sending ran %(ago)s; %(count)s messages wait.",
            ago=format_timedelta(
                ago,
                add_direction=True,
                locale=babel_locale_parse(self.env.lang or "en_US"),
            ),
            count=waiting,
        )

    @api.model
    def action_open(self):
        """Open the one row."""
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Sending"),
            "res_model": self._name,
            "res_id": self._get().id,
            "views": [(False, "form")],
        }
