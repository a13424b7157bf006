import ast

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, Query

from .reactivation_patient import PATTERNS


class ReactivationSegment(models.Model):
    """A group of a campaign's audience; a patient is in the first that matches."""

    _name = "reactivation.segment"
    _description = "Segment"
    _order = "sequence, id"

    name = fields.Char(required=True)
    sequence = fields.Integer(default=10)
    campaign_id = fields.Many2one(
        "reactivation.campaign", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="campaign_id.company_id", store=True)
    tier_ids = fields.Many2many(
        "reactivation.tier", string="Tiers", help="Empty: every tier."
    )
    visit_pattern = fields.Selection(PATTERNS, help="Empty: both.")
    reason_ids = fields.Many2many(
        "reactivation.reason", string="Reasons", help="Empty: any reason, or none."
    )
    domain = fields.Char(
        string="Other Conditions",
        default="[]",
        help="Any further condition on the patients.",
    )

    @api.constrains("domain")
    def _check_domain(self):
        for segment in self:
            try:
                segment._domain().validate(self.env["reactivation.patient"])
            except (ValueError, SyntaxError, TypeError) as error:
                raise ValidationError(
                    self.env._(
                        "Segment “%(name)s”, field “Other Conditions”: this is not a "
                        "valid filter (%(error)s).",
                        name=segment.name,
                        error=error,
                    )
                ) from error

    def _domain(self):
        """:return: `Domain` over `reactivation.patient`"""
        self.ensure_one()
        domain = Domain(ast.literal_eval((self.domain or "[]").strip()))
        if self.tier_ids:
            domain &= Domain("tier_id", "in", self.tier_ids.ids)
        if self.visit_pattern:
            domain &= Domain("visit_pattern", "=", self.visit_pattern)
        if self.reason_ids:
            domain &= Domain("reason_id", "in", self.reason_ids.ids)
        return domain

    def _case_sql(self):
        """:return: SQL over the alias `patient`: the segment it is in, or NULL"""
        if not self:
            return SQL("NULL::int")
        model = self.env["reactivation.patient"].sudo().with_context(active_test=False)
        cases = []
        for segment in self:
            query = Query(self.env, "match", SQL.identifier(model._table))
            domain = segment._domain().optimize_full(model)
            query.add_where(domain._to_sql(model, "match", query))
            cases.append(
                SQL(
                    "WHEN %s THEN %s",
                    SQL("TRUE")
                    if domain.is_true()
                    else SQL("patient.id IN %s", query.subselect()),
                    segment.id,
                )
            )
        return SQL("(CASE %s END)::int", SQL(" ").join(cases))
