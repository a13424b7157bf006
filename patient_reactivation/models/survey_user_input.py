from odoo import fields, models


class SurveyUserInput(models.Model):
    """Answers of patients who were asked by a campaign."""

    _inherit = "survey.user_input"

    reactivation_feedback_id = fields.Many2one(
        "reactivation.feedback",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        copy=False,
    )

    def _mark_done(self):
        """The answer is complete: a fact, that is all. What follows from it is decided
        where it is looked at (`reactivation.feedback._process`)."""
        result = super()._mark_done()
        asked = self.sudo().filtered(lambda item: not item.test_entry)
        asked.reactivation_feedback_id._note_answered()
        return result

    def _get_line_answer_values(self, question, answer, answer_type):
        return super()._get_line_answer_values(question, _storable(answer), answer_type)

    def _get_line_comment_values(self, question, comment):
        return super()._get_line_comment_values(question, _storable(comment))


def _storable(text):
    """:return: what a patient wrote, without the one character that cannot be kept"""
    return text.replace("\0", "") if isinstance(text, str) else text
