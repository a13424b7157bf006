from odoo import api, fields, models


class ResPartner(models.Model):
    """Why a contact is contacted or not, at the current company."""

    _inherit = "res.partner"

    contact_answer = fields.Html(
        string="May Be Contacted",
        compute="_compute_contact_answer",
        groups="patient_reactivation.group_reactivation_user",
        exportable=False,
        help="What the rules say at this moment, by channel and purpose.",
    )

    # Always asked anew: what it rests on is in a dozen tables.
    @api.depends_context("company", "lang", "tz")
    def _compute_contact_answer(self):
        answers = self.env["reactivation.contact.policy"]._explain_html(
            self, self.env.company
        )
        for partner in self:
            partner.contact_answer = answers.get(partner._origin.id)
