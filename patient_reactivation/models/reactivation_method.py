from odoo import api, fields, models


class ReactivationMethod(models.Model):
    """A way to win patients back: an ordered list of steps."""

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

    step_summary = fields.Json(
        # Front desk sees the plan, and may not read Email Marketing otherwise.
        compute="_compute_step_summary",
        compute_sudo=True,
    )

    _weight_check = models.Constraint(
        "CHECK(weight >= 0)", "The weight of a method cannot be negative."
    )

    @api.depends(
        "step_ids.name",
        "step_ids.sequence",
        "step_ids.delay_days",
        "step_ids.channel",
        "step_ids.fallback_channel",
        "step_ids.script",
        "step_ids.mailing_ids.subject",
        "step_ids.mailing_ids.reactivation_lang",
    )
    def _compute_step_summary(self):
        """The steps as the campaign's form draws them, in order."""
        for method in self:
            day, summary = 0, []
            for step in method.step_ids.sorted("sequence"):
                day += step.delay_days
                summary.append({**step._summary(), "day": day})
            method.step_summary = summary

    def _problems(self):
        self.ensure_one()
        if not self.step_ids:
            return [self.env._("Method “%s” has no step.", self.name)]
        problems = []
        for step in self.step_ids:
            for channel in step._channels():
                # A step has one channel, or two with the one it falls back to.
                kind = self.env[f"reactivation.channel.{channel}"]
                problems += kind._step_problems(step)
        return problems

    def _allocation(self):
        """Divide the numbers from 0 to 1 among the methods, by weight.

        :return: list of (method id, low, high, first step id, its delay in days)
        """
        methods = self.filtered("weight") or self
        total = sum(method.weight or 1 for method in methods)
        allocation, low = [], 0
        for method in methods:
            high = low + (method.weight or 1)
            first = method.step_ids[:1]
            allocation.append(
                (
                    method.id,
                    low / total,
                    high / total,
                    first.id or None,
                    first.delay_days,
                )
            )
            low = high
        return allocation
