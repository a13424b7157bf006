from odoo import models

from ..tools.problems import WARNING, problem


class SurveySurvey(models.Model):
    """Whether a survey can be asked in a campaign."""

    _inherit = "survey.survey"

    def _reactivation_problems(self):
        """:return: list of dicts: what keeps the survey from being asked, or the
        answers from being understood"""
        self.ensure_one()
        texts = []
        if not self.active:
            texts.append(self.env._("The survey “%s” is closed.", self.title))
        if not self.question_ids:
            texts.append(self.env._("The survey “%s” has no question.", self.title))
        if self.access_mode != "token":
            texts.append(
                self.env._(
                    "The survey “%s” must be for invited people only: whoever opens it "
                    "otherwise, a program that checks links for example, would leave "
                    "an empty answer.",
                    self.title,
                )
            )
        if self.users_login_required:
            texts.append(
                self.env._(
                    "The survey “%s” requires a login, which patients do not have.",
                    self.title,
                )
            )
        if self.survey_type == "live_session" or self.session_state:
            texts.append(self.env._("The survey “%s” is a live session.", self.title))
        problems = [problem(text, self) for text in texts]
        meanings = set(self.question_ids.mapped("reactivation_meaning"))
        if "reason" not in meanings:
            problems.append(
                problem(
                    self.env._(
                        "No question of the survey “%s” tells why patients stay away: "
                        "say so on the question.",
                        self.title,
                    ),
                    self,
                    WARNING,
                )
            )
        reasons = self.question_ids.filtered(
            lambda item: item.reactivation_meaning == "reason"
        )
        unknown = reasons.suggested_answer_ids.filtered(
            lambda item: not item.reactivation_reason_id
        )
        problems += [
            problem(
                self.env._(
                    "The choice “%(choice)s” of the survey “%(survey)s” stands for no "
                    "reason.",
                    choice=choice.value,
                    survey=self.title,
                ),
                self,
                WARNING,
            )
            for choice in unknown
        ]
        return problems
