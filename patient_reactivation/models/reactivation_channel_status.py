from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from .res_partner import CHANNELS

# Waiting times of a whole channel whose provider does not answer.
RETRY_MINUTES = (5, 10, 20, 30, 60)


class ReactivationChannelStatus(models.Model):
    """A channel of a clinic that does not work at the moment, and since when.

    While it does not work its deliveries wait; no patient's delivery fails for it.
    """

    _name = "reactivation.channel.status"
    _description = "Channel Status"
    _order = "failing_since desc, id desc"
    _rec_name = "channel"

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade"
    )
    channel = fields.Selection(CHANNELS, required=True, readonly=True)
    failing_since = fields.Datetime(readonly=True)
    failures = fields.Integer(readonly=True)
    retry_at = fields.Datetime(string="Next Attempt", readonly=True)
    error = fields.Char(string="What It Says", readonly=True)

    _channel_uniq = models.Constraint(
        "UNIQUE(company_id, channel)", "A channel has one status per company."
    )

    @api.model
    def _fail(self, company, channel, error, campaign):
        """The provider of a channel could not be reached: wait, and say so once."""
        now = fields.Datetime.now()
        known = self.sudo().search(
            [("company_id", "=", company.id), ("channel", "=", channel)]
        )
        if not known:
            self.env.execute_query(
                SQL(
                    """INSERT INTO reactivation_channel_status (
                           company_id, channel, failures)
                       VALUES (%s, %s, 0)
                  ON CONFLICT (company_id, channel) DO NOTHING RETURNING 1""",
                    company.id,
                    channel,
                )
            )
            known = self.sudo().search(
                [("company_id", "=", company.id), ("channel", "=", channel)]
            )
        minutes = RETRY_MINUTES[min(known.failures, len(RETRY_MINUTES) - 1)]
        first = not known.failing_since
        known.write(
            {
                "failing_since": known.failing_since or now,
                "failures": known.failures + 1,
                "retry_at": now + timedelta(minutes=minutes),
                "error": error,
            }
        )
        self._trigger(known.retry_at)
        if first:
            campaign = campaign._for_caretaker()
            campaign._alert(
                campaign.env._("The mail server does not answer"),
                campaign.env._(
                    "Messages wait and are sent when it answers again; nothing is "
                    "lost. It says: %(error)s",
                    error=error,
                ),
            )

    @api.model
    def _trigger(self, moment):
        self.env.ref("patient_reactivation.ir_cron_deliveries").sudo()._trigger(moment)

    @api.model
    def _works(self, company, channel):
        """A message was taken: the channel works again."""
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_channel_status
                      SET failing_since = NULL, failures = 0, retry_at = NULL,
                          error = NULL
                    WHERE company_id = %s AND channel = %s
                      AND failing_since IS NOT NULL""",
                company.id,
                channel,
            )
        )
        if self.env.cr.rowcount:
            self.invalidate_model()

    def action_retry_now(self):
        """Somebody mended it: try at once."""
        self.check_access("write")
        self.sudo().write({"retry_at": False})
        self._trigger(fields.Datetime.now())
