from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class ReactivationTier(models.Model):
    """A band of inactivity: from so many months without a visit to so many."""

    _name = "reactivation.tier"
    _description = "Inactivity Tier"
    _order = "months_from, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    months_from = fields.Integer(
        string="From (months)",
        required=True,
        help="The tier begins this many months after the last visit.",
    )
    months_to = fields.Integer(
        string="To (months)",
        help="The tier ends here; the next one begins. Empty: it has no end.",
    )
    company_id = fields.Many2one(
        "res.company",
        help="A company with tiers of its own uses only those. Without a company "
        "the tier serves all others.",
    )
    color = fields.Integer()
    gap_warning = fields.Char(compute="_compute_gap_warning")
    patient_count = fields.Integer(compute="_compute_patient_count")

    _from_check = models.Constraint(
        "CHECK(months_from >= 0)", "“From” cannot be before the last visit."
    )
    _range_check = models.Constraint(
        "CHECK(COALESCE(months_to, 0) = 0 OR months_to > months_from)",
        "“To” must be later than “From”. Leave it empty for a tier without end.",
    )

    @api.depends("months_from", "months_to", "company_id", "active")
    def _compute_gap_warning(self):
        """Say which months no tier covers, on the tier before the gap."""
        scopes = self.search([]).grouped("company_id")
        for tier in self:
            tier.gap_warning = False
            siblings = scopes.get(tier.company_id, self.browse())
            later = siblings.filtered(
                lambda other, tier=tier: other.months_from > tier.months_from
            )
            upper = min(later.mapped("months_from"), default=None)
            if not tier.active or not tier.months_to or upper == tier.months_to:
                continue
            if upper is None:
                tier.gap_warning = self.env._(
                    "Patients away for %s months or more are in no tier.",
                    tier.months_to,
                )
            else:
                tier.gap_warning = self.env._(
                    "Patients away for %(start)s to %(end)s months are in no tier.",
                    start=tier.months_to,
                    end=upper,
                )

    def _compute_patient_count(self):
        counts = dict(
            self.env["reactivation.patient"]._read_group(
                [("tier_id", "in", self.ids), ("status", "=", "lapsed")],
                ["tier_id"],
                ["__count"],
            )
        )
        for tier in self:
            tier.patient_count = counts.get(tier, 0)

    @api.constrains("months_from", "months_to", "company_id", "active")
    def _check_overlap(self):
        for company, tiers in self.search([]).grouped("company_id").items():
            before = None
            for tier in tiers.sorted("months_from"):
                if before and not (
                    before.months_to and before.months_to <= tier.months_from
                ):
                    raise ValidationError(
                        self.env._(
                            "The tiers “%(first)s” and “%(second)s” overlap%(where)s. "
                            "End the first where the second begins: “To” of "
                            "“%(first)s” may be %(month)s at most.",
                            first=before.name,
                            second=tier.name,
                            where=f" ({company.name})" if company else "",
                            month=tier.months_from,
                        )
                    )
                before = tier

    @api.model
    def _bands(self, company, moment=None):
        """The tiers of a company as bands of last visit days.

        :return: list of (tier id, oldest last visit or None, newest last visit)
        """
        tiers = self.sudo().search([("company_id", "=", company.id)])
        tiers = tiers or self.sudo().search([("company_id", "=", False)])
        today = company._reactivation_today(moment)
        bands = []
        for tier in tiers:
            newest = today - relativedelta(months=tier.months_from)
            oldest = None
            if tier.months_to:
                oldest = today - relativedelta(months=tier.months_to)
            bands.append((tier.id, oldest, newest))
        return bands
