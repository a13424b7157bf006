from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    reactivation_tz = fields.Selection(
        related="company_id.reactivation_tz", readonly=False
    )
    reactivation_lapse_months = fields.Integer(
        related="company_id.reactivation_lapse_months", readonly=False
    )
    reactivation_minor_age = fields.Integer(
        related="company_id.reactivation_minor_age", readonly=False
    )
    reactivation_consent_required = fields.Boolean(
        related="company_id.reactivation_consent_required", readonly=False
    )
