from odoo import fields, models

from ..tools.placeholders import without_tricks
from ..tools.spreadsheets import neutral_rows

# What Odoo keeps of a text that somebody writes into a survey: some five pages.
LONGEST_TEXT = 10_000


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

    def export_data(self, fields_to_export):
        """Whoever wrote it: a text of a survey is no formula."""
        return neutral_rows(super().export_data(fields_to_export))

    def _get_line_answer_values(self, question, answer, answer_type):
        return super()._get_line_answer_values(question, _storable(answer), answer_type)

    def _get_line_comment_values(self, question, comment):
        return super()._get_line_comment_values(question, _storable(comment))


class SurveyUserInputLine(models.Model):
    """What was said, in files."""

    _inherit = "survey.user_input.line"

    def export_data(self, fields_to_export):
        return neutral_rows(super().export_data(fields_to_export))


def _storable(text):
    """:return: what somebody wrote, without characters that cannot be kept or hide what
    is said; what is longer than anybody reads is cut"""
    if not isinstance(text, str):
        return text
    return without_tricks(text[:LONGEST_TEXT])
