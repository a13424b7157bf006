from odoo import api, fields, models
from odoo.tools import SQL

from ..models.reactivation_outcome_money import MANAGER
from ..tools.returns import beyond_control, per_patient, return_on_investment

PARTS = ("message_cost", "letter_cost", "call_cost", "coupon_cost")


class ReactivationCampaign(models.Model):
    """What a campaign brought in beside what it cost, with all parts visible."""

    _inherit = "reactivation.campaign"

    currency_id = fields.Many2one(related="company_id.currency_id")
    revenue = fields.Monetary(
        compute="_compute_money",
        groups=MANAGER,
        help="What returned patients brought in so far, the control group left out: "
        "from the day of the return to the end of the loyalty window, without taxes. "
        "Credit notes are taken off.",
    )
    message_cost = fields.Monetary(
        string="Cost of Messages", compute="_compute_money", groups=MANAGER
    )
    letter_cost = fields.Monetary(
        string="Cost of Letters", compute="_compute_money", groups=MANAGER
    )
    call_cost = fields.Monetary(
        string="Cost of Calls", compute="_compute_money", groups=MANAGER
    )
    coupon_cost = fields.Monetary(
        string="Cost of Coupons",
        compute="_compute_money",
        groups=MANAGER,
        help="What coupons that were used were worth.",
    )
    total_cost = fields.Monetary(compute="_compute_money", groups=MANAGER)
    net_revenue = fields.Monetary(
        compute="_compute_money", groups=MANAGER, help="Revenue − total cost."
    )
    return_on_investment = fields.Float(
        string="Return on Investment",
        compute="_compute_money",
        groups=MANAGER,
        help="(Revenue − total cost) ÷ total cost: 100 % says that each unit of money "
        "came back doubled. Empty where nothing was spent.",
    )
    has_control = fields.Boolean(compute="_compute_money", groups=MANAGER)
    campaign_patients = fields.Integer(
        string="Patients of the Methods",
        compute="_compute_money",
        groups=MANAGER,
        help="Enrolled in a method, whether they could be reached or not: to leave out "
        "those who were not would compare unlike patients.",
    )
    control_patients = fields.Integer(
        string="Patients of the Control Group",
        compute="_compute_money",
        groups=MANAGER,
        help="Enrolled in the control group: nobody contacts them.",
    )
    revenue_per_patient = fields.Monetary(
        string="Revenue per Patient", compute="_compute_money", groups=MANAGER
    )
    control_revenue_per_patient = fields.Monetary(
        string="Control Group's Revenue per Patient",
        compute="_compute_money",
        groups=MANAGER,
        help="What comes without any contact.",
    )
    incremental_revenue = fields.Monetary(
        compute="_compute_money",
        groups=MANAGER,
        help="Patients of the methods × (their revenue per patient − that of the "
        "control group): what would not have come anyway.",
    )
    incremental_return = fields.Float(
        string="Return on Investment beyond the Control Group",
        compute="_compute_money",
        groups=MANAGER,
        help="(Incremental revenue − total cost) ÷ total cost.",
    )

    @api.depends(
        "enrollment_ids.revenue", *(f"enrollment_ids.{name}" for name in PARTS)
    )
    def _compute_money(self):
        """Sum up revenue and costs, one query for all campaigns."""
        rows = {row["campaign_id"]: row for row in self._money_rows()}
        for campaign in self:
            row = rows.get(campaign._origin.id, {})
            cost = 0.0
            for name in PARTS:
                campaign[name] = row.get(name, 0.0)
                cost += campaign[name]
            campaign.total_cost = cost
            campaign.revenue = revenue = row.get("revenue", 0.0)
            campaign.net_revenue = revenue - cost
            campaign.return_on_investment = return_on_investment(revenue, cost) or 0.0
            campaign._set_comparison(row)

    def _set_comparison(self, row):
        """Revenue that comes without contact, beside that of the methods."""
        methods, control = (
            (row.get(f"{name}revenue", 0.0), row.get(f"{name}patients", 0))
            for name in ("", "control_")
        )
        beyond = beyond_control(*methods, *control)
        self.has_control = beyond is not None
        self.campaign_patients = methods[1]
        self.control_patients = control[1]
        self.revenue_per_patient = per_patient(*methods) or 0.0
        self.control_revenue_per_patient = per_patient(*control) or 0.0
        self.incremental_revenue = beyond or 0.0
        self.incremental_return = (
            0.0
            if beyond is None
            else return_on_investment(beyond, self.total_cost) or 0.0
        )

    def _money_rows(self):
        """:return: one dict of sums per campaign with enrollments"""
        if not self.ids:
            return []
        self.env["reactivation.enrollment"].flush_model()
        return self.env.execute_query_dict(
            SQL(
                """SELECT campaign_id,
                          count(*) FILTER (WHERE NOT control) AS patients,
                          count(*) FILTER (WHERE control) AS control_patients,
                          COALESCE(sum(revenue) FILTER (WHERE NOT control), 0)::float
                              AS revenue,
                          COALESCE(sum(revenue) FILTER (WHERE control), 0)::float
                              AS control_revenue,
                          %(parts)s
                     FROM (SELECT *, COALESCE(is_control, FALSE) AS control
                             FROM reactivation_enrollment) AS enrollment
                    WHERE campaign_id IN %(ids)s
                      AND stop_reason IS DISTINCT FROM 'merged'
                 GROUP BY campaign_id""",
                parts=SQL(", ").join(
                    SQL(
                        "COALESCE(sum(%(part)s), 0)::float AS %(part)s",
                        part=SQL.identifier(name),
                    )
                    for name in PARTS
                ),
                ids=tuple(self.ids),
            )
        )

    def action_open_money(self):
        """The revenue report of this campaign."""
        self.check_access("read")
        self.env["reactivation.report"].check_access("read")
        self.ensure_one()
        self.check_access("read")
        self.env["reactivation.report"].check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "patient_reactivation.reactivation_report_action_money"
        )
        return {
            **action,
            "domain": [("campaign_id", "=", self.id)],
            "context": {"search_default_not_control": 1},
        }
