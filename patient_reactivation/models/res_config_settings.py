from odoo import api, fields, models


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
    reactivation_pace = fields.Integer(
        related="company_id.reactivation_pace", readonly=False
    )
    reactivation_bounce_limit = fields.Float(
        related="company_id.reactivation_bounce_limit", readonly=False
    )
    reactivation_complaint_limit = fields.Float(
        related="company_id.reactivation_complaint_limit", readonly=False
    )
    reactivation_approval_limit = fields.Integer(
        related="company_id.reactivation_approval_limit", readonly=False
    )
    reactivation_retention_months = fields.Integer(
        related="company_id.reactivation_retention_months", readonly=False
    )
    reactivation_hour_from = fields.Float(
        related="company_id.reactivation_hour_from", readonly=False
    )
    reactivation_hour_to = fields.Float(
        related="company_id.reactivation_hour_to", readonly=False
    )
    reactivation_cap_day = fields.Integer(
        related="company_id.reactivation_cap_day", readonly=False
    )
    reactivation_cap_week = fields.Integer(
        related="company_id.reactivation_cap_week", readonly=False
    )
    reactivation_coupon_cooldown = fields.Integer(
        related="company_id.reactivation_coupon_cooldown", readonly=False
    )
    reactivation_coupon_often = fields.Integer(
        related="company_id.reactivation_coupon_often", readonly=False
    )
    reactivation_coupon_by_hand = fields.Integer(
        related="company_id.reactivation_coupon_by_hand", readonly=False
    )
    reactivation_typical_fee = fields.Float(
        related="company_id.reactivation_typical_fee", readonly=False
    )
    reactivation_survey_fatigue_days = fields.Integer(
        related="company_id.reactivation_survey_fatigue_days", readonly=False
    )
    reactivation_survey_days = fields.Integer(
        related="company_id.reactivation_survey_days", readonly=False
    )
    reactivation_follow_up_user_id = fields.Many2one(
        related="company_id.reactivation_follow_up_user_id", readonly=False
    )
    reactivation_manager_id = fields.Many2one(
        related="company_id.reactivation_manager_id", readonly=False
    )
    reactivation_payment_months = fields.Integer(
        related="company_id.reactivation_payment_months", readonly=False
    )
    reactivation_payment_term = fields.Integer(
        related="company_id.reactivation_payment_term", readonly=False
    )
    reactivation_revenue_source = fields.Selection(
        related="company_id.reactivation_revenue_source", readonly=False
    )
    reactivation_video_url = fields.Char(
        related="company_id.reactivation_video_url", readonly=False
    )
    reactivation_family_rule = fields.Selection(
        related="company_id.reactivation_family_rule", readonly=False
    )
    reactivation_channel_ids = fields.One2many(
        related="company_id.reactivation_channel_ids", readonly=False
    )
    reactivation_rules_note = fields.Char(compute="_compute_reactivation_rules_note")

    @api.depends("company_id")
    def _compute_reactivation_rules_note(self):
        rules = self.env["reactivation.contact.rule"]
        for settings in self:
            settings.reactivation_rules_note = rules._note(settings.company_id)
