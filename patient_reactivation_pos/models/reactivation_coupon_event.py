from odoo import fields, models


class ReactivationCouponEvent(models.Model):
    _inherit = "reactivation.coupon.event"

    reason = fields.Selection(
        selection_add=[
            ("nobody", "Till did not know the patient"),
            ("held", "Was being used at a till"),
        ],
        ondelete={"nobody": "set null", "held": "set null"},
    )
