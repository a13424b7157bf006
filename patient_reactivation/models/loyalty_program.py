from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

# What a coupon gives, as the patient's coupon keeps it.
KINDS = [("percent", "Percentage"), ("amount", "Amount"), ("gift", "Gift")]


class LoyaltyProgram(models.Model):
    """A coupon of Odoo's loyalty as an offer to patients: what it gives, how long."""

    _inherit = "loyalty.program"

    reactivation_valid_days = fields.Integer(
        string="Valid For (days)",
        default=30,
        help="A patient may use the coupon until the end of this many days after it "
        "was issued, on the clinic's calendar.",
    )
    reactivation_kind = fields.Selection(
        KINDS,
        string="Gives",
        compute="_compute_reactivation_kind",
        inverse="_inverse_reactivation_terms",
        compute_sudo=True,
    )
    reactivation_value = fields.Float(
        string="Value",
        compute="_compute_reactivation_value",
        inverse="_inverse_reactivation_terms",
        compute_sudo=True,
        help="The percentage, or the amount in the currency of the coupon. Of a gift: "
        "what it costs in a shop.",
    )
    reactivation_product_id = fields.Many2one(
        "product.product",
        string="Gift",
        compute="_compute_reactivation_product_id",
        inverse="_inverse_reactivation_terms",
        compute_sudo=True,
    )
    reactivation_problem = fields.Char(compute="_compute_reactivation_problem")
    reactivation_open_count = fields.Integer(
        string="With Patients",
        compute="_compute_reactivation_open_count",
        help="Coupons that patients have and have not used yet.",
    )

    _reactivation_valid_check = models.Constraint(
        "CHECK(COALESCE(reactivation_valid_days, 30) BETWEEN 1 AND 366)",
        "“Valid For” must be between 1 and 366 days.",
    )

    # -------------------------------------------------------------------- terms

    # One method for each: who writes the value must be able to read the kind.

    @api.depends("reward_ids.reward_type", "reward_ids.discount_mode")
    def _compute_reactivation_kind(self):
        for program in self:
            reward = program.reward_ids[:1]
            kind = False
            if reward.reward_type == "product":
                kind = "gift"
            elif reward and reward.discount_mode != "per_point":
                kind = "percent" if reward.discount_mode == "percent" else "amount"
            program.reactivation_kind = kind

    @api.depends(
        "reward_ids.reward_type",
        "reward_ids.discount",
        "reward_ids.reward_product_id.lst_price",
        "reward_ids.reward_product_qty",
    )
    def _compute_reactivation_value(self):
        for program in self:
            reward = program.reward_ids[:1]
            value = reward.discount
            if reward.reward_type == "product":
                value = reward.reward_product_id.lst_price * reward.reward_product_qty
            program.reactivation_value = value

    @api.depends("reward_ids.reward_type", "reward_ids.reward_product_id")
    def _compute_reactivation_product_id(self):
        for program in self:
            reward = program.reward_ids[:1]
            gift = reward.reward_type == "product" and reward.reward_product_id
            program.reactivation_product_id = gift

    def _inverse_reactivation_terms(self):
        for program in self:
            # Each program has one reward of its own.
            kind, value = program.reactivation_kind, program.reactivation_value
            product = program.reactivation_product_id
            if kind == "gift":
                if not product:
                    raise ValidationError(self.env._("“Gift”: choose what is given."))
                values = {"reward_type": "product", "reward_product_id": product.id}
            else:
                self._check_reactivation_value(kind, value)
                values = {
                    "reward_type": "discount",
                    "discount_mode": "percent" if kind == "percent" else "per_order",
                    "discount": value,
                    "discount_applicability": "order",
                }
            rewards = program.sudo().reward_ids
            if len(rewards) == 1:
                rewards.write(values)
            elif not rewards:
                program.sudo().reward_ids = [(0, 0, {"required_points": 1, **values})]

    @api.model
    def _check_reactivation_value(self, kind, value):
        if value <= 0:
            raise ValidationError(
                self.env._("“Value”: a coupon must be worth more than nothing.")
            )
        if kind == "percent" and value > 100:
            raise ValidationError(
                self.env._(
                    "“Value”: %(value)s %% is more than the visit costs. Enter 100 or "
                    "less.",
                    value=f"{value:g}",
                )
            )

    # ----------------------------------------------------------------- problems

    @api.depends(
        "active", "program_type", "trigger", "applies_on", "date_to", "reward_ids"
    )
    def _compute_reactivation_problem(self):
        for program in self:
            problems = program._reactivation_problems()
            program.reactivation_problem = " ".join(problems) or False

    def _reactivation_problems(self, company=None):
        """What keeps coupons of this program from being given to patients.

        :param company: the clinic that wants to give them
        :return: list of sentences
        """
        self.ensure_one()
        program = self.sudo()
        name = program.name or ""
        texts = []
        if not program.active:
            texts.append(self.env._("The coupon “%s” is archived. Restore it.", name))
        if program.program_type != "coupons" or program.trigger != "with_code":
            texts.append(
                self.env._("“%s” is no coupon with a code. Choose another one.", name)
            )
        if company and program.company_id and program.company_id != company:
            texts.append(
                self.env._(
                    "The coupon “%(name)s” belongs to %(company)s.",
                    name=name,
                    company=program.company_id.name,
                )
            )
        if company:
            today = company._reactivation_today()
            if program.date_to and program.date_to < today:
                texts.append(
                    self.env._("The coupon “%s” has ended. Change its end date.", name)
                )
            if program.date_from and program.date_from > today:
                texts.append(self.env._("The coupon “%s” has not begun yet.", name))
        return texts + program._reactivation_reward_problems()

    def _reactivation_reward_problems(self):
        self.ensure_one()
        rewards = self.reward_ids.filtered("active")
        name = self.name or ""
        if len(rewards) != 1:
            return [
                self.env._(
                    "The coupon “%s” must give exactly one thing. Say which.",
                    name,
                )
            ]
        kind, value = self.reactivation_kind, self.reactivation_value
        if not kind:
            return [
                self.env._("The coupon “%s” is worth points, not a discount.", name)
            ]
        if kind == "gift" and not rewards.reward_product_id.active:
            return [self.env._("The gift of the coupon “%s” does not exist.", name)]
        if not value or value <= 0:
            # Also a gift without a price: nobody could say whether it is lawful.
            return [
                self.env._("The coupon “%s” is worth nothing. Enter its value.", name)
            ]
        if kind == "percent" and value > 100:
            return [self.env._("The coupon “%s” gives more than 100 %%.", name)]
        if rewards.required_points != 1:
            return [
                self.env._(
                    "The coupon “%s” needs more than one point: a patient has one.",
                    name,
                )
            ]
        return []

    def _reactivation_worth(self, company):
        """:return: float: what the coupon is worth at a clinic, in its currency, to
        tell the better of two; a percentage is one of the typical fee of a visit"""
        self.ensure_one()
        program = self.sudo()
        value = program.reactivation_value
        if program.reactivation_kind == "percent":
            return value / 100 * (company.reactivation_typical_fee or 0)
        return program.currency_id._convert(
            value, company.currency_id, company, company._reactivation_today()
        )

    def _reactivation_words(self):
        """:return: str: what a coupon gives and for how long; False without one"""
        if not self:
            return False
        self.ensure_one()
        return self.env._(
            "%(offer)s, for %(days)s days",
            offer=self._reactivation_offer_text(
                self.reactivation_kind,
                self.reactivation_value,
                self.currency_id,
                self.reactivation_product_id,
            ),
            days=self.reactivation_valid_days,
        )

    @api.model
    def _reactivation_offer_text(self, kind, value, currency, product):
        """:return: str: what a coupon gives, in the language of the environment"""
        if kind == "percent":
            return self.env._("%(percent)s%% off your visit", percent=f"{value:g}")
        if kind == "amount":
            return self.env._(
                "%(amount)s off your visit", amount=currency.format(value)
            )
        return self.env._("A gift: %(gift)s", gift=product.name or "")

    # ----------------------------------------------------- promises that are out

    def _compute_reactivation_open_count(self):
        counts = self._reactivation_count_promised()
        for program in self:
            program.reactivation_open_count = counts.get(program, 0)

    def _reactivation_count_promised(self):
        """:return: {program: number of coupons that patients may still use}"""
        coupons = self.env["reactivation.coupon"].sudo()
        domain = [("program_id", "in", self.ids), *self._reactivation_promised()]
        return dict(coupons._read_group(domain, ["program_id"], ["__count"]))

    @api.model
    def _reactivation_promised(self):
        """:return: domain of coupons patients have and may still use"""
        return [("state", "=", "open"), ("expires_at", ">", fields.Datetime.now())]

    def write(self, vals):
        if not vals.get("active", True) or "program_type" in vals:
            self._refuse_breaking_promises()
        return super().write(vals)

    def _refuse_breaking_promises(self):
        """:raise UserError: patients have coupons that would be worth something else"""
        counts = self._reactivation_count_promised()
        if counts:
            program, count = next(iter(counts.items()))
            raise UserError(
                self.env._(
                    "Open coupons “%(name)s” with patients: %(count)s. What was "
                    "promised stays as it is. Make a new coupon and choose it in the "
                    "tiers and campaigns, or revoke the open ones first.",
                    count=count,
                    name=program.name,
                )
            )
