from markupsafe import Markup

from odoo import api, models
from odoo.tools import SQL


class ReactivationChannelCall(models.AbstractModel):
    """Phone call: a task for the front desk, with the words to say.

    The delivery is done when somebody says what came of it.
    """

    _name = "reactivation.channel.call"
    _inherit = "reactivation.channel.manual"
    _description = "Phone Call Channel"
    _address_kind = "phone"
    _activity_xml_id = "mail.mail_activity_data_call"

    @api.model
    def _address_refusal_sql(self):
        return SQL(
            """CASE
                WHEN COALESCE(trim(recipient.phone), '') = '' THEN 'no_address'
                WHEN recipient.phone_sanitized IS NULL THEN 'invalid_address'
                WHEN EXISTS (SELECT 1 FROM phone_blacklist blocked
                              WHERE blocked.active
                                AND blocked.number = recipient.phone_sanitized)
                     THEN 'blacklisted'
            END"""
        )

    @api.model
    def _addresses_sql(self):
        return SQL("ARRAY[recipient.phone_sanitized]::text[]")

    @api.model
    def _has_content(self, step):
        return bool(step.script)

    @api.model
    def _step_problems(self, step):
        if not step.script:
            return [
                self.env._(
                    "Step “%s” has no script: what is the caller to say?", step.name
                )
            ]
        return step._placeholder_problems("script")

    @api.model
    def _summary(self, delivery):
        return self.env._("Call %(patient)s", patient=self._whom(delivery))

    @api.model
    def _note(self, delivery):
        """What the caller sees: the number, for whom, and the script."""
        lines = [Markup("<p><b>%s</b></p>") % (delivery.recipient_id.phone or "")]
        lines += self._person_lines(delivery)
        lines += self._script_lines(delivery)
        return Markup().join(lines)
