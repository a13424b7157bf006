from odoo import fields, models
from odoo.tools import SQL

from ..models.reactivation_enrollment import STAGES
from ..models.reactivation_patient import PATTERNS
from ..tools.spreadsheets import neutral_rows

TOTAL_COST = SQL(
    """(COALESCE(message_cost, 0) + COALESCE(letter_cost, 0) + COALESCE(call_cost, 0)
        + COALESCE(coupon_cost, 0))"""
)


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
            "revenue",
            "message_cost",
            "letter_cost",
            "call_cost",
            "coupon_cost",
        ],
        "res.company": ["currency_id"],
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

    currency_id = fields.Many2one("res.currency", readonly=True)
    revenue = fields.Monetary(
        readonly=True,
        help="From the day of the return to the end of the loyalty window, without "
        "taxes. Credit notes are taken off.",
    )
    message_cost = fields.Monetary(string="Cost of Messages", readonly=True)
    letter_cost = fields.Monetary(string="Cost of Letters", readonly=True)
    call_cost = fields.Monetary(string="Cost of Calls", readonly=True)
    coupon_cost = fields.Monetary(
        string="Cost of Coupons",
        readonly=True,
        help="What coupons that were used were worth.",
    )
    total_cost = fields.Monetary(
        readonly=True, help="Messages, letters, calls and coupons."
    )
    net_revenue = fields.Monetary(readonly=True, help="Revenue − total cost.")

    @property
    def _table_query(self):
        return SQL(
            """SELECT enrollment.id, campaign_id, company_id, segment_id, method_id,
                      is_control, tier_id, visit_pattern, reason_id, practitioner_id,
                      stage, enrolled_on, 1 AS enrolled,
                      (first_contact_date IS NOT NULL)::int AS contacted,
                      (returned_date IS NOT NULL)::int AS returned,
                      (loyal_date IS NOT NULL)::int AS won_back,
                      CASE WHEN return_closes <= %(now)s
                           THEN (returned_date IS NOT NULL)::int * 100.0::float END
                          AS return_rate,
                      CASE WHEN loyalty_closes <= %(now)s
                           THEN (loyal_date IS NOT NULL)::int * 100.0::float END
                          AS win_back_rate,
                      company.currency_id, COALESCE(revenue, 0) AS revenue,
                      COALESCE(message_cost, 0) AS message_cost,
                      COALESCE(letter_cost, 0) AS letter_cost,
                      COALESCE(call_cost, 0) AS call_cost,
                      COALESCE(coupon_cost, 0) AS coupon_cost,
                      %(cost)s AS total_cost,
                      COALESCE(revenue, 0) - %(cost)s AS net_revenue
                 FROM reactivation_enrollment enrollment
            LEFT JOIN res_company company ON company.id = enrollment.company_id
                WHERE stop_reason IS DISTINCT FROM 'merged'""",
            now=fields.Datetime.now(),
            cost=TOTAL_COST,
        )

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return neutral_rows(super().export_data(fields_to_export))
