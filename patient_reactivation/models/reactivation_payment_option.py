from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import format_amount

from ..tools import fee_scale

KINDS = [
    ("cash", "Discount for paying at once"),
    ("installments", "Installments"),
    ("scale", "Sliding scale by income"),
]

# Whoever sees which prices belong to which income could tell the income from the
# prices of a patient.
SCALE_READERS = (
    "patient_reactivation.group_reactivation_manager,"
    "patient_reactivation.group_reactivation_payment"
)

FEES = [("percent", "Percentage of the fee"), ("nominal", "Nominal fee")]


class ReactivationPaymentOption(models.Model):
    """A way to pay that the clinic offers to patients for whom the cost is too much."""

    _name = "reactivation.payment.option"
    _description = "Payment Option"
    _order = "sequence, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    kind = fields.Selection(KINDS, required=True, default="installments")
    description = fields.Text(
        translate=True, help="What the front desk tells the patient about it."
    )
    discount = fields.Float(string="Discount (%)", default=10.0)
    installments = fields.Integer(string="Number of Installments", default=6)
    scale_ids = fields.One2many(
        "reactivation.fee.scale",
        "option_id",
        string="Scales",
        copy=True,
        groups=SCALE_READERS,
    )
    current_scale_id = fields.Many2one(
        "reactivation.fee.scale",
        compute="_compute_current_scale_id",
        groups=SCALE_READERS,
    )

    _discount_check = models.Constraint(
        "CHECK(kind <> 'cash' OR discount > 0 AND discount <= 100)",
        "The discount must be more than 0 % and at most 100 %.",
    )
    _installments_check = models.Constraint(
        "CHECK(kind <> 'installments' OR installments >= 2)",
        "Installments: at least two.",
    )

    @api.depends("scale_ids.date_from", "scale_ids.date_to", "kind")
    def _compute_current_scale_id(self):
        for option in self:
            option.current_scale_id = option._scale_on(
                option.company_id._reactivation_today()
            )

    def _scale_on(self, day):
        """:return: the scale that is in force on a day, if any"""
        self.ensure_one()
        if self.kind != "scale":
            return self.scale_ids.browse()
        return self.scale_ids.filtered(
            lambda scale: (
                scale.date_from
                and scale.date_from <= day
                and (not scale.date_to or day <= scale.date_to)
            )
        )[:1]

    @api.model
    def _open_scale(self, company):
        """:return: the sliding scale patients of a clinic can ask for today, if any"""
        for option in self.sudo().search(
            [("company_id", "=", company.id), ("kind", "=", "scale")]
        ):
            # A clinic has one, seldom two.
            if option.current_scale_id:
                return option.current_scale_id
        return self.env["reactivation.fee.scale"]

    def _line(self):
        """:return: str: the option in one line, for whoever speaks with the patient"""
        self.ensure_one()
        if self.kind == "cash":
            text = self.env._(
                "%(name)s: %(discount)g %% less", name=self.name, discount=self.discount
            )
        elif self.kind == "installments":
            text = self.env._(
                "%(name)s: in %(count)s parts", name=self.name, count=self.installments
            )
        else:
            text = self.env._("%(name)s: by household and income", name=self.name)
        first = (self.description or "").strip().partition("\n")[0]
        return f"{text}. {first}" if first else text


