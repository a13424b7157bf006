from odoo import api, models


class ReactivationChannel(models.AbstractModel):
    """What every channel answers. A channel is `reactivation.channel.<name>`."""

    _name = "reactivation.channel"
    _description = "Channel"

    @api.model
    def _address_refusal_sql(self):
        """:return: SQL over `recipient`: why its address cannot be used, or NULL"""
        raise NotImplementedError

    @api.model
    def _step_problems(self, step):
        """:return: list of sentences: what keeps this step from working"""
        raise NotImplementedError

    @api.model
    def _deliver(self, deliveries):
        """Contact the patients of claimed deliveries and stamp each result.

        Never raises for a single patient: a failure is a state of its delivery.
        """
        raise NotImplementedError
