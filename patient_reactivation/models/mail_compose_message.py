from odoo import models


class MailComposeMessage(models.TransientModel):
    _inherit = "mail.compose.message"

    def _prepare_mail_values_mailing_traces(self, mail_values_all):
        """Tie each trace to its delivery, so that its status can be read back."""
        traces = super()._prepare_mail_values_mailing_traces(mail_values_all)
        deliveries = self.env.context.get("reactivation_deliveries") or {}
        for res_id, vals in traces.items():
            if vals and res_id in deliveries:
                vals["reactivation_delivery_id"] = deliveries[res_id]
        return traces
