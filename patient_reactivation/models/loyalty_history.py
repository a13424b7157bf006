from odoo import api, models


class LoyaltyHistory(models.Model):
    """Orders and points of sale spend the point of a card here: a coupon is used.

    This only notes what happened; who may use a coupon is checked before.
    """

    _inherit = "loyalty.history"

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        if not self.env.context.get("reactivation_desk"):
            lines.filtered(lambda line: line.used > 0)._reactivation_note_use()
        return lines

    def _reactivation_note_use(self):
        coupons = self.card_id._reactivation_coupons()
        if not coupons:
            return
        by_card = {coupon.card_id: coupon for coupon in coupons}
        for line in self.sudo().filtered(lambda line: line.card_id in by_card):
            # The one coupon of an order.
            coupon = by_card[line.card_id]
            order = self.env[line.order_model].browse(line.order_id)
            if not coupon._redeem(order):
                self.env["reactivation.coupon.event"]._log(
                    coupon, "twice", note=line.description
                )

    def unlink(self):
        """Odoo removes the lines of an order that is canceled: the coupon is back."""
        coupons = self.card_id._reactivation_coupons()
        orders = {
            (line.card_id, line.order_model, line.order_id)
            for line in self.sudo()
            if line.used > 0
        }
        back = coupons.filtered(
            lambda item: (
                item.state == "redeemed"
                and (item.card_id, item.order_model, item.order_id) in orders
            )
        )
        result = super().unlink()
        if back:
            back._reopen("reopened")
        return result
