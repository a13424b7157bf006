from odoo import api, fields, models

from ..tools.problems import wrap


class ReactivationMethod(models.Model):
    """A way to win patients back: an ordered list of steps.

    What patients are enrolled on is not changed any more: a change makes a new
    version (`reactivation_method_version.py`).
    """

    _name = "reactivation.method"
    _description = "Method"
    _order = "sequence, id"

    name = fields.Char(required=True)
    sequence = fields.Integer(default=10)
    campaign_id = fields.Many2one(
        "reactivation.campaign", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="campaign_id.company_id", store=True)
    weight = fields.Integer(
        default=1,
        help="Of several methods, one with twice the weight gets twice the patients.",
    )
    step_ids = fields.One2many("reactivation.step", "method_id", copy=True)
    reason_ids = fields.Many2many(
        "reactivation.reason",
        string="For Patients Who Say",
        help="Nobody begins with this method. Patients who are on the way go on with "
        "it when one of these reasons is found.",
    )

    step_summary = fields.Json(
        # Front desk sees the plan, and may not read Email Marketing otherwise.
        compute="_compute_step_summary",
        compute_sudo=True,
    )

    _weight_check = models.Constraint(
        "CHECK(weight >= 0)", "The weight of a method cannot be negative."
    )

    @api.depends(lambda self: self._step_summary_depends())
    @api.depends_context("lang")
    def _compute_step_summary(self):
        """The steps as the campaign's form draws them, in order."""
        for method in self:
            hours, summary = 0, []
            for step in method.step_ids.sorted("sequence"):
                if step.delay_from == "answer":
                    # Beside the others, on a day nobody knows.
                    summary.append({**step._summary(), "day": False, "hour": False})
                    continue
                delay = step.delay_days * 24 + step.delay_hours
                since = 0 if step.delay_from == "enrollment" else hours
                # Never before the one before it, wherever it is counted from.
                hours = max(hours, since + delay)
                day, hour = divmod(hours, 24)
                summary.append({**step._summary(), "day": day, "hour": hour})
            method.step_summary = summary

    @api.model
    def _step_summary_depends(self):
        """:return: names of the fields that the drawing of the steps shows"""
        return [
            *(f"step_ids.{name}" for name in self.env["reactivation.step"]._drawn()),
            "step_ids.mailing_ids.subject",
            "step_ids.mailing_ids.reactivation_lang",
        ]

    # ----------------------------------------------------------------- problems

    def _problems(self):
        """:return: list of sentences or dicts: what keeps the method from working"""
        self.ensure_one()
        if not self.step_ids:
            return [self.env._("Method “%s” has no step.", self.name)]
        if not self._first_step():
            return [
                self.env._(
                    "Every step of method “%s” waits for an answer, and none begins.",
                    self.name,
                )
            ]
        problems = []
        before = self.env["reactivation.step"]
        for step in self.step_ids:
            problems += wrap(step._channel_problems(), step)
            problems += wrap(step._condition_problems(before), step)
            problems += wrap(step._offer_problems(), step)
            problems += wrap(step._survey_problems(), step)
            if step.delay_from != "answer":
                before = step
        return problems

    # --------------------------------------------------------------- allocation

    def _first_step(self):
        """:return: the step that begins; one that an answer starts is none"""
        return self.step_ids.filtered(lambda step: step.delay_from != "answer")[:1]

    def _startable(self):
        """:return: those new patients may be given"""
        return self.filtered(
            lambda method: method._first_step() and not method.reason_ids
        )
