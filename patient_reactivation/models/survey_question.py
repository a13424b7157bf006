from odoo import api, fields, models
from odoo.exceptions import ValidationError

# What an answer means to the clinic, and the types of questions that can say it.
MEANINGS = [
    ("reason", "Why the patient stays away"),
    ("nps", "Would recommend us (0 to 10)"),
    ("liked", "What they liked"),
    ("disliked", "What they disliked"),
    ("communication", "How well we communicated"),
    ("easier", "What would make an appointment easier"),
    ("call", "May we call"),
    ("payment", "Wants help with payment"),
]
TYPES = {
    "reason": ("simple_choice",),
    "nps": ("scale",),
    "call": ("simple_choice",),
    "payment": ("simple_choice",),
}


class SurveyQuestion(models.Model):
    """What the answer to a question means to the clinic."""

    _inherit = "survey.question"

    reactivation_meaning = fields.Selection(
        MEANINGS,
        string="Means to Patient Reactivation",
        help="What is done with the answer: a reason is noted on the patient and "
        "followed up, the recommendation counts for the Net Promoter Score.",
    )

    @api.constrains(
        "reactivation_meaning", "question_type", "scale_min", "scale_max", "survey_id"
    )
    def _check_reactivation_meaning(self):
        for question in self.filtered("reactivation_meaning"):
            # A survey has a handful of such questions.
            question._check_meaning()

    def _check_meaning(self):
        labels = dict(
            self._fields["reactivation_meaning"]._description_selection(self.env)
        )
        label = labels[self.reactivation_meaning]
        types = TYPES.get(self.reactivation_meaning)
        if types and self.question_type not in types:
            kinds = dict(self._fields["question_type"]._description_selection(self.env))
            raise ValidationError(
                self.env._(
                    "Question “%(question)s”: “%(meaning)s” needs a question of the "
                    "type “%(type)s”.",
                    question=self.title,
                    meaning=label,
                    type=kinds[types[0]],
                )
            )
        if self.reactivation_meaning == "nps" and (self.scale_min, self.scale_max) != (
            0,
            10,
        ):
            raise ValidationError(
                self.env._(
                    "Question “%(question)s”: “%(meaning)s” needs a scale from 0 to "
                    "10.",
                    question=self.title,
                    meaning=label,
                )
            )
        others = self.survey_id.question_ids.filtered(
            lambda item: item.reactivation_meaning == self.reactivation_meaning
        )
        if self.reactivation_meaning in TYPES and others - self:
            raise ValidationError(
                self.env._(
                    "Only one question of a survey can be “%(meaning)s”: “%(other)s” "
                    "is already.",
                    meaning=label,
                    other=(others - self)[0].title,
                )
            )


class SurveyQuestionAnswer(models.Model):
    """The reason that a choice stands for."""

    _inherit = "survey.question.answer"

    reactivation_reason_id = fields.Many2one(
        "reactivation.reason",
        string="Reason",
        index="btree_not_null",
        ondelete="set null",
        help="The reason for lapse this choice stands for.",
    )
    reactivation_is_yes = fields.Boolean(
        string="Means Yes",
        help="Of a question whether the clinic may call, or the patient wants help: "
        "this choice is a yes.",
    )
