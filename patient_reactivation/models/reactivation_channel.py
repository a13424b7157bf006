from odoo import api, models
from odoo.tools import SQL


class ReactivationChannel(models.AbstractModel):
    """What every channel answers. A channel is `reactivation.channel.<name>`.

    `_address_kind` is `mail` or `phone`, which lists of suppressed addresses it
    heeds, or `post`; None for a channel without an address of its own.
    """

    _name = "reactivation.channel"
    _description = "Channel"
    _address_kind = None
    _counts_as_contact = True  # for the caps and the contact hours

    @api.model
    def _address_refusal_sql(self):
        """:return: SQL over `recipient`: why its address cannot be used, or NULL"""
        raise NotImplementedError

    @api.model
    def _addresses_sql(self):
        """:return: SQL over `recipient`: all its addresses, normalized, as text[]"""
        return SQL("ARRAY[]::text[]")

    @api.model
    def _step_problems(self, step):
        """:return: list of sentences: what keeps this step from working"""
        raise NotImplementedError

    @api.model
    def _has_content(self, step):
        """:return: bool: the step has something to say on this channel"""
        return not self._step_problems(step)

    @api.model
    def _reader_lang(self, partner, company):
        """:return: code of the language in which somebody is written to: their own,
        the clinic's where that one is not installed"""
        installed = dict(self.env["res.lang"].get_installed())
        for lang in (partner.lang, company.sudo().partner_id.lang, self.env.lang):
            if lang in installed:
                return lang
        return "en_US"

    @api.model
    def _deliver(self, deliveries):
        """Contact the patients of claimed deliveries and write each result.

        Never raises for a single patient: a failure is a state of its delivery.
        What is still claimed afterwards waits again.
        """
        raise NotImplementedError
