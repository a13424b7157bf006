from odoo import fields, models


class MailingTrace(models.Model):
    _inherit = "mailing.trace"

    reactivation_delivery_id = fields.Many2one(
        "reactivation.delivery", index="btree_not_null", ondelete="set null"
    )
