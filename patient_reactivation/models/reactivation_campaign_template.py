import ast
import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Command, Domain

from .reactivation_consent import PURPOSES
from .reactivation_patient import PATTERNS
from .reactivation_step import channel_icon

ICON = re.compile(r"fa-[a-z0-9-]+")


class ReactivationCampaignTemplate(models.Model):
    """A campaign that is ready to be used: whom, how, and all the words.

    It is made of plain records, so that a consultant reads it in a form and
    another addon adds a template, a method or a step with data of its own.
    """

    _name = "reactivation.campaign.template"
    _description = "Campaign Template"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    summary = fields.Text(
        translate=True, help="For whom it is and what happens, in two sentences."
    )
    icon = fields.Char(
        default="fa-paper-plane-o", help="Name of a Font Awesome icon, as fa-phone."
    )
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", help="Empty: for every company.")
    purpose = fields.Selection(PURPOSES, required=True, default="care")
    control_percent = fields.Float(string="Control Group (%)", default=10.0)
    attribution_days = fields.Integer(string="Return Window (days)", default=90)
    loyalty_days = fields.Integer(string="Loyalty Window (days)", default=180)
    segment_ids = fields.One2many(
        "reactivation.campaign.template.segment", "template_id", copy=True
    )
    method_ids = fields.One2many(
        "reactivation.campaign.template.method", "template_id", copy=True
    )
    timeline = fields.Json(compute="_compute_timeline")

    @api.constrains("icon")
    def _check_icon(self):
        for template in self:
            if template.icon and not ICON.fullmatch(template.icon):
                raise ValidationError(
                    self.env._("An icon is named as in “fa-phone”: small letters.")
                )

    @api.depends(
        "method_ids.sequence",
        "method_ids.name",
        "method_ids.step_ids.sequence",
        "method_ids.step_ids.delay_days",
        "method_ids.step_ids.delay_from",
        "method_ids.step_ids.channel",
    )
    @api.depends_context("lang")
    def _compute_timeline(self):
        """What a card of the gallery draws."""
        for template in self:
            methods = [method._timeline() for method in template.method_ids]
            steps = max((len(method["steps"]) for method in methods), default=0)
            days = max((method["days"] for method in methods), default=0)
            template.timeline = {
                "methods": methods,
                "steps": steps,
                "days": days,
                "text": self.env._(
                    "Up to %(steps)s steps in %(days)s days", steps=steps, days=days
                ),
            }

    # -------------------------------------------------------------------- texts

    @api.model
    def _text_languages(self, company):
        """:return: codes of the installed languages there are words for, and the
        language of the company; the company's comes first"""
        house = company.partner_id.lang or self.env.lang or "en_US"
        installed = [code for code, _name in self.env["res.lang"].get_installed()]
        spoken = [code for code in installed if code[:2] in ("en", "fr")]
        wanted = [house] if house in installed else []
        return list(dict.fromkeys(wanted + spoken)) or ["en_US"]

    # --------------------------------------------------------------------- use

    def action_use(self):
        """Make a draft campaign of this template, and open it."""
        self.check_access("read")
        self.ensure_one()
        campaign = self._create_campaign(self.env.company)
        return {
            "type": "ir.actions.act_window",
            "res_model": campaign._name,
            "res_id": campaign.id,
            "views": [(False, "form")],
            "target": "current",
        }

    def _create_campaign(self, company):
        """:return: a new draft campaign of a company, with all its texts"""
        self.ensure_one()
        self.check_access("read")
        campaign = self.env["reactivation.campaign"].create(
            self._campaign_values(company)
        )
        languages = self._text_languages(company)
        plans = [
            (blueprint, step)
            for wanted, method in zip(self.method_ids, campaign.method_ids, strict=True)
            for blueprint, step in zip(wanted.step_ids, method.step_ids, strict=True)
        ]
        self.env["mailing.mailing"].create(
            [
                values
                for blueprint, step in plans
                if "mail" in blueprint._kinds()
                for values in blueprint._mailing_values(step, languages)
            ]
        )
        for blueprint, step in plans:
            # A template has a dozen steps at most.
            blueprint._translate(step)
        return campaign

    def _campaign_values(self, company):
        return {
            "name": self.name,
            "company_id": company.id,
            "purpose": self.purpose,
            "control_percent": self.control_percent,
            "attribution_days": self.attribution_days,
            "loyalty_days": self.loyalty_days,
            "segment_ids": [
                Command.create(segment._segment_values(company, number))
                for number, segment in enumerate(self.segment_ids)
            ],
            "method_ids": [
                Command.create(method._method_values(number))
                for number, method in enumerate(self.method_ids)
            ],
        }


