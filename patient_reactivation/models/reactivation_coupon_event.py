from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.spreadsheets import neutral_rows

EVENTS = [
    ("redeemed", "Redeemed"),
    ("refused", "Refused"),
    ("undone", "Redemption undone"),
    ("reopened", "Order canceled: open again"),
    ("twice", "Used again without permission"),
    ("revoked", "Revoked"),
]

# Why a coupon was refused at the desk or on an order.
REDEEM_REFUSALS = [
    ("unknown", "No such coupon"),
    ("redeemed", "Used already"),
    ("expired", "Expired"),
    ("revoked", "Revoked"),
    ("company", "Coupon of another clinic"),
    ("person", "Coupon of another patient"),
    ("payer", "Payer does not allow it"),
    ("gift_item", "Gift above the limit of one"),
    ("gift_year", "Gifts of twelve months reach the limit"),
    ("today", "Another coupon was used today"),
    ("discounted", "Visit has another discount"),
    ("insured", "Visit is billed to insurance"),
    ("service", "Not for this service"),
    ("not_begun", "Offer has not begun or is over"),
    ("throttled", "Too many wrong codes"),
]


class ReactivationCouponEvent(models.Model):
    """What happened to a coupon after it was issued. Rows are only ever added."""

    _name = "reactivation.coupon.event"
    _description = "Event of a Coupon"
    _order = "date desc, id desc"
    _rec_name = "kind"

    coupon_id = fields.Many2one(
        "reactivation.coupon", index="btree_not_null", ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(related="coupon_id.partner_id")
    campaign_id = fields.Many2one(related="coupon_id.campaign_id", store=True)
    kind = fields.Selection(EVENTS, string="What", required=True)
    reason = fields.Selection(REDEEM_REFUSALS, string="Why Refused")
    note = fields.Char()
    date = fields.Datetime(required=True)
    user_id = fields.Many2one("res.users", string="By", ondelete="set null")

    @api.model
    def _log(self, coupons, kind, reason=None, note=None, company=None):
        """Add one row for each coupon, or one for none of them."""
        values = {
            "kind": kind,
            "reason": reason,
            "note": note,
            "date": fields.Datetime.now(),
            "user_id": self.env.uid,
        }
        rows = [
            {**values, "coupon_id": coupon.id, "company_id": coupon.company_id.id}
            for coupon in coupons
        ]
        if not coupons and company:
            rows = [{**values, "company_id": company.id}]
        return self.sudo().create(rows)

    def _forget_person(self):
        """What staff wrote may tell who it was."""
        self.with_context(reactivation_erasure=True).write({"note": False})

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return neutral_rows(super().export_data(fields_to_export))

    def write(self, vals):
        if not self.env.su or not self.env.context.get("reactivation_erasure"):
            raise UserError(self.env._("What happened to a coupon cannot be changed."))
        return super().write(vals)
