from odoo import fields, models


class ProductTemplate(models.Model):
    _inherit = "product.template"

    reactivation_insured = fields.Boolean(
        string="Billed to Insurance",
        help="An insurance pays for it. Patients' coupons are for what they pay "
        "themselves: an order with this product takes none.",
    )
