import re

from odoo import models
from odoo.tools import html2plaintext

# In plain text it would be one more link, to nothing.
TRACKING_PIXEL = re.compile(r'<img[^>]*/blank\.gif"[^>]*>')


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _prepare_outgoing_list(self, *args, **kwargs):
        """The plain text carries the patient's own links too.

        Odoo makes them personal in the HTML part only: who reads plain text
        could not unsubscribe.
        """
        email_list = super()._prepare_outgoing_list(*args, **kwargs)
        if self.mailing_id.reactivation_step_id:
            for email in email_list:
                body = TRACKING_PIXEL.sub("", email["body"])
                email["body_alternative"] = html2plaintext(body)
        return email_list
