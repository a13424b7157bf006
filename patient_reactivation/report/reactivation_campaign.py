from odoo import api, fields, models
from odoo.tools import SQL


class ReactivationCampaign(models.Model):
    """What became of a campaign's patients: read from all layers, written nowhere.

    The rates follow the definitions: of the enrollments whose windows have
    closed. Younger ones are counted apart, as "so far".
    """

    _inherit = "reactivation.campaign"

    enrolled_count = fields.Integer(
        string="Enrolled Patients", compute="_compute_results"
    )
    contacted_count = fields.Integer(
        string="Contacted Patients", compute="_compute_results"
    )
    booked_count = fields.Integer(string="Booked", compute="_compute_results")
    returned_count = fields.Integer(string="Returned", compute="_compute_results")
    won_back_count = fields.Integer(string="Won Back", compute="_compute_results")
    return_closed_count = fields.Integer(
        string="Return Window Closed", compute="_compute_results"
    )
    win_back_closed_count = fields.Integer(
        string="Loyalty Window Closed", compute="_compute_results"
    )
    return_rate = fields.Float(
        compute="_compute_results",
        help="Returned ÷ enrolled, of the patients enrolled long enough ago for the "
        "return window to be closed.",
    )
    win_back_rate = fields.Float(
        string="Win-Back Rate",
        compute="_compute_results",
        help="Won back ÷ enrolled, of the patients enrolled long enough ago for "
        "both windows to be closed.",
    )
    returned_so_far = fields.Integer(
        compute="_compute_results",
        help="Returned, of the patients whose return window is still open.",
    )
    won_back_so_far = fields.Integer(
        compute="_compute_results",
        help="Won back, of the patients whose windows are still open.",
    )

    return_first_close = fields.Date(
        compute="_compute_results", help="When the first open return window closes."
    )
    win_back_first_close = fields.Date(
        compute="_compute_results", help="When the first open loyalty window closes."
    )

    @api.depends("enrollment_ids.stage", "attribution_days", "loyalty_days")
    def _compute_results(self):
        """Count enrollments by what became of them, one query for all campaigns."""
        names = [
            "enrolled_count",
            "contacted_count",
            "booked_count",
            "returned_count",
            "won_back_count",
            "return_closed_count",
            "win_back_closed_count",
        ]
        dates = ["return_first_close", "win_back_first_close"]
        rows = {row["campaign_id"]: row for row in self._results_rows()}
        for campaign in self:
            row = rows.get(campaign._origin.id, {})
            for name in names:
                campaign[name] = row.get(name, 0)
            for name in dates:
                campaign[name] = row.get(name)
            closed = row.get("return_closed_count")
            campaign.return_rate = row["returned_closed"] / closed if closed else 0
            closed = row.get("win_back_closed_count")
            campaign.win_back_rate = row["won_back_closed"] / closed if closed else 0
            campaign.returned_so_far = row.get("returned_count", 0) - row.get(
                "returned_closed", 0
            )
            campaign.won_back_so_far = row.get("won_back_count", 0) - row.get(
                "won_back_closed", 0
            )

    def _results_rows(self):
        """:return: one dict of counts per campaign with enrollments"""
        if not self.ids:
            return []
        self.env["reactivation.enrollment"].flush_model()
        return self.env.execute_query_dict(
            SQL(
                """
                SELECT campaign_id,
                       count(*) AS enrolled_count,
                       count(first_contact_date) AS contacted_count,
                       count(*) FILTER (WHERE stage = 'booked') AS booked_count,
                       count(returned_date) AS returned_count,
                       count(loyal_date) AS won_back_count,
                       count(*) FILTER (WHERE return_closes <= %(now)s)
                           AS return_closed_count,
                       count(*) FILTER (WHERE loyalty_closes <= %(now)s)
                           AS win_back_closed_count,
                       min(return_closes) FILTER (WHERE return_closes > %(now)s)::date
                           AS return_first_close,
                       min(loyalty_closes) FILTER (WHERE loyalty_closes > %(now)s)::date
                           AS win_back_first_close,
                       count(returned_date) FILTER (WHERE return_closes <= %(now)s)
                           AS returned_closed,
                       count(loyal_date) FILTER (WHERE loyalty_closes <= %(now)s)
                           AS won_back_closed
                  FROM reactivation_enrollment
                 WHERE campaign_id IN %(ids)s
                   AND stop_reason IS DISTINCT FROM 'merged'
              GROUP BY campaign_id""",
                now=fields.Datetime.now(),
                ids=tuple(self.ids),
            )
        )
