from odoo import api, fields, models
from odoo.tools import SQL

from ..tools import nps


class ReactivationNps(models.Model):
    """The Net Promoter Score of each practitioner and of the clinic as a whole, with
    its interval. Groups of fewer answers than `tools.nps.SMALLEST_GROUP` are left out:
    their figure would be one person's answer."""

    _name = "reactivation.nps"
    _description = "Net Promoter Score"
    _auto = False
    _order = "is_whole desc, answers desc, id"
    _rec_name = "display_name"

    company_id = fields.Many2one("res.company", readonly=True)
    practitioner_id = fields.Many2one("res.partner", readonly=True)
    is_whole = fields.Boolean(string="Whole Clinic", readonly=True)
    answers = fields.Integer(readonly=True)
    promoters = fields.Integer(readonly=True)
    passives = fields.Integer(readonly=True)
    detractors = fields.Integer(readonly=True)
    hidden = fields.Integer(
        string="In Small Groups",
        readonly=True,
        help="Answers about practitioners who have too few to be shown alone.",
    )
    score = fields.Float(
        string="Score", compute="_compute_score", digits=(16, 0), aggregator=None
    )
    low = fields.Float(compute="_compute_score", digits=(16, 0), aggregator=None)
    high = fields.Float(compute="_compute_score", digits=(16, 0), aggregator=None)
    interval = fields.Char(string="95 % Interval", compute="_compute_score")

    @property
    def _table_query(self):
        self.env.flush_all()
        return SQL(
            """WITH counted AS (
                   SELECT company_id, practitioner_id,
                          grouping(practitioner_id) = 1 AS is_whole,
                          count(*)::int AS answers,
                          count(*) FILTER (WHERE nps_kind = 'promoter')::int AS
                          promoters, count(*) FILTER (WHERE nps_kind = 'passive')::int
                          AS passives, count(*) FILTER (WHERE nps_kind =
                              'detractor')::int AS detractors
                     FROM reactivation_feedback
                    WHERE nps_kind IS NOT NULL
                 GROUP BY GROUPING SETS ((company_id), (company_id, practitioner_id))
               ), large AS (
                   SELECT *, row_number() OVER (
                              PARTITION BY company_id
                              ORDER BY answers, practitioner_id) AS rank
                     FROM counted
                    WHERE NOT is_whole AND practitioner_id IS NOT NULL
                      AND answers >= %(least)s
               ), rest AS (
                   SELECT whole.company_id, whole.answers
                          - COALESCE(sum(large.answers), 0) AS answers
                     FROM counted whole
                LEFT JOIN large ON large.company_id = whole.company_id
                    WHERE whole.is_whole
                 GROUP BY whole.company_id, whole.answers
               ), shown AS (
                   SELECT large.* FROM large
                     JOIN rest ON rest.company_id = large.company_id
                    -- What is left over would be the figure of a few: the smallest
                    -- group is left out with it.
                    WHERE NOT (large.rank = 1
                               AND rest.answers BETWEEN 1 AND %(least)s - 1)
               )
               SELECT -company_id AS id, company_id, NULL::int AS practitioner_id,
                      TRUE AS is_whole, answers, promoters, passives, detractors,
                      (answers - COALESCE((
                           SELECT sum(shown.answers) FROM shown
                            WHERE shown.company_id = counted.company_id), 0))::int
                      AS hidden
                 FROM counted
                WHERE is_whole AND answers >= %(least)s
            UNION ALL
               SELECT ((company_id::bigint * 1000003 + practitioner_id)
                       %% 2147483647)::int, company_id, practitioner_id,
                      FALSE, answers, promoters, passives, detractors, 0
                 FROM shown""",
            least=nps.SMALLEST_GROUP,
        )

    @api.depends("promoters", "passives", "detractors")
    def _compute_score(self):
        for row in self:
            found = nps.score(row.promoters, row.passives, row.detractors)
            row.score = found.score if found else 0
            row.low = found.low if found else 0
            row.high = found.high if found else 0
            row.interval = f"{found.low:.0f} … {found.high:.0f}" if found else False

    @api.depends("practitioner_id", "company_id", "is_whole")
    def _compute_display_name(self):
        for row in self:
            row.display_name = (
                row.company_id.name if row.is_whole else row.practitioner_id.name
            )

    def action_open_feedback(self):
        self.check_access("read")
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "patient_reactivation.reactivation_feedback_action"
        )
        domain = [("company_id", "=", self.company_id.id), ("nps_kind", "!=", False)]
        if not self.is_whole:
            domain.append(("practitioner_id", "=", self.practitioner_id.id))
        return {**action, "domain": domain, "context": {}}


class ReactivationReasonReport(models.Model):
    """How often patients of a tier and a segment gave each reason. Groups of fewer
    answers than `tools.nps.SMALLEST_GROUP` are left out, and so are the rarer reasons
    of the others: they are added up, with the next one if they are too few together."""

    _name = "reactivation.reason.report"
    _description = "Reasons by Segment"
    _auto = False
    _order = "answers desc, id"
    _rec_name = "label"

    company_id = fields.Many2one("res.company", readonly=True)
    campaign_id = fields.Many2one("reactivation.campaign", readonly=True)
    segment_id = fields.Many2one("reactivation.segment", readonly=True)
    tier_id = fields.Many2one("reactivation.tier", readonly=True)
    reason_id = fields.Many2one(
        "reactivation.reason",
        readonly=True,
        help="Empty: reasons of fewer than five patients, added up.",
    )
    label = fields.Char(string="Reason", readonly=True)
    route = fields.Selection(
        related="reason_id.route", string="What We Do", readonly=True
    )
    answers = fields.Integer(string="Patients", readonly=True)

    @property
    def _table_query(self):
        self.env.flush_all()
        reasons = self.env["reactivation.reason"]
        return SQL(
            """WITH counted AS (
                   SELECT company_id, campaign_id, segment_id, tier_id, reason_id,
                          min(id) AS id, count(*) AS answers
                     FROM reactivation_feedback
                    WHERE reason_id IS NOT NULL
                 GROUP BY company_id, campaign_id, segment_id, tier_id, reason_id
               ), ranked AS (
                   SELECT *, sum(answers) OVER (
                              PARTITION BY company_id, campaign_id, segment_id, tier_id
                              ORDER BY answers, reason_id ROWS UNBOUNDED PRECEDING)
                          - answers AS rarer
                     FROM counted
               ), shown AS (
                   SELECT company_id, campaign_id, segment_id, tier_id, id, answers,
                          -- What is added up is nobody, or enough.
                          CASE WHEN answers >= %(least)s
                                    AND (rarer = 0 OR rarer >= %(least)s)
                               THEN reason_id END AS reason_id
                     FROM ranked
               )
               SELECT min(shown.id)::int AS id, shown.company_id, shown.campaign_id,
                      shown.segment_id, shown.tier_id, shown.reason_id,
                      COALESCE(min(%(name)s), %(others)s) AS label,
                      sum(shown.answers)::int AS answers
                 FROM shown
            LEFT JOIN reactivation_reason reason ON reason.id = shown.reason_id
             GROUP BY shown.company_id, shown.campaign_id, shown.segment_id,
                      shown.tier_id, shown.reason_id
               HAVING sum(shown.answers) >= %(least)s""",
            least=nps.SMALLEST_GROUP,
            name=reasons._field_to_sql("reason", "name"),
            others=self.env._("Other reasons"),
        )
