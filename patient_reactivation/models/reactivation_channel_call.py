from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL


class ReactivationChannelCall(models.AbstractModel):
    """Phone call: a task for the front desk, with the words to say.

    The delivery is done when somebody marks the task as done.
    """

    _name = "reactivation.channel.call"
    _inherit = "reactivation.channel"
    _description = "Phone Call Channel"
    _address_kind = "phone"

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
    def _step_problems(self, step):
        if not step.script:
            return [
                self.env._(
                    "Step “%s” has no script: what is the caller to say?", step.name
                )
            ]
        return []

    @api.model
    def _deliver(self, deliveries):
        """Make one task per patient, for the step's caller."""
        campaign = deliveries.campaign_id
        company = deliveries.company_id
        enrollment_model = self.env["ir.model"]._get_id("reactivation.enrollment")
        call = self.env.ref("mail.mail_activity_data_call")
        user = deliveries.step_id.user_id.filtered("active") or campaign._caretaker()
        today = company._reactivation_today()
        # A scheduled action has no language of its own.
        texts = self.with_context(lang=user.lang or self.env.lang)
        # Two hundred calls are one list to work through, not two hundred e-mails.
        tasks = self.env["mail.activity"].sudo()
        activities = tasks.with_context(mail_activity_quick_update=True).create(
            [
                {
                    "res_model_id": enrollment_model,
                    "res_id": delivery.enrollment_id.id,
                    "activity_type_id": call.id,
                    "user_id": user.id,
                    "date_deadline": today,
                    "summary": texts.env._(
                        "Call %(patient)s", patient=delivery.recipient_id.name or ""
                    ),
                    "note": texts._note(delivery),
                }
                for delivery in deliveries
            ]
        )
        now = fields.Datetime.now()
        for delivery, activity in zip(deliveries, activities, strict=True):
            # Each delivery has a task of its own; written together at the flush.
            delivery.write(
                {"state": "todo", "activity_id": activity.id, "settled_on": now}
            )

    @api.model
    def _note(self, delivery):
        """What the caller sees: the number, for whom, and the script."""
        patient, recipient = delivery.partner_id, delivery.recipient_id
        lines = [Markup("<p><b>%s</b></p>") % (recipient.phone or "")]
        if recipient != patient:
            lines.append(
                Markup("<p>%s</p>")
                % self.env._("Guardian of %(patient)s", patient=patient.name or "")
            )
        lines += [
            Markup("<p>%s</p>") % line
            for line in (delivery.step_id.script or "").splitlines()
        ]
        return Markup().join(lines)
