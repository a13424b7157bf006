import ast

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, Query

from .reactivation_patient import PATTERNS

# Field of the segment -> payer of the patients.
PAYERS = {
    "payer_federal": "federal",
    "payer_private": "private",
    "payer_cash": "cash",
    "payer_unknown": "unknown",
}

# What decides who is in a segment.
CRITERIA = (
    "tier_ids",
    "inactive_from",
    "inactive_to",
    "visit_pattern",
    "reason_ids",
    "practitioner_ids",
    *PAYERS,
    "tag_ids",
    "domain",
)


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
    inactive_from = fields.Integer(
        string="Away From (months)",
        help="The last visit is at least this many months ago. 0: as long as the "
        "clinic says in its settings.",
    )
    inactive_to = fields.Integer(
        string="Away To (months)",
        help="The last visit is less than this many months ago. 0: no end.",
    )
    visit_pattern = fields.Selection(PATTERNS, help="Empty: both.")
    reason_ids = fields.Many2many(
        "reactivation.reason", string="Reasons", help="Empty: any reason, or none."
    )
    practitioner_ids = fields.Many2many(
        "res.partner",
        "reactivation_segment_practitioner_rel",
        "segment_id",
        "partner_id",
        string="Last Practitioners",
        domain="[('reactivation_treated_ids', '!=', False)]",
        help="Whom the patients saw last. Empty: anybody.",
    )
    payer_federal = fields.Boolean(
        string="Federal Program", help="Medicare, Medicaid, TRICARE …"
    )
    payer_private = fields.Boolean(string="Private Insurance")
    payer_cash = fields.Boolean(string="Pays in Cash")
    payer_unknown = fields.Boolean(string="Payer Unknown")
    tag_ids = fields.Many2many(
        "res.partner.category",
        string="Tags",
        help="Patients with at least one of these tags. Empty: with or without.",
    )
    domain = fields.Char(
        string="Other Conditions",
        default="[]",
        help="Any further condition on the patients.",
    )
    summary = fields.Char(
        string="Who",
        compute="_compute_summary",
        help="The conditions in words.",
    )

    _inactive_check = models.Constraint(
        "CHECK(COALESCE(inactive_from, 0) >= 0 AND COALESCE(inactive_to, 0) >= 0)",
        "A time away cannot be negative. 0 is no limit.",
    )

    # ------------------------------------------------------------------ compute

    @api.depends(*CRITERIA)
    @api.depends_context("lang")
    def _compute_summary(self):
        """The conditions in words, as a list of segments shows them."""
        for segment in self:
            texts = [
                ", ".join(segment.tier_ids.mapped("name")),
                segment._away_text(),
                dict(
                    segment._fields["visit_pattern"]._description_selection(self.env)
                ).get(segment.visit_pattern),
                ", ".join(segment.reason_ids.mapped("name")),
                ", ".join(segment.practitioner_ids.mapped("name")),
                ", ".join(
                    segment._fields[name].get_description(self.env)["string"]
                    for name in PAYERS
                    if segment[name]
                ),
                ", ".join(segment.tag_ids.mapped("name")),
                self.env._("other conditions") if segment._has_domain() else "",
            ]
            segment.summary = " · ".join(filter(None, texts)) or self.env._(
                "Every lapsed patient"
            )

    def _away_text(self):
        if self.inactive_from and self.inactive_to:
            return self.env._(
                "Away %(start)s to %(end)s months",
                start=self.inactive_from,
                end=self.inactive_to,
            )
        if self.inactive_from:
            return self.env._("Away %s months or more", self.inactive_from)
        if self.inactive_to:
            return self.env._("Away less than %s months", self.inactive_to)
        return ""

    def _has_domain(self):
        return (self.domain or "").strip() not in ("", "[]")

    # -------------------------------------------------------------- constraints

    @api.constrains("inactive_from", "inactive_to")
    def _check_inactive(self):
        for segment in self:
            if segment.inactive_to and segment.inactive_to <= segment.inactive_from:
                raise ValidationError(
                    self.env._(
                        "Segment “%(name)s”: “Away To” must be later than “Away "
                        "From”. 0 is no end.",
                        name=segment.name,
                    )
                )

    @api.constrains("domain")
    def _check_domain(self):
        """A condition that cannot be read is never stored."""
        for text in self._fault_texts().values():
            raise ValidationError(text)

    @api.model_create_multi
    def create(self, vals_list):
        segments = super().create(vals_list)
        segments._check_secret()
        return segments

    def write(self, vals):
        result = super().write(vals)
        if "domain" in vals:
            self._check_secret()
        return result

    def _check_secret(self):
        """Nobody may ask for facts that they may not see: the number of matches would
        tell them. Constraints do not know who writes.

        :raise ValidationError: one of the segments does
        """
        for segment in self:
            if segment._has_domain() and (fault := segment._secret()):
                raise ValidationError(fault)

    def _secret(self):
        """:return: a sentence when the user may not read what the domain asks for"""
        self.ensure_one()
        if self.env.su:
            return False
        try:
            self.env["reactivation.patient"]._search(self._own_domain())
        except AccessError:
            return self.env._(
                "Segment “%(name)s”: you may not read a field that “Other Conditions” "
                "ask for. Remove this condition, or ask an administrator.",
                name=self.name or "",
            )
        return False

    # ------------------------------------------------------------------- domain

    def _own_domain(self):
        """What was entered as “Other Conditions”: values only, never code.

        :return: `Domain` over `reactivation.patient`
        """
        return Domain(ast.literal_eval((self.domain or "[]").strip() or "[]"))

    def _domain(self, company=None, moment=None):
        """:return: `Domain` over `reactivation.patient`: all that the segment asks"""
        self.ensure_one()
        company = company or self.campaign_id.company_id or self.env.company
        return self._own_domain() & self._criteria_domain(company, moment)

    def _criteria_domain(self, company, moment=None):
        domain = Domain.TRUE
        today = company._reactivation_today(moment)
        if self.tier_ids:
            domain &= Domain("tier_id", "in", self.tier_ids.ids)
        if self.inactive_from:
            newest = today - relativedelta(months=self.inactive_from)
            domain &= Domain("last_visit_date", "<=", newest)
        if self.inactive_to:
            oldest = today - relativedelta(months=self.inactive_to)
            domain &= Domain("last_visit_date", ">", oldest)
        if self.visit_pattern:
            domain &= Domain("visit_pattern", "=", self.visit_pattern)
        if self.reason_ids:
            domain &= Domain("reason_id", "in", self.reason_ids.ids)
        if self.practitioner_ids:
            domain &= Domain("last_practitioner_id", "in", self.practitioner_ids.ids)
        payers = [payer for name, payer in PAYERS.items() if self[name]]
        if payers:
            # A contact without an entry is one whose payer is unknown.
            values = [*payers, False] if "unknown" in payers else payers
            domain &= Domain("partner_id.payer_class", "in", values)
        if self.tag_ids:
            domain &= Domain("partner_id", "any", self._tagged())
        return domain

    def _tagged(self):
        """:return: SQL of the contacts with one of the tags, read once for all"""
        relation = self.env["res.partner"]._fields["category_id"]
        query = Query(self.env, "tagged", SQL.identifier(relation.relation))
        query.add_where(
            SQL(
                "%s IN %s",
                SQL.identifier("tagged", relation.column2),
                tuple(self.tag_ids.ids),
            )
        )
        return SQL("(%s)", query.select(SQL.identifier("tagged", relation.column1)))