class ReactivationFeeScale(models.Model):
    """A sliding scale as it is from a day on: poverty line and brackets."""

    _name = "reactivation.fee.scale"
    _description = "Sliding Fee Scale"
    _order = "date_from desc, id desc"
    _check_company_auto = True

    option_id = fields.Many2one(
        "reactivation.payment.option", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="option_id.company_id", store=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    date_from = fields.Date(
        string="From", required=True, default=fields.Date.context_today
    )
    date_to = fields.Date(string="To", help="Empty: until further notice.")
    first_person = fields.Monetary(
        string="Poverty Line, One Person",
        required=True,
        help="Income a year of a household of one person.",
    )
    further_person = fields.Monetary(
        string="For Each Further Person",
        required=True,
        help="What each further person of the household adds to it.",
    )
    bracket_ids = fields.One2many(
        "reactivation.fee.bracket", "scale_id", string="Brackets", copy=True
    )

    _dates_check = models.Constraint(
        "CHECK(date_to IS NULL OR date_to >= date_from)", "“To” is before “From”."
    )
    _line_check = models.Constraint(
        "CHECK(first_person > 0 AND further_person >= 0)",
        "The poverty line of one person must be more than 0, and that of each further "
        "person cannot be negative.",
    )

    @api.depends("option_id.name", "date_from")
    def _compute_display_name(self):
        for scale in self:
            day = fields.Date.to_string(scale.date_from) if scale.date_from else ""
            scale.display_name = f"{scale.option_id.name or ''} {day}".strip()

    @api.model_create_multi
    def create(self, vals_list):
        """A bracket leads to a pricelist: Odoo hides those until they are switched
        on.
        """
        pricelists = self.env.ref("product.group_product_pricelist")
        self.env.ref("base.group_user").sudo()._apply_group(pricelists.sudo())
        return super().create(vals_list)

    @api.constrains("date_from", "date_to", "option_id")
    def _check_dates(self):
        for scale in self:
            # An option has one scale a year.
            others = scale.option_id.scale_ids - scale
            clash = others.filtered(
                lambda other, scale=scale: (
                    (not other.date_to or other.date_to >= scale.date_from)
                    and (not scale.date_to or scale.date_to >= other.date_from)
                )
            )[:1]
            if clash:
                raise ValidationError(
                    self.env._(
                        "Two scales of “%(option)s” hold on the same days, one from "
                        "%(first)s, one from %(second)s. End the earlier one with a "
                        "“To”.",
                        option=scale.option_id.name,
                        first=clash.date_from,
                        second=scale.date_from,
                    )
                )

    @api.constrains("bracket_ids")
    def _check_brackets(self):
        for scale in self:
            # One scale is edited at a time.
            scale.bracket_ids._check_complete()

    # ------------------------------------------------------------------ figures

    def _line_of(self, household):
        """:return: the poverty line of a household, a year"""
        return fee_scale.poverty_line(self.first_person, self.further_person, household)

    def _bands(self, household):
        """The income bands of a household, to choose from.

        :return: list of (bracket, text); the last may be without a bracket: above all
        """
        self.ensure_one()
        line = self._line_of(household)
        bands = []
        for bracket in self.bracket_ids.sorted("percent_from"):
            low = fee_scale.limits(line, bracket.percent_from)
            high = fee_scale.limits(line, bracket.percent_to)
            bands.append((bracket, self._band_text(low, bracket.percent_to and high)))
        last = self.bracket_ids.sorted("percent_from")[-1:]
        if last.percent_to:
            above = fee_scale.limits(line, last.percent_to)
            bands.append((last.browse(), self._band_text(above, False)))
        return bands

    def _band_text(self, low, high):
        def year(amount):
            return format_amount(
                self.env, amount, self.currency_id, trailing_zeroes=False
            )

        def month(amount):
            return year(round(amount / 12))

        if not low:
            return self.env._(
                "less than %(year)s a year (%(month)s a month)",
                year=year(high),
                month=month(high),
            )
        if not high:
            return self.env._(
                "%(year)s a year or more (%(month)s a month)",
                year=year(low),
                month=month(low),
            )
        return self.env._(
            "%(low)s to %(high)s a year (%(low_month)s to %(high_month)s a month)",
            low=year(low),
            high=year(high),
            low_month=month(low),
            high_month=month(high),
        )


class ReactivationFeeBracket(models.Model):
    """From which to which income, what is paid, and the pricelist that says so."""

    _name = "reactivation.fee.bracket"
    _description = "Bracket of a Sliding Fee Scale"
    _order = "percent_from, id"
    _check_company_auto = True

    scale_id = fields.Many2one(
        "reactivation.fee.scale", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="scale_id.company_id", store=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    percent_from = fields.Float(
        string="From (% of poverty line)", required=True, digits=(16, 1)
    )
    percent_to = fields.Float(
        string="Below (% of poverty line)",
        digits=(16, 1),
        help="The next bracket begins here. 0: without end.",
    )
    fee = fields.Selection(FEES, required=True, default="percent", string="Pays")
    value = fields.Float(
        string="Percentage or Amount",
        required=True,
        help="So many percent of the fee, or this amount for a visit.",
    )
    pricelist_id = fields.Many2one(
        "product.pricelist",
        required=True,
        ondelete="restrict",
        check_company=True,
        help="The prices of patients in this bracket while their request holds.",
    )

    _value_check = models.Constraint(
        "CHECK(value >= 0 AND (fee <> 'percent' OR value <= 100))",
        "What is paid cannot be negative, nor more than 100 % of the fee.",
    )

    @api.depends("percent_from", "percent_to", "fee", "value")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for bracket in self:
            end = f"–{bracket.percent_to:g}" if bracket.percent_to else "+"
            bracket.display_name = (
                f"{bracket.percent_from:g}{end} %: {bracket._pays_text()}"
            )

    def _pays_text(self):
        """:return: str: what is paid in this bracket"""
        self.ensure_one()
        if self.fee == "percent":
            return self.env._("%g %% of the fee", self.value)
        return self.env._(
            "%s a visit", format_amount(self.env, self.value, self.currency_id)
        )

    @api.constrains("percent_from", "percent_to", "scale_id")
    def _check_percents(self):
        for scale in self.scale_id:
            # One scale is edited at a time.
            scale.bracket_ids._check_complete()

    def _check_complete(self):
        """:raise ValidationError: an income would find no bracket, or two"""
        found = fee_scale.faults(
            [
                fee_scale.Bracket(item.percent_from, item.percent_to, item.display_name)
                for item in self
            ]
        )
        if not found:
            return
        fault = found[0]
        first, second = fault.first, fault.second
        if fault.code == "start":
            text = self.env._(
                "The lowest bracket begins at %(low)g %%: who earns less would find "
                "none. Let it begin at 0.",
                low=first.low,
            )
        elif fault.code == "empty":
            text = self.env._(
                "The bracket from %(low)g %% to %(high)g %% is empty: “Below” must be "
                "more than “From”, and neither less than 0.",
                low=first.low,
                high=first.high,
            )
        elif fault.code == "gap":
            text = self.env._(
                "No bracket is for incomes from %(low)g %% to %(high)g %% of the "
                "poverty line. Let the next one begin at %(low)g.",
                low=first.high,
                high=second.low,
            )
        else:
            text = self.env._(
                "Two brackets are for the same incomes: one begins at %(low)g %%, one "
                "at %(high)g %%. Let one end where the other begins.",
                low=first.low,
                high=second.low,
            )
        raise ValidationError(text)
