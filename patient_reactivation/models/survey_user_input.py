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
