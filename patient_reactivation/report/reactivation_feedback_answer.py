from odoo import api, fields, models
from odoo.tools import SQL

from ..models.survey_question import MEANINGS
from ..tools.spreadsheets import neutral_rows


class ReactivationFeedbackAnswer(models.Model):
    """What patients wrote or chose, one row for each answer, with the reason they gave.

    Without their names: who may know who said it opens the feedback."""

    _name = "reactivation.feedback.answer"
    _description = "Answer"
    _auto = False
    _order = "answered_on desc, id desc"
    _rec_name = "answer"

    feedback_id = fields.Many2one("reactivation.feedback", readonly=True)
    campaign_id = fields.Many2one("reactivation.campaign", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    segment_id = fields.Many2one("reactivation.segment", readonly=True)
    tier_id = fields.Many2one("reactivation.tier", readonly=True)
    practitioner_id = fields.Many2one("res.partner", readonly=True)
    reason_id = fields.Many2one(
        "reactivation.reason", string="Reason Given", readonly=True
    )
    nps_kind = fields.Selection(
        related="feedback_id.nps_kind", string="Recommendation", readonly=True
    )
    answered_on = fields.Datetime(readonly=True)
    meaning = fields.Selection(MEANINGS, string="About", readonly=True)
    question = fields.Char(compute="_compute_texts", compute_sudo=True)
    answer = fields.Text(compute="_compute_texts", compute_sudo=True)
    is_text = fields.Boolean(string="In Their Own Words", readonly=True)

    @property
    def _table_query(self):
        self.env.flush_all()
        return SQL(
            """SELECT line.id, feedback.id AS feedback_id, feedback.campaign_id,
                      feedback.company_id, feedback.segment_id, feedback.tier_id,
                      feedback.practitioner_id, feedback.reason_id,
                      feedback.answered_on, question.reactivation_meaning AS meaning,
                      line.answer_type IN ('char_box', 'text_box') AS is_text
                 FROM reactivation_feedback feedback
                 JOIN survey_user_input_line line
                   ON line.user_input_id = feedback.user_input_id
                 JOIN survey_question question ON question.id = line.question_id
                WHERE feedback.answered_on IS NOT NULL
                  AND line.skipped IS NOT TRUE"""
        )

    @api.depends_context("lang")
    def _compute_texts(self):
        lines = self.env["survey.user_input.line"].browse(self.ids)
        for row, line in zip(self, lines, strict=True):
            row.question = line.question_id.title
            # Odoo shortens what is long.
            row.answer = line.value_text_box or line.value_char_box or line.display_name

    def action_open_feedback(self):
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "reactivation.feedback",
            "res_id": self.feedback_id.id,
            "views": [(False, "form")],
        }

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return neutral_rows(super().export_data(fields_to_export))
