from odoo import api, fields, models
from odoo.tools import SQL

from .reactivation_consent import PURPOSES
from .reactivation_step import channel_icon

LAST_DELIVERIES = 3

STATE_COLORS = {
    "sent": "success",
    "failed": "danger",
    "uncertain": "warning",
    "skipped": "secondary",
}


class ReactivationContactPolicy(models.AbstractModel):
    """The policy's answers about patients, for people to read.

    By the same SQL that decides about a message, so that what staff read is what
    will happen.
    """

    _inherit = "reactivation.contact.policy"

    @api.model
    def _explain(self, partners, company):
        """Which channel may be used for which purpose, and why not.

        :return: as `_answers`
        """
        keys = [
            (channel, purpose)
            for channel in self._step_channels()
            for purpose, _label in PURPOSES
        ]
        return self._answers(partners, company, keys)

    @api.model
    def _answers(self, partners, company, keys):
        """Whether patients may be contacted at all, outside of any campaign.

        One query, whatever the number of patients.

        :param list keys: the (channel, purpose) that are asked about
        :return: {partner id: {(channel, purpose): code of `REFUSALS` or None}}
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT partner.id, %(answers)s
                     FROM res_partner partner
                LEFT JOIN reactivation_patient patient
                       ON patient.partner_id = partner.id
                      AND patient.company_id = %(company)s
                LEFT JOIN res_partner recipient ON recipient.id = %(recipient)s
                    WHERE partner.id = ANY(%(ids)s)""",
                answers=SQL(", ").join(
                    self._refusal_sql(company, [channel], purpose)
                    for channel, purpose in keys
                ),
                company=company.id,
                recipient=self._recipient_sql(company),
                ids=partners.ids,
            )
        )
        return {row[0]: dict(zip(keys, row[1:], strict=True)) for row in rows}

    @api.model
    def _step_channels(self):
        """:return: {name of a channel a step can have: its label}"""
        channel = self.env["reactivation.step"]._fields["channel"]
        return {
            name: label
            for name, label in channel._description_selection(self.env)
            # The patient's own channel is one of the others.
            if f"reactivation.channel.{name}" in self.env
        }

    @api.model
    def _last_deliveries(self, partners, company):
        """:return: {partner id: its latest deliveries, newest first}"""
        rows = self.env.execute_query(
            SQL(
                """SELECT partner.id, recent.id
                     FROM unnest(%s::int[]) AS partner (id)
               CROSS JOIN LATERAL (
                          SELECT id, date FROM reactivation_delivery
                           WHERE partner_id = partner.id AND company_id = %s
                        ORDER BY date DESC, id DESC LIMIT %s) AS recent
                 ORDER BY recent.date DESC, recent.id DESC""",
                partners.ids,
                company.id,
                LAST_DELIVERIES,
            )
        )
        deliveries = self.env["reactivation.delivery"].browse(row[1] for row in rows)
        found = {}
        for row, delivery in zip(rows, deliveries, strict=True):
            found.setdefault(row[0], []).append(delivery)
        return found

    @api.model
    def _explain_html(self, partners, company):
        """:return: {partner id: the answers and the last deliveries as a table}"""
        policy = self.sudo().with_company(company)
        answers = policy._explain(partners, company)
        deliveries = policy._last_deliveries(partners, company)
        labels = self._labels()
        return {
            # The deliveries are fetched above, the template only draws.
            partner_id: self.env["ir.qweb"]._render(
                "patient_reactivation.contact_answer",
                {
                    "purposes": labels["purpose"],
                    "rows": self._answer_rows(answer, labels),
                    "everywhere": self._refusal_everywhere(answer, labels),
                    "deliveries": [
                        self._delivery_row(delivery, labels)
                        for delivery in deliveries.get(partner_id, ())
                    ],
                },
            )
            for partner_id, answer in answers.items()
        }

    @api.model
    def _labels(self):
        """:return: {what: {code: label in the reader's language}}"""
        delivery = self.env["reactivation.delivery"]._fields
        campaign = self.env["reactivation.campaign"]._fields
        return {
            "channel": self._step_channels(),
            "purpose": dict(campaign["purpose"]._description_selection(self.env)),
            "reason": dict(delivery["reason"]._description_selection(self.env)),
            "state": dict(delivery["state"]._description_selection(self.env)),
        }

    @api.model
    def _answer_rows(self, answer, labels):
        """:return: a row for each channel, with the refusal for each purpose"""
        return [
            {
                "channel": label,
                "icon": channel_icon(channel),
                "refusals": [
                    labels["reason"].get(answer[channel, purpose])
                    for purpose in labels["purpose"]
                ],
            }
            for channel, label in labels["channel"].items()
        ]

    @api.model
    def _refusal_everywhere(self, answer, labels):
        """:return: the one refusal that holds whatever the channel and the purpose"""
        codes = set(answer.values())
        return labels["reason"].get(codes.pop()) if len(codes) == 1 else None

    @api.model
    def _delivery_row(self, delivery, labels):
        return {
            "date": fields.Datetime.context_timestamp(self, delivery.date).date(),
            "step": delivery.step_id.name,
            "icon": channel_icon(delivery.channel),
            "channel": labels["channel"].get(delivery.channel),
            "state": labels["state"][delivery.state],
            "color": STATE_COLORS.get(delivery.state, "info"),
            "reason": labels["reason"].get(delivery.reason),
            "waits": delivery.state == "pending",
        }
