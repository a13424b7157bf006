from odoo import api, models


class ProductPricelist(models.Model):
    """The prices of patients whose request for payment help was approved."""

    _inherit = "product.pricelist"

    @api.model
    def _get_partner_pricelist_multi(self, partner_ids):
        """While a request is in force its prices come before all others. Nothing is
        written on the contact: on the day after the last one they are gone."""
        found = super()._get_partner_pricelist_multi(partner_ids)
        features = self.env["res.groups"]
        if not features._is_feature_enabled("product.group_product_pricelist"):
            return found
        ids = [number for number in partner_ids if isinstance(number, int)]
        helped = self.env["reactivation.payment.request"]._in_force(
            ids, self.env.company
        )
        for number, pricelist in helped.items():
            found[number] = pricelist.with_env(self.env)
        return found
