import re
from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import format_date, html2plaintext

from ..tools import codes, placeholders
from ..tools.problems import ERROR, WARNING, problem

OFFERS = [
    ("none", "None"),
    ("issue", "Gives a coupon"),
    ("remind", "Reminds of the coupon"),
    ("reward", "Shows the reward for the answer"),
]

# The placeholder of e-mails that becomes the coupon; nothing for patients without.
COUPON_PLACEHOLDER = '<t t-out="object.coupon_offer"></t>'
COUPON_BLOCK = Markup(
    '<div class="s_text_block o_mail_snippet_general"'
    ' style="padding:0 32px 20px 32px;">%s</div>'
) % Markup(COUPON_PLACEHOLDER)

# Before which part of an e-mail the coupon is put, the first that is found.
_FOOTER = re.compile(r'<div[^>]*class="[^"]*s_footer')
_UNSUBSCRIBE = re.compile(
    r"<(?:div|p|table|tr)\b(?:(?!<(?:div|p|table|tr)\b).)*/unsubscribe_from_list",
    re.DOTALL,
)

# A number before a percent sign, or an amount of money: written by hand it reaches
# everybody.
_PROMISE = re.compile(r"\d\s*%|[$€£]\s*\d|\d\s*[$€£]")


class ReactivationStep(models.Model):
    """What a step offers besides what it says."""

    _inherit = "reactivation.step"

    offer = fields.Selection(
        OFFERS,
        required=True,
        default="none",
        help="A coupon is issued when the step is due, to patients who may have one. "
        "The others get the same message without it.",
    )
    program_id = fields.Many2one(
        "loyalty.program",
        string="Coupon",
        domain="[('program_type', '=', 'coupons'),"
        " ('company_id', 'in', (False, company_id))]",
        ondelete="restrict",
        help="Instead of that of the campaign or the patient's tier.",
    )

    @api.onchange("offer")
    def _onchange_offer(self):
        if self.offer != "issue":
            self.program_id = False
        if self.offer == "remind" and self.delay_from != "coupon":
            self.delay_from, self.delay_days, self.delay_hours = "coupon", 3, 0
        elif self.offer == "reward":
            self.delay_from, self.delay_days, self.delay_hours = "answer", 0, 0
        elif self.offer != "remind" and self.delay_from == "coupon":
            self.delay_from = "previous"

    @api.model_create_multi
    def create(self, vals_list):
        steps = super().create(vals_list)
        steps._put_in_coupon()
        return steps

    def write(self, vals):
        result = super().write(vals)
        if "offer" in vals:
            self._put_in_coupon()
        return result

    def _create_mailing(self, lang=None):
        mailing = super()._create_mailing(lang)
        self._put_in_coupon()
        return mailing

    def _put_in_coupon(self):
        """The e-mails of a step with an offer show the coupon, once."""
        for mailing in self.filtered(lambda step: step.offer != "none").mailing_ids:
            body = str(mailing.body_html or "")
            if body and "object.coupon_" not in body:
                # One e-mail per language of the step somebody works on.
                body = self._with_coupon(body)
                mailing.write({"body_html": body, "body_arch": body})

    @api.model
    def _with_coupon(self, body):
        """:return: an e-mail with the place of the coupon above its footer"""
        found = _FOOTER.search(body) or _UNSUBSCRIBE.search(body)
        place = found.start() if found else len(body)
        return body[:place] + str(COUPON_BLOCK) + body[place:]

    def _sample_offer(self, patients):
        """:return: dict: what a text would say of a coupon, with a code that is none;
        None if the step has no offer"""
        self.ensure_one()
        if self.offer == "none":
            return None
        company = self.company_id
        row = patients[:1].reactivation_patient_ids.filtered(
            lambda item: item.company_id == company
        )
        programs = self.campaign_id._coupon_programs(self)
        program = programs.get(row.tier_id, programs[False]).sudo()
        if not program:
            return None
        until = company._reactivation_today() + timedelta(
            days=program.reactivation_valid_days
        )
        return {
            "offer": self.env["loyalty.program"]._reactivation_offer_text(
                program.reactivation_kind,
                program.reactivation_value,
                program.currency_id,
                program.reactivation_product_id,
            ),
            "coupon_code": codes.show("X" * codes.LENGTH),
            "coupon_until": format_date(self.env, until),
        }

    # ----------------------------------------------------------------- problems

    def _offer_problems(self):
        """:return: list of dicts: what keeps the offer of the step from working"""
        self.ensure_one()
        texts = self._offer_faults() if self.offer != "none" else []
        problems = [problem(text, self) for text in texts]
        if self.offer == "none":
            problems += self._coupon_without_offer()
        if self.offer == "issue":
            problems += self._program_problems()
        return problems + self._promise_problems()

    def _offer_faults(self):
        faults = []
        if self.channel == "action":
            faults.append(
                self.env._(
                    "Step “%s” runs an action and has no message that could show a "
                    "coupon.",
                    self.name,
                )
            )
        for mailing in self.mailing_ids:
            if "object.coupon_" not in str(mailing.body_html or ""):
                faults.append(
                    self.env._(
                        "The e-mail “%s” does not show the coupon. Put the "
                        "placeholder object.coupon_offer into it.",
                        mailing.subject,
                    )
                )
        for name in self._channels():
            field = {"call": "script", "letter": "letter_body"}.get(name, "message")
            if name in ("mail", "action"):
                continue
            for lang, _label in self.env["res.lang"].get_installed():
                # A handful of languages.
                text = self.with_context(lang=lang)[field]
                if text and not placeholders.names(text) & placeholders.OF_COUPONS:
                    faults.append(
                        self.env._(
                            "The text of step “%s” does not mention the coupon. Use "
                            "{offer}, {coupon_code} and {coupon_until}.",
                            self.name,
                        )
                    )
                    break
        return list(dict.fromkeys(faults + self._order_faults()))

    def _order_faults(self):
        """:return: list of sentences: what is told of a coupon in the wrong place"""
        faults = []
        earlier = self.method_id.step_ids.filtered(
            lambda step: (
                step.offer == "issue" and (step.sequence, step.id) < self._place()
            )
        )
        if self.offer == "remind" and not earlier:
            faults.append(
                self.env._(
                    "Step “%s” reminds of a coupon that no step before it gives.",
                    self.name,
                )
            )
        if self.offer == "reward" and self.delay_from != "answer":
            faults.append(
                self.env._(
                    "Step “%s” shows the reward for an answer, and does not wait for "
                    "one: count it from the answer to the survey.",
                    self.name,
                )
            )
        if self.offer != "remind" and self.delay_from == "coupon":
            faults.append(
                self.env._(
                    "Step “%s” counts from the coupon's last day and is no reminder "
                    "of it.",
                    self.name,
                )
            )
        return faults

    def _place(self):
        return self.sequence, self.id

    def _coupon_without_offer(self):
        """A step that mentions a coupon and has none to show."""
        shown = [
            str(text or "")
            for text in (*self.mailing_ids.mapped("body_html"),)
            if "object.coupon_" in str(text or "")
        ]
        written = any(
            placeholders.names(self.with_context(lang=lang)[name])
            & placeholders.OF_COUPONS
            for lang, _label in self.env["res.lang"].get_installed()
            for name in ("script", "letter_body", "message")
        )
        if not shown and not written:
            return []
        return [
            problem(
                self.env._(
                    "Step “%s” mentions a coupon and gives none: that part stays "
                    "empty. Choose what it offers.",
                    self.name,
                ),
                self,
                WARNING,
            )
        ]

    def _program_problems(self):
        """Of every program the step may issue coupons of."""
        programs = self.campaign_id._coupon_programs(self)
        tiers = self.campaign_id._segment_tiers()
        used = {
            tier: program
            for tier, program in programs.items()
            if tier and (tier in tiers or not tiers)
        }
        problems = []
        for program in {program for program in used.values() if program}:
            # One program per tier.
            problems += [
                problem(text, program)
                for text in program._reactivation_problems(self.company_id)
            ]
        without = [tier for tier, program in used.items() if not program]
        if used and len(without) == len(used):
            problems.append(
                problem(
                    self.env._(
                        "Step “%s” gives coupons, and no tier has one. Choose one "
                        "for the step, the campaign or the tiers.",
                        self.name,
                    ),
                    self,
                )
            )
        else:
            problems += [
                problem(
                    self.env._(
                        "Patients of the tier “%s” get no coupon: it has none.",
                        tier.name,
                    ),
                    tier,
                    WARNING,
                )
                for tier in without
            ]
        return problems

    def _promise_problems(self):
        """A discount written by hand reaches patients who must not be offered any."""
        problems = []
        for mailing in self.mailing_ids:
            text = html2plaintext(str(mailing.body_html or ""))
            seen = " ".join(filter(None, (mailing.subject, mailing.preview, text)))
            if mailing.reactivation_offer == "with" or not _PROMISE.search(seen):
                continue
            problems.append(
                problem(
                    self.env._(
                        "E-mail “%s” names a price or a percentage, and patients who "
                        "may get no offer read it too. Leave that to the coupon, or "
                        "write this e-mail for those with a coupon only.",
                        mailing.subject,
                    ),
                    mailing,
                    WARNING if self.offer == "none" else ERROR,
                )
            )
        return problems
