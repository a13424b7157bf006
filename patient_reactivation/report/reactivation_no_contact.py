from odoo import fields, models
from odoo.tools import SQL

from ..models.reactivation_contact_policy import REFUSALS
from ..models.reactivation_patient import PATTERNS
from ..models.res_partner import CHANNELS
from ..tools.spreadsheets import neutral_rows

# What a delivery says of itself when no rule of the policy is the reason.
REASONS = [
    *REFUSALS,
    ("failed", "Sending failed"),
    ("paused", "Campaign is paused"),
]

# Rows of patients who are not enrolled are numbered above those of deliveries,
# within the whole numbers of a browser.
CAMPAIGN_FACTOR = 1 << 31


class ReactivationNoContact(models.Model):
    """One row for each reason why a patient is not contacted.

    Deliveries that were skipped, failed or wait for something, and lapsed patients
    whom the running campaigns do not enroll: these are asked of the policy at the
    moment of reading, so that the answer is never an old one.
    """

    _name = "reactivation.no.contact"
    _description = "Why Not Contacted"
    _auto = False
    _order = "date desc nulls last, id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", string="Patient", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    campaign_id = fields.Many2one("reactivation.campaign", readonly=True)
    step_id = fields.Many2one("reactivation.step", readonly=True)
    delivery_id = fields.Many2one("reactivation.delivery", readonly=True)
    channel = fields.Selection(CHANNELS, readonly=True)
    kind = fields.Selection(
        [
            ("not_enrolled", "Not enrolled"),
            ("waits", "Waits"),
            ("not_sent", "Not sent"),
            ("failed", "Failed"),
        ],
        readonly=True,
    )
    reason = fields.Selection(REASONS, readonly=True)
    date = fields.Datetime(
        readonly=True,
        help="When it was decided; of a message that waits, when it is tried again. "
        "Empty: as it is right now.",
    )
    tier_id = fields.Many2one("reactivation.tier", readonly=True)
    visit_pattern = fields.Selection(PATTERNS, readonly=True)

    # -------------------------------------------------------------------- query

    @property
    def _table_query(self):
        # The policy reads contacts, consents, lists of excluded addresses …:
        # whatever is not written yet may be part of the answer.
        self.env.flush_all()
        return SQL(" UNION ALL ").join(
            [self._deliveries_sql(), *map(self._audience_sql, self._campaigns())]
        )

    def _campaigns(self):
        """:return: the campaigns of the user's companies that enroll patients"""
        campaigns = self.env["reactivation.campaign"].sudo()
        return [
            campaign.with_company(campaign.company_id)
            for campaign in campaigns.search(
                [
                    ("state", "=", "running"),
                    ("company_id", "in", self.env.companies.ids),
                ]
            )
            if not campaign.date_end
            or campaign.date_end >= campaign.company_id._reactivation_today()
        ]

    def _deliveries_sql(self):
        """:return: SQL of the deliveries that did not lead to a contact"""
        return SQL(
            """SELECT delivery.id::bigint AS id, delivery.partner_id,
                      delivery.company_id, delivery.campaign_id, delivery.step_id,
                      delivery.id AS delivery_id, delivery.channel,
                      CASE delivery.state WHEN 'pending' THEN 'waits'
                                          WHEN 'skipped' THEN 'not_sent'
                                          ELSE 'failed' END AS kind,
                      why.reason,
                      CASE delivery.state WHEN 'pending' THEN delivery.date
                           ELSE COALESCE(delivery.settled_on, delivery.date)
                      END AS date,
                      enrollment.tier_id, enrollment.visit_pattern
                 FROM reactivation_delivery delivery
                 JOIN reactivation_enrollment enrollment
                   ON enrollment.id = delivery.enrollment_id
                 JOIN reactivation_campaign campaign
                   ON campaign.id = delivery.campaign_id
            LEFT JOIN reactivation_channel_status status
                   ON status.company_id = delivery.company_id
                  AND status.channel = delivery.channel
                  AND status.retry_at > %(now)s
        CROSS JOIN LATERAL (
                      SELECT CASE
                          WHEN delivery.state = 'failed'
                               THEN COALESCE(delivery.reason, 'failed')
                          WHEN delivery.state = 'skipped' THEN delivery.reason
                          WHEN campaign.state = 'paused' THEN 'paused'
                          WHEN delivery.reason IS NOT NULL THEN delivery.reason
                          WHEN status.id IS NOT NULL THEN 'outage'
                      END AS reason) AS why
                WHERE delivery.state IN ('skipped', 'failed', 'pending')
                  AND why.reason IS NOT NULL""",
            now=fields.Datetime.now(),
        )

    def _audience_sql(self, campaign):
        """:return: SQL of the lapsed patients whom a campaign does not enroll

        OFFSET 0 keeps the planner from writing the policy's long expression out once
        more wherever the reason is used.
        """
        return SQL(
            """SELECT %(campaign)s * %(factor)s::bigint + audience.patient_id,
                      audience.partner_id, %(company)s, %(campaign)s, NULL::int,
                      NULL::int, NULL::varchar, 'not_enrolled', audience.refusal,
                      NULL::timestamp, audience.tier_id, audience.visit_pattern
                 FROM (%(audience)s OFFSET 0) AS audience
                WHERE audience.refusal <> 'enrolled'""",
            campaign=campaign.id,
            company=campaign.company_id.id,
            factor=CAMPAIGN_FACTOR,
            audience=campaign.env["reactivation.enrollment"]._audience_sql(campaign),
        )

    # ------------------------------------------------------------------ actions

    def action_open_patient(self):
        """Open the patient of a row: there is what can be mended."""
        self.ensure_one()
        patient = self.env["reactivation.patient"].search(
            [
                ("partner_id", "=", self.partner_id.id),
                ("company_id", "=", self.company_id.id),
            ]
        )
        record = patient or self.partner_id
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "views": [(False, "form")],
        }

    def action_open_delivery(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "reactivation.delivery",
            "res_id": self.delivery_id.id,
            "views": [(False, "form")],
        }

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return neutral_rows(super().export_data(fields_to_export))
