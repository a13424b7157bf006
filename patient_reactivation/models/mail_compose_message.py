from odoo import models


class MailComposeMessage(models.TransientModel):
    _inherit = "mail.compose.message"

    def _render_lang(self, res_ids, engine="inline_template"):
        """A language that was removed since must not keep the patients waiting."""
        languages = super()._render_lang(res_ids, engine=engine)
        if not self.env.context.get("reactivation_deliveries"):
            return languages
        installed = dict(self.env["res.lang"].get_installed())
        return {
            res_id: lang if lang in installed else False
            for res_id, lang in languages.items()
        }

    def _prepare_mail_values_mailing_traces(self, mail_values_all):
        """Tie message and trace to the delivery: its status can be read back, and
        its Message-ID is the same in every attempt."""
        deliveries = self.env.context.get("reactivation_deliveries") or {}
        for res_id, values in mail_values_all.items():
            if res_id in deliveries:
                values["message_id"] = deliveries[res_id][1]
        traces = super()._prepare_mail_values_mailing_traces(mail_values_all)
        for res_id, vals in traces.items():
            if vals and res_id in deliveries:
                vals["reactivation_delivery_id"] = deliveries[res_id][0]
        return traces
