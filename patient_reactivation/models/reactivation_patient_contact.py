from odoo import fields, models


class ReactivationPatient(models.Model):
    """What is known of the contact, within reach of filters on patients."""

    _inherit = "reactivation.patient"

    payer_class = fields.Selection(
        related="partner_id.payer_class", string="Payer", readonly=False
    )
    birth_date = fields.Date(related="partner_id.birth_date")
    category_ids = fields.Many2many(related="partner_id.category_id", string="Tags")
    lang = fields.Selection(related="partner_id.lang")
    city = fields.Char(related="partner_id.city")
    zip = fields.Char(related="partner_id.zip")
    state_id = fields.Many2one(related="partner_id.state_id", string="State")
    country_id = fields.Many2one(related="partner_id.country_id", string="Country")
