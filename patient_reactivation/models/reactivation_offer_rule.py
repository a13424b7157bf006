from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain

# From the strictest to the mildest.
ALLOWANCES = [
    ("none", "No offer at all"),
    ("gift", "Small gifts only"),
    ("all", "Every offer"),
]
STRICTNESS = {code: rank for rank, (code, _label) in enumerate(ALLOWANCES)}


class Allowance:
    """What one patient may be offered: `allow` is a code of `ALLOWANCES`; the limits
    of gifts are in the currency of the clinic, None is no limit."""

    __slots__ = ("allow", "item_limit", "year_limit")

    def __init__(self, allow, item_limit=None, year_limit=None):
        self.allow, self.item_limit, self.year_limit = allow, item_limit, year_limit


class ReactivationOfferRule(models.Model):
    """Which offers the law lets a clinic make to whom, from day to day.

    Discounts to patients of federal programs can be an unlawful inducement. A patient
    whose payer is unknown is treated as one of them. Of all rules that match the
    strictest holds; where none does, federal patients get no offer and others may
    get any.
    """

    _name = "reactivation.offer.rule"
    _description = "Offer Rule"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(
        "res.company",
        index=True,
        help="Empty: the rule holds for all companies. A rule of a company holds for "
        "its branches as well.",
    )
    country_id = fields.Many2one("res.country", help="Where the clinic is.")
    state_ids = fields.Many2many(
        "res.country.state",
        string="States",
        domain="[('country_id', '=', country_id)]",
        help="Where the clinic is or where the patient lives. Empty: everywhere in the "
        "country.",
    )
    payer_class = fields.Selection(
        [
            ("federal", "Federal program or unknown"),
            ("private", "Private insurance"),
            ("cash", "Pays in cash"),
        ],
        string="Patients Whose Payer Is",
        help="Empty: all patients.",
    )
    allow = fields.Selection(
        ALLOWANCES, string="Allowed", required=True, default="none"
    )
    currency_id = fields.Many2one(
        "res.currency",
        required=True,
        default=lambda self: self.env.company.currency_id,
    )
    item_limit = fields.Monetary(
        string="A Gift at Most",
        help="Retail value of one gift. 0: no limit.",
    )
    year_limit = fields.Monetary(
        string="In Twelve Months at Most",
        help="Retail value of all gifts to one patient in the twelve months before, "
        "from the whole legal entity. 0: no limit.",
    )
    date_from = fields.Date(
        string="In Force From", help="First day. Empty: it always was."
    )
    date_to = fields.Date(string="In Force Until", help="Last day. Empty: no end.")
    legal_source = fields.Text(
        help="Where this is written, so that the next person can check it."
    )

    _limits_check = models.Constraint(
        "CHECK(COALESCE(item_limit, 0) >= 0 AND COALESCE(year_limit, 0) >= 0)",
        "A limit of gifts cannot be negative. 0 is no limit.",
    )

    @api.constrains("date_from", "date_to")
    def _check_dates(self):
        for rule in self:
            if rule.date_from and rule.date_to and rule.date_from > rule.date_to:
                raise ValidationError(
                    self.env._("“%(rule)s” ends before it begins.", rule=rule.name)
                )

    @api.constrains("country_id", "state_ids")
    def _check_states(self):
        for rule in self:
            if rule.state_ids.country_id - rule.country_id:
                raise ValidationError(
                    self.env._(
                        "“%(rule)s”: the states must be states of the country.",
                        rule=rule.name,
                    )
                )

    # ---------------------------------------------------------------- in force

    @api.model
    def _in_force(self, company, day):
        """:return: the rules of a clinic on a day, as superuser"""
        company = company.sudo()
        domain = Domain.AND(
            [
                Domain("company_id", "in", [False, *company.parent_ids.ids]),
                Domain("country_id", "in", [False, company.country_id.id]),
                Domain("date_from", "=", False) | Domain("date_from", "<=", day),
                Domain("date_to", "=", False) | Domain("date_to", ">=", day),
            ]
        )
        return self.sudo().with_context(active_test=True).search(domain)

    def _allowance(self, company, payer, state_id, day):
        """What a patient may be offered by these rules, which are in force.

        :param str payer: the class of the patient's payer, or False
        :param int state_id: the state the patient lives in, or None
        :return: `Allowance`
        """
        payer = "federal" if payer in (False, None, "unknown") else payer
        states = {company.sudo().state_id.id, state_id} - {False, None}
        matching = self.filtered(
            lambda rule: (
                rule.payer_class in (False, payer)
                and (not rule.state_ids or states & set(rule.state_ids.ids))
            )
        )
        if not matching:
            return Allowance("none" if payer == "federal" else "all")
        allow = min(matching.mapped("allow"), key=STRICTNESS.get)

        def strictest(name):
            limits = [
                rule.currency_id._convert(rule[name], company.currency_id, company, day)
                for rule in matching
                if rule[name] and rule.allow == "gift"
            ]
            return min(limits, default=None)

        return Allowance(allow, strictest("item_limit"), strictest("year_limit"))
