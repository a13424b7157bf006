from odoo import api, fields, models


class ReactivationPatient(models.Model):
    """Why a patient is contacted or not, at the patient's company."""

    _inherit = "reactivation.patient"

    contact_answer = fields.Html(
        string="May Be Contacted",
        compute="_compute_contact_answer",
        exportable=False,
        help="What the rules say at this moment, by channel and purpose.",
    )

    # Always asked anew: what it rests on is in a dozen tables.
    @api.depends_context("lang", "tz")
    def _compute_contact_answer(self):
        policy = self.env["reactivation.contact.policy"]
        for company, patients in self.grouped("company_id").items():
            # Once per company.
            answers = policy._explain_html(patients.partner_id, company)
            for patient in patients:
                patient.contact_answer = answers.get(patient.partner_id.id)
