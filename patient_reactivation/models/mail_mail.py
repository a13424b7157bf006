import re

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import html2plaintext

from ..tools.links import PERSONAL_LINK

# In plain text it would be one more link, to nothing.
TRACKING_PIXEL = re.compile(r'<img[^>]*/blank\.gif"[^>]*>')


class MailMail(models.Model):
    """Messages of deliveries: sent by the runner, and by nobody else."""

    _inherit = "mail.mail"

    def _of_deliveries(self):
        """:return: those of them that belong to a delivery of a campaign"""
        return self.filtered(
            lambda mail: (
                mail.mailing_id.reactivation_step_id
                and mail.mailing_trace_ids.reactivation_delivery_id
            )
        )

    def send(self, auto_commit=False, raise_exception=False, post_send_callback=None):
        """The runner hands its messages over itself. Any other way of sending one
        (the queue, *Send Now*, *Retry*) would send it behind the runner's back."""
        deliveries = self.env.context.get("reactivation_deliveries")
        if deliveries and self.mailing_id.reactivation_step_id:
            self.env["reactivation.channel.mail"]._transmit(self, deliveries)
            return True
        others = self - self._of_deliveries()
        if not others:
            return True
        return super(MailMail, others).send(
            auto_commit=auto_commit,
            raise_exception=raise_exception,
            post_send_callback=post_send_callback,
        )

    def action_send_and_close(self):
        self._refuse_deliveries()
        return super().action_send_and_close()

    def mark_outgoing(self):
        self._refuse_deliveries()
        return super().mark_outgoing()

    def _refuse_deliveries(self):
        if self._of_deliveries():
            raise UserError(
                self.env._(
                    "This e-mail belongs to a reactivation campaign, which sends it "
                    "once. Failed ones are sent again from the campaign's deliveries."
                )
            )

    def _prepare_outgoing_list(self, *args, **kwargs):
        """The plain text carries the patient's own links too.

        Odoo makes them personal in the HTML part only: who reads plain text
        could not unsubscribe.
        """
        email_list = super()._prepare_outgoing_list(*args, **kwargs)
        if self.mailing_id.reactivation_step_id:
            links = self.env.context.get("reactivation_links") or {}
            links = links.get(self.res_id) or {}
            for email in email_list:
                email["body"] = PERSONAL_LINK.sub(
                    lambda match: links.get((match[1], int(match[2])), match[0]),
                    email["body"],
                )
                body = TRACKING_PIXEL.sub("", email["body"])
                email["body_alternative"] = html2plaintext(body)
        return email_list
