from odoo import models


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    def _reactivation_is_discounted(self, coupon):
        """A discount by hand, of a pricelist or of another reward.

        :return: bool: the line is cheaper for another reason than this coupon
        """
        self.ensure_one()
        if self.coupon_id == coupon.card_id and self.reward_id:
            return False
        if self.reward_id or self.discount > 0:
            return True
        if not self.pricelist_item_id or not self.product_id:
            return False
        usual = self._get_pricelist_price_before_discount()
        return self.currency_id.compare_amounts(self.price_unit, usual) < 0
