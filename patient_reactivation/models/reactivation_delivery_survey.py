from odoo import api, fields, models
from odoo.exceptions import UserError

from .reactivation_coupon_issue import Wish
from .reactivation_delivery_offer import REACH


class ReactivationDelivery(models.Model):
    """The survey a message invites to."""

    _inherit = "reactivation.delivery"

    asks_survey = fields.Boolean(compute="_compute_asks_survey", compute_sudo=True)

    @api.depends("step_id.survey_id", "enrollment_id.feedback_ids.state")
    def _compute_asks_survey(self):
        for delivery in self:
            feedback = delivery.enrollment_id.feedback_ids[:1]
            delivery.asks_survey = bool(
                delivery.step_id.survey_id and feedback and feedback._is_open()
            )

    def action_fill_in_survey(self):
        """Ask the questions on the phone and fill in the survey for the patient."""
        self._check_staff()
        self.ensure_one()
        feedback = self.sudo().enrollment_id.feedback_ids[:1]
        if not self.asks_survey:
            raise UserError(self.env._("This survey cannot be answered any more."))
        return {
            "type": "ir.actions.act_url",
            "target": "new",
            "url": feedback._start(helper=self.env.user),
        }

    def _attach_surveys(self, channel):
        """Claimed deliveries of steps that ask: each patient gets their own survey, and
        the promise of a reward if they may have one. In the transaction of the claim.
        """
        for step, group in self.grouped("step_id").items():
            # One step; two or three of a family.
            if step.survey_id:
                self.env["reactivation.feedback"]._invite(
                    group, group._promises(step, channel)
                )

    def _promises(self, step, channel):
        """:return: {delivery id: (program id or None, refusal or None)}"""
        program = step.reward_program_id
        if not program:
            return dict.fromkeys(self.ids, (None, None))
        refused = self.env["reactivation.contact.policy"]._offer_refusals(
            self, channel, self.campaign_id
        )
        coupons = self.env["reactivation.coupon"]
        wishes = {
            delivery.id: Wish(delivery.partner_id, program)
            for delivery in self
            if delivery.id not in refused
        }
        coupons._judge_promises(self.company_id, list(wishes.values()))
        promises = {
            number: (None, REACH.get(code, "no_reach"))
            for number, code in refused.items()
        }
        for number, wish in wishes.items():
            allowed = not wish.refusal
            promises[number] = (program.id if allowed else None, wish.refusal)
        return promises
