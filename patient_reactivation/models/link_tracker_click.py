from odoo import api, models


class LinkTrackerClick(models.Model):
    _inherit = "link.tracker.click"

    @api.model
    def add_click(self, code, **route_values):
        """Count clicks of people in the e-mails of campaigns.

        Odoo counts whoever asks for a link of an e-mail: scanners, and anybody who
        changes the number of the message in it.
        """
        trace_id = route_values.get("mailing_trace_id")
        trace = self.env["mailing.trace"].sudo().browse(trace_id or []).exists()
        if trace.reactivation_delivery_id and not trace._reactivation_clicked(code):
            return self.browse()
        return super().add_click(code, **route_values)
