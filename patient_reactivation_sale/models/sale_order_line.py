from odoo import models


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    def _reactivation_is_discounted(self, coupon):
        """A discount by hand, by Odoo's *Discount* button, of a pricelist or of another
        reward. Gift cards and eWallets pay, they are no discount.

        :return: bool: the line makes the order cheaper for another reason than this
            coupon
        """
        self.ensure_one()
        if self.reward_id:
            paid = self.reward_id.program_id.is_payment_program
            return self.coupon_id != coupon.card_id and not paid
        if self.discount > 0 or self._reactivation_takes_off():
            return True
        if not self.pricelist_item_id or not self.product_id:
            return False
        usual = self._get_pricelist_price_before_discount()
        return self.currency_id.compare_amounts(self.price_unit, usual) < 0

    def _reactivation_takes_off(self):
        """:return: bool: a line with a price below zero, as a discount on the whole
        order is; what is given back has a quantity below zero"""
        return not self.is_downpayment and self.price_unit < 0 < self.product_uom_qty
