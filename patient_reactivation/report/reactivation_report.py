from odoo import fields, models
from odoo.tools import SQL

from ..models.reactivation_enrollment import STAGES
from ..models.reactivation_patient import PATTERNS


class ReactivationReport(models.Model):
    """One row per enrollment, with its results as numbers to sum and average.

    A rate is the average over enrollments whose window has closed; younger ones
    are empty there, so they are never mixed in.
    """

    _name = "reactivation.report"
    _inherit = "reactivation.pivot"
    _description = "Win-Back Analysis"
    _auto = False
    _order = "enrolled_on desc"
    _rec_name = "campaign_id"
    _depends = {
        "reactivation.enrollment": [
            "campaign_id",
            "company_id",
            "segment_id",
            "method_id",
            "is_control",
            "tier_id",
            "visit_pattern",
            "reason_id",
            "practitioner_id",
            "stage",
            "stop_reason",
            "enrolled_on",
            "first_contact_date",
            "returned_date",
            "loyal_date",
            "return_closes",
            "loyalty_closes",
        ]
    }

    campaign_id = fields.Many2one("reactivation.campaign", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    segment_id = fields.Many2one("reactivation.segment", readonly=True)
    method_id = fields.Many2one("reactivation.method", readonly=True)
    is_control = fields.Boolean(string="Control Group", readonly=True)
    tier_id = fields.Many2one("reactivation.tier", readonly=True)
    visit_pattern = fields.Selection(PATTERNS, readonly=True)
    reason_id = fields.Many2one("reactivation.reason", readonly=True)
    practitioner_id = fields.Many2one("res.partner", readonly=True)
    stage = fields.Selection(STAGES, readonly=True)
    enrolled_on = fields.Datetime(readonly=True)
    enrolled = fields.Integer(string="Enrolled Patients", readonly=True)
    contacted = fields.Integer(string="Contacted Patients", readonly=True)
    returned = fields.Integer(string="Returned (so far)", readonly=True)
    won_back = fields.Integer(string="Won Back (so far)", readonly=True)
    return_rate = fields.Float(
        string="Return Rate (%)", readonly=True, aggregator="avg"
    )
    win_back_rate = fields.Float(
        string="Win-Back Rate (%)", readonly=True, aggregator="avg"
    )

    @property
    def _table_query(self):
        return SQL(
            """SELECT id, campaign_id, company_id, segment_id, method_id, is_control,
                      tier_id, visit_pattern, reason_id, practitioner_id, stage,
                      enrolled_on, 1 AS enrolled,
                      (first_contact_date IS NOT NULL)::int AS contacted,
                      (returned_date IS NOT NULL)::int AS returned,
                      (loyal_date IS NOT NULL)::int AS won_back,
                      CASE WHEN return_closes <= %(now)s
                           THEN (returned_date IS NOT NULL)::int * 100.0::float END
                          AS return_rate,
                      CASE WHEN loyalty_closes <= %(now)s
                           THEN (loyal_date IS NOT NULL)::int * 100.0::float END
                          AS win_back_rate
                 FROM reactivation_enrollment
                WHERE stop_reason IS DISTINCT FROM 'merged'""",
            now=fields.Datetime.now(),
        )
