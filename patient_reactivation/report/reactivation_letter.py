from odoo import api, models


class ReportLetter(models.AbstractModel):
    """The letters of deliveries, a page each. Printing them changes nothing."""

    _name = "report.patient_reactivation.letter_a4"
    _description = "Letters to Patients on A4"

    @api.model
    def _get_report_values(self, docids, data=None):
        deliveries = self.env["reactivation.delivery"].browse(docids).exists()
        todo = deliveries._open_letters()
        kind = self.env["reactivation.channel.letter"]
        return {
            "doc_ids": todo.ids,
            "doc_model": "reactivation.delivery",
            "docs": todo,
            # A page each, of the list somebody chose.
            "pages": [kind._page(delivery) for delivery in todo],
        }


class ReportLetterUs(models.AbstractModel):
    _name = "report.patient_reactivation.letter_us_letter"
    _inherit = "report.patient_reactivation.letter_a4"
    _description = "Letters to Patients on US Letter"
