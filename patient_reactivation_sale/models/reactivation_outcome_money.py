from odoo import api, fields, models
from odoo.tools import SQL


class ResCompany(models.Model):
    _inherit = "res.company"

    reactivation_revenue_source = fields.Selection(
        selection_add=[("orders", "Sales orders")],
        ondelete={"orders": "set default"},
    )


class ReactivationOutcome(models.Model):
    """What returned patients ordered, as revenue."""

    _inherit = "reactivation.outcome"

    @api.model
    def _revenue_sql(self, source, companies):
        if source != "orders":
            return super()._revenue_sql(source, companies)
        return self._paid_sql(self._orders_sql(companies), companies)

    def _orders_sql(self, companies):
        """:return: SQL of confirmed orders: of the patient whose coupon is on it, else
        of the customer; without taxes, by the rate of the order's day, and before
        the coupon, which is one of the costs"""
        return SQL(
            """SELECT sale.id, sale.partner_id, used.patient_id, sale.company_id,
                      (sale.date_order AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s)::date
                          AS day,
                      round(((sale.amount_untaxed - COALESCE(used.amount, 0))
                             / COALESCE(NULLIF(sale.currency_rate, 0), 1))::numeric,
                            currency.decimal_places) AS amount
                 FROM sale_order sale
                 JOIN res_company company ON company.id = sale.company_id
                 JOIN res_currency currency ON currency.id = company.currency_id
            LEFT JOIN (SELECT line.order_id, max(coupon.partner_id) AS patient_id,
                              sum(line.price_subtotal) AS amount
                         FROM sale_order_line line
                         JOIN reactivation_coupon coupon
                           ON coupon.card_id = line.coupon_id
                     GROUP BY line.order_id) AS used ON used.order_id = sale.id
                WHERE sale.state = 'sale' AND sale.company_id IN %(companies)s
                  AND sale.date_order
                      >= (SELECT min(returned_date) - 1 FROM reactivation_returned)""",
            zone=self.env["res.company"]._reactivation_zone_sql(
                SQL.identifier("sale", "company_id")
            ),
            companies=tuple(companies.ids),
        )

    @api.model
    def _coupon_lines_sql(self, model):
        """An order's coupon goes on to its invoice."""
        if model != "account.move":
            return super()._coupon_lines_sql(model)
        return SQL(
            """SELECT item.move_id AS id, max(coupon.partner_id) AS patient_id,
                      -sum(item.balance) AS amount
                 FROM sale_order_line line
                 JOIN reactivation_coupon coupon ON coupon.card_id = line.coupon_id
                 JOIN sale_order_line_invoice_rel rel ON rel.order_line_id = line.id
                 JOIN account_move_line item ON item.id = rel.invoice_line_id
             GROUP BY item.move_id"""
        )