class ReactivationCampaignTemplateSegment(models.Model):
    """Whom a template is for. Months and reasons are those of the clinic."""

    _name = "reactivation.campaign.template.segment"
    _description = "Segment of a Campaign Template"
    _order = "sequence, id"

    template_id = fields.Many2one(
        "reactivation.campaign.template", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="template_id.company_id", store=True)
    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    months_from = fields.Integer(
        string="Away From (months)", help="0: from when the patient is lapsed."
    )
    months_to = fields.Integer(string="Away To (months)", help="0: without end.")
    visit_pattern = fields.Selection(PATTERNS, help="Empty: both.")
    reason_codes = fields.Char(
        string="Reasons",
        help="Codes of reasons, separated by commas. Empty: any reason, or none.",
    )
    domain = fields.Char(string="Other Conditions", default="[]")

    _months_check = models.Constraint(
        "CHECK(COALESCE(months_to, 0) = 0 OR months_to > COALESCE(months_from, 0))",
        "“To” must be later than “From”. 0 is without end.",
    )

    def _segment_values(self, company, number):
        """:return: values of the same segment in a campaign of a company"""
        domain = Domain(ast.literal_eval((self.domain or "[]").strip()))
        tiers = self._tiers(company)
        if not tiers:
            domain &= self._months_domain()
        codes = [code.strip() for code in (self.reason_codes or "").split(",")]
        codes = [code for code in codes if code]
        reasons = self.env["reactivation.reason"].search([("code", "in", codes)])
        if codes and not reasons:
            # They were deleted here: nobody is meant rather than everybody.
            domain &= Domain("reason_id.code", "in", codes)
        return {
            "name": self.name,
            "sequence": number + 1,
            "visit_pattern": self.visit_pattern,
            "tier_ids": [Command.set(tiers.ids)],
            "reason_ids": [Command.set(reasons.ids)],
            "domain": repr(list(domain)) if not domain.is_true() else "[]",
        }

    def _months_domain(self):
        """The same months, for a clinic whose tiers are others."""
        domain = Domain.TRUE
        if self.months_from:
            domain &= Domain("last_visit_date", "<=", f"today -{self.months_from}m")
        if self.months_to:
            domain &= Domain("last_visit_date", ">", f"today -{self.months_to}m")
        return domain

    def _tiers(self, company):
        """:return: the tiers of the company that are exactly these months, if any"""
        if not self.months_from and not self.months_to:
            return self.env["reactivation.tier"]
        tiers = self.env["reactivation.tier"].search([("company_id", "=", company.id)])
        tiers = tiers or tiers.search([("company_id", "=", False)])
        end = self.months_to or float("inf")
        within = tiers.sorted("months_from").filtered(
            lambda tier: (
                tier.months_from >= self.months_from
                and (tier.months_to or float("inf")) <= end
            )
        )
        edges = [self.months_from, *(tier.months_to or None for tier in within)]
        starts = [*within.mapped("months_from"), self.months_to or None]
        return within if within and edges == starts else within.browse()


class ReactivationCampaignTemplateMethod(models.Model):
    """A way to win patients back, of a template."""

    _name = "reactivation.campaign.template.method"
    _description = "Method of a Campaign Template"
    _order = "sequence, id"

    template_id = fields.Many2one(
        "reactivation.campaign.template", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="template_id.company_id", store=True)
    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    weight = fields.Integer(default=1)
    reason_codes = fields.Char(
        string="For Patients Who Say",
        help="Codes of reasons, separated by commas. Patients who give one of them go "
        "on with this method; nobody begins with it.",
    )
    step_ids = fields.One2many(
        "reactivation.campaign.template.step", "method_id", copy=True
    )

    def _method_values(self, number):
        """:return: values of the same method in a campaign"""
        codes = [code.strip() for code in (self.reason_codes or "").split(",")]
        reasons = self.env["reactivation.reason"].search([("code", "in", codes)])
        return {
            "name": self.name,
            "sequence": number + 1,
            "weight": self.weight,
            "reason_ids": [Command.set(reasons.ids)],
            "step_ids": [
                Command.create(step._step_values(position))
                for position, step in enumerate(self.step_ids)
            ],
        }

    def _timeline(self):
        """:return: the steps and their days, to be drawn"""
        labels = dict(self.step_ids._fields["channel"]._description_selection(self.env))
        day, steps = 0, []
        for step in self.step_ids:
            since = 0 if step.delay_from == "enrollment" else day
            text = self.env._("%s d before the end", step.delay_days)
            if step.delay_from == "answer":
                text = self.env._("After the answer")
            elif step.delay_from != "coupon":
                day = max(day, since + step.delay_days)
                text = self.env._("Day %s", day)
            steps.append(
                {
                    "id": step.id,
                    "icon": channel_icon(step.channel),
                    "label": labels.get(step.channel),
                    "day": text,
                }
            )
        return {"id": self.id, "name": self.name, "steps": steps, "days": day}
