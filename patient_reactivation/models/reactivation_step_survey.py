import re

from markupsafe import Markup

from odoo import api, fields, models

from ..tools import placeholders
from ..tools.problems import WARNING, problem
from .reactivation_step_offer import _FOOTER, _UNSUBSCRIBE

# The placeholder of e-mails that becomes the button to the survey.
SURVEY_PLACEHOLDER = '<t t-out="object.survey_invitation"></t>'
SURVEY_BLOCK = Markup(
    '<div class="s_text_block o_mail_snippet_general"'
    ' style="padding:0 32px 20px 32px;">%s</div>'
) % Markup(SURVEY_PLACEHOLDER)
_ASKS = re.compile(r"object\.survey_(invitation|link)")


class ReactivationStep(models.Model):
    """What a step asks, and how the answer is rewarded."""

    _inherit = "reactivation.step"

    survey_id = fields.Many2one(
        "survey.survey",
        string="Asks",
        domain="[('access_mode', '=', 'token'), ('survey_type', '!=', 'live_session')]",
        ondelete="restrict",
        help="The survey this step invites to, each patient by a link of their own. "
        "Who answered, or was asked not long ago, is not asked.",
    )
    reward_program_id = fields.Many2one(
        "loyalty.program",
        string="Reward for the Answer",
        domain="[('program_type', '=', 'coupons'),"
        " ('company_id', 'in', (False, company_id))]",
        ondelete="restrict",
        help="A coupon for who answers, once. It is promised to, and given to, "
        "patients who may have offers; the others are asked without it.",
    )

    @api.onchange("survey_id")
    def _onchange_survey_id(self):
        if not self.survey_id:
            self.reward_program_id = False

    @api.model_create_multi
    def create(self, vals_list):
        steps = super().create(vals_list)
        steps._put_in_survey()
        return steps

    def write(self, vals):
        result = super().write(vals)
        if vals.get("survey_id"):
            self._put_in_survey()
        return result

    def _create_mailing(self, lang=None):
        mailing = super()._create_mailing(lang)
        self._put_in_survey()
        return mailing

    def _put_in_survey(self):
        """The e-mails of a step that asks have the button to the survey, once."""
        for mailing in self.filtered("survey_id").mailing_ids:
            body = str(mailing.body_html or "")
            if body and not _ASKS.search(body):
                # One e-mail per language of the step somebody works on.
                found = _FOOTER.search(body) or _UNSUBSCRIBE.search(body)
                place = found.start() if found else len(body)
                body = body[:place] + str(SURVEY_BLOCK) + body[place:]
                mailing.write({"body_html": body, "body_arch": body})

    # ----------------------------------------------------------------- problems

    def _survey_problems(self):
        """:return: list of dicts: what keeps the survey of the step from working"""
        self.ensure_one()
        problems = []
        if self.survey_id:
            problems += self.survey_id.sudo()._reactivation_problems()
            problems += [problem(text, self) for text in self._survey_faults()]
        if self.reward_program_id:
            problems += [
                problem(text, self.reward_program_id)
                for text in self.reward_program_id._reactivation_problems(
                    self.company_id
                )
            ]
        problems += self._answer_problems()
        return problems

    def _survey_faults(self):
        """:return: list of sentences"""
        faults = []
        if self.channel == "action":
            faults.append(
                self.env._(
                    "Step “%s” runs an action and has no message that could ask.",
                    self.name,
                )
            )
        faults += [
            self.env._(
                "The e-mail “%s” does not lead to the survey. Put the placeholder "
                "object.survey_invitation into it.",
                mailing.subject,
            )
            for mailing in self.mailing_ids
            if not _ASKS.search(str(mailing.body_html or ""))
        ]
        for name in self._channels():
            field = {"letter": "letter_body", "social": "message"}.get(name)
            if not field:
                continue
            for lang, _label in self.env["res.lang"].get_installed():
                # A handful of languages.
                text = self.with_context(lang=lang)[field]
                if text and "survey_link" not in placeholders.names(text):
                    faults.append(
                        self.env._(
                            "The text of step “%s” does not lead to the survey. Use "
                            "{survey_link}.",
                            self.name,
                        )
                    )
                    break
        if before := self._asks_before():
            faults.append(
                self.env._(
                    "Step “%(step)s” asks another survey than “%(before)s”. A patient "
                    "is asked one in a campaign: let both ask the same, or leave one "
                    "out.",
                    step=self.name,
                    before=before.name,
                )
            )
        if self.delay_from == "answer":
            faults.append(
                self.env._(
                    "Step “%s” waits for an answer and asks for one: ask in a step "
                    "before it.",
                    self.name,
                )
            )
        return list(dict.fromkeys(faults))

    def _asks_before(self):
        """:return: the first step of the method that asks, if it asks another survey"""
        asks = self.method_id.step_ids.filtered("survey_id")
        first = asks.sorted(lambda step: (step.sequence, step.id))[:1]
        return first if first.survey_id != self.survey_id else first.browse()

    def _answer_problems(self):
        """What mentions a survey that no step asks."""
        asks = self.method_id.step_ids.filtered("survey_id")
        problems = []
        if self.delay_from == "answer" and not asks:
            problems.append(
                problem(
                    self.env._(
                        "Step “%s” waits for the answer to a survey, and no step of "
                        "its method asks.",
                        self.name,
                    ),
                    self,
                )
            )
        if self.condition == "not_surveyed" and not asks:
            problems.append(
                problem(
                    self.env._(
                        "The condition of step “%s” is about a survey, and no step of "
                        "its method asks: it always takes place.",
                        self.name,
                    ),
                    self,
                    WARNING,
                )
            )
        if self.offer == "reward" and not asks.reward_program_id:
            problems.append(
                problem(
                    self.env._(
                        "Step “%s” shows the reward for an answer, and no step "
                        "promises one: that part stays empty. Choose a reward where "
                        "you ask.",
                        self.name,
                    ),
                    self,
                    WARNING,
                )
            )
        mentions = any(
            _ASKS.search(str(body or ""))
            for body in self.mailing_ids.mapped("body_html")
        )
        if mentions and not self.survey_id:
            problems.append(
                problem(
                    self.env._(
                        "The e-mail of step “%s” invites to a survey and the step asks "
                        "none: that part stays empty. Choose what it asks.",
                        self.name,
                    ),
                    self,
                    WARNING,
                )
            )
        return problems
