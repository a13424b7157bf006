import logging

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..tools import smtp
from ..tools.transaction import commit

_logger = logging.getLogger(__name__)

# As much of an error as is shown.
FAILURE_LENGTH = 300


class ReactivationChannelAction(models.AbstractModel):
    """Automatic action: any server action, run on the patient's enrollment.

    One after the other, each with a commit before and after, as e-mails are: an
    action may call another system, which must never be told twice.
    """

    _name = "reactivation.channel.action"
    _inherit = "reactivation.channel"
    _description = "Automatic Action Channel"

    @api.model
    def _address_refusal_sql(self):
        """What the action needs, it knows itself."""
        return SQL("NULL::varchar")

    @api.model
    def _has_content(self, step):
        return bool(self._action_of(step))

    @api.model
    def _action_of(self, step):
        """:return: the action, as superuser; none when it works on something else"""
        action = step.sudo().action_id
        if action.model_name != "reactivation.enrollment":
            return action.browse()
        return action

    @api.model
    def _step_problems(self, step):
        if not self._action_of(step):
            return [
                self.env._("Step “%s” has no action, or it was deleted.", step.name)
            ]
        return []

    @api.model
    def _deliver(self, deliveries):
        """Run the action for each patient and write each result."""
        action = self._action_of(deliveries.step_id)
        if not action:
            deliveries._settle("skipped", "no_content")
            return
        campaign = deliveries.campaign_id
        with deliveries._last_look(campaign, "action") as last_look:
            for delivery in deliveries:
                if not delivery._begin_sending(last_look):
                    break
                failure = self._run(action, delivery)
                if not failure:
                    delivery._end_sending("sent")
                    continue
                delivery._end_sending("failed", failure=failure)
                if campaign._pause_if_all_refused("action"):
                    break
        commit(self.env)

    @api.model
    def _run(self, action, delivery):
        """Run the action on one enrollment; what it did before it failed is undone.

        :return: None, or what went wrong in a sentence
        """
        enrollment, company = delivery.enrollment_id, delivery.company_id
        context = {
            "active_model": enrollment._name,
            "active_id": enrollment.id,
            "active_ids": delivery._with_members().enrollment_id.ids,
            "allowed_company_ids": company.ids,
        }
        try:
            with self.env.cr.savepoint():
                action.with_company(company).with_context(**context).run()
                self.env.flush_all()
        except Exception as error:  # noqa: BLE001 - one patient's failure is a state
            self.env.invalidate_all(flush=False)
            _logger.info(
                "The action of step %s failed: %s", delivery.step_id.id, type(error)
            )
            return self._explain(error)
        return None

    @api.model
    def _explain(self, error):
        """:return: why an action failed, for the staff to read"""
        text = smtp.mask_addresses(error) or type(error).__name__
        if not isinstance(error, UserError):
            text = f"{type(error).__name__}: {text}"
        return " ".join(text.split())[:FAILURE_LENGTH]
