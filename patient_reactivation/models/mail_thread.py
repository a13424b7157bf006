import logging

from odoo import api, models
from odoo.tools import html2plaintext

from ..tools import mail_signals

_logger = logging.getLogger(__name__)

# Message-IDs of a conversation that are looked at, the newest.
REFERENCES = 32


class MailThread(models.AbstractModel):
    """Incoming e-mail: bounces, complaints and answers to messages of campaigns.

    They are noted as facts. What is about other messages is left to Odoo.
    """

    _inherit = "mail.thread"

    @api.model
    def message_route(
        self, message, message_dict, model=None, thread_id=None, custom_values=None
    ):
        complaint = mail_signals.parse_complaint(message)
        if complaint and self._reactivation_complaint(complaint):
            return []
        return super().message_route(
            message,
            message_dict,
            model=model,
            thread_id=thread_id,
            custom_values=custom_values,
        )

    @api.model
    def _reactivation_complaint(self, complaint):
        """A patient called a message spam: that is a withdrawal.

        :return: bool: it was about a message of ours
        """
        traces = self.env["mailing.trace"]._reactivation_find(complaint.message_ids)
        for trace in traces:
            # A report is about one message. Whoever knows its number got it, even
            # if the books (or a clock that was set back) do not say so.
            delivery = trace.reactivation_delivery_id
            self.env["reactivation.outcome"].sudo()._append("complained", delivery)
            delivery.enrollment_id._withdraw_by_mail(
                delivery, trace.email, f"complaint:{delivery.id}"
            )
            _logger.info("Delivery %s was reported as spam.", delivery.id)
        return bool(traces)

    @api.model
    def _routing_handle_bounce(self, email_message, message_dict):
        """Bounces of ours: one that says the address is dead is enough, none that
        says anything else counts. Odoo waits for five of any kind and excludes the
        address from everything then."""
        found = email_message and mail_signals.parse_dsn(email_message)
        message_ids = set(message_dict.get("bounced_msg_ids") or ())
        message_ids.update(found.message_ids if found else ())
        traces = self.env["mailing.trace"]._reactivation_find(message_ids)
        if not traces:
            return super()._routing_handle_bounce(email_message, message_dict)
        if not found and not email_message:
            # Somebody else has read it, and calls it a bounce.
            traces.set_bounced(
                bounce_message=html2plaintext(message_dict.get("body") or "")
            )
        elif not found:
            self._reactivation_no_bounce(email_message, message_dict, traces)
        elif found.kind == "soft":
            _logger.info(
                "Deliveries %s: a report that is no bounce.",
                self._reactivation_numbers(traces),
            )
        else:
            told = (found.recipient, found.original_recipient)
            traces.with_context(reactivation_bounce=(found.kind, told)).set_bounced(
                bounce_message=found.diagnostic or found.status
            )
            _logger.info(
                "Deliveries %s: bounced, %s.",
                self._reactivation_numbers(traces),
                found.kind,
            )
        return None

    @staticmethod
    def _reactivation_numbers(traces):
        return ", ".join(map(str, traces.reactivation_delivery_id.ids))

    @api.model
    def _reactivation_no_bounce(self, message, message_dict, traces):
        """Notes of absence and receipts come to the address of bounces too."""
        if message.get_content_type() == "multipart/report":
            return
        if mail_signals.is_auto_reply(message, message_dict.get("subject")):
            deliveries = traces._reactivation_arrived().reactivation_delivery_id
            outcomes = self.env["reactivation.outcome"].sudo()
            outcomes._append("auto_replied", deliveries)

    # ------------------------------------------------------------------ answers

    @api.model
    def _message_route_process(self, message, message_dict, routes):
        enrollments = self._reactivation_answered(message_dict, routes)
        if not enrollments:
            return super()._message_route_process(message, message_dict, routes)
        kind = enrollments._kind_of_answer(message, message_dict)
        # Read before Odoo takes the message apart.
        answer = {
            "sender": message_dict.get("email_from"),
            "subject": message_dict.get("subject"),
            "text": html2plaintext(message_dict.get("body") or ""),
            "message_id": message_dict.get("message_id"),
            "references": self._reactivation_references(message_dict),
        }
        result = super(
            MailThread, self.with_context(reactivation_answer=kind)
        )._message_route_process(message, message_dict, routes)
        enrollments._note_answer(kind, answer)
        return result

    @api.model
    def _reactivation_references(self, message_dict):
        """:return: Message-IDs of the messages an e-mail answers, the newest last"""
        references = (
            f"{message_dict.get('references') or ''} "
            f"{message_dict.get('in_reply_to') or ''}"
        )
        return mail_signals.MESSAGE_ID.findall(references)[-REFERENCES:]

    @api.model
    def _reactivation_answered(self, message_dict, routes):
        """:return: the enrollments an incoming e-mail is about"""
        ids = {
            thread_id
            for model, thread_id, *_others in routes or ()
            if model == "reactivation.enrollment" and thread_id
        }
        if routes:
            traces = self.env["mailing.trace"]._reactivation_find(
                self._reactivation_references(message_dict)
            )
            ids.update(traces.reactivation_delivery_id.enrollment_id.ids)
        return self.env["reactivation.enrollment"].sudo().browse(ids).exists()
