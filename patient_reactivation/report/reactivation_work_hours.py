from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, format_datetime

from ..models.reactivation_delivery_task import MANUAL_CHANNELS

# Numbers of the same beginning ring in the same place: North America's area code,
# elsewhere country and area.
PREFIX = SQL(
    """left(recipient.phone_sanitized,
            CASE WHEN recipient.phone_sanitized LIKE '+1%%' THEN 5 ELSE 8 END)"""
)


class ReactivationWork(models.Model):
    """Whether a task is possible now: the hours of the patient."""

    _inherit = "reactivation.work"

    is_callable = fields.Boolean(
        string="Possible Now",
        compute="_compute_callable",
        search="_search_is_callable",
        help="These are hours at which the patient may be contacted.",
    )
    callable_from = fields.Char(
        string="Hours",
        compute="_compute_callable",
        help="When the patient may be contacted, on the clinic's clock.",
    )

    @api.depends("recipient_id", "kind", "delivery_id")
    @api.depends_context("lang")
    def _compute_callable(self):
        now = fields.Datetime.now()
        self.is_callable = True
        self.callable_from = False
        tasks = self.filtered(lambda row: row.kind in MANUAL_CHANNELS)
        for (company, campaign, kind), rows in tasks.grouped(
            lambda row: (row.company_id, row.campaign_id, row.kind)
        ).items():
            # The few campaigns of one page.
            opens = self.env["reactivation.contact.rule"]._next_allowed(
                rows.recipient_id, company, kind, campaign.sudo().purpose, now
            )
            for row in rows:
                later = opens.get(row.recipient_id.id)
                row.is_callable = not later
                if later:
                    row.callable_from = row._from_text(later, now)

    def _from_text(self, later, now):
        zone = self.company_id._reactivation_zone()
        soon = fields.Datetime.context_timestamp(
            self.with_context(tz=zone), later
        ).date() == self.company_id._reactivation_today(now)
        return self.env._(
            "from %(time)s",
            time=format_datetime(
                self.env, later, tz=zone, dt_format="HH:mm" if soon else "EEE HH:mm"
            ),
        )

    @api.model
    def _search_is_callable(self, operator, value):
        if operator != "in":
            return NotImplemented
        if set(value) == {True, False}:
            return Domain.TRUE
        allowed = []
        for ids, is_open in self._hours_of_tasks():
            if is_open == (True in value):
                allowed += ids
        found = Domain("delivery_id", "in", allowed)
        if True in value:
            return found | Domain("kind", "not in", MANUAL_CHANNELS)
        return found & Domain("kind", "in", MANUAL_CHANNELS)

    @api.model
    def _hours_of_tasks(self):
        """Ask once for all who live in the same place and under the same rules.

        :return: list of (delivery ids, whether they may be contacted now)
        """
        rows = self.env.execute_query(
            SQL(
                """SELECT delivery.company_id, campaign.purpose, delivery.channel,
                          min(recipient.id), array_agg(delivery.id)
                     FROM reactivation_delivery delivery
                     JOIN reactivation_campaign campaign
                       ON campaign.id = delivery.campaign_id
                     JOIN res_partner recipient ON recipient.id = delivery.recipient_id
                    WHERE delivery.state = 'todo' AND delivery.lead_id IS NULL
                      AND delivery.channel IN %s AND delivery.company_id IN %s
                 GROUP BY 1, 2, 3, recipient.tz, recipient.country_id,
                          recipient.state_id, %s""",
                MANUAL_CHANNELS,
                tuple(self.env.companies.ids),
                PREFIX,
            )
        )
        places = {}
        for company, purpose, channel, recipient, ids in rows:
            places.setdefault((company, purpose, channel), {})[recipient] = ids
        rules = self.env["reactivation.contact.rule"]
        now = fields.Datetime.now()
        found = []
        for (company, purpose, channel), people in places.items():
            # A handful of companies, purposes and channels.
            opens = rules._next_allowed(
                self.env["res.partner"].browse(people),
                self.env["res.company"].browse(company),
                channel,
                purpose,
                now,
            )
            found += [(ids, not opens[person]) for person, ids in people.items()]
        return found
