from odoo import api, fields, models
from odoo.tools import SQL

# Sales receipts are sales, too. Credit notes are negative.
MOVE_TYPES = ("out_invoice", "out_refund", "out_receipt")


class ResCompany(models.Model):
    _inherit = "res.company"

    reactivation_revenue_source = fields.Selection(
        selection_add=[("invoices", "Customer invoices")],
        ondelete={"invoices": "set default"},
    )


class ReactivationOutcome(models.Model):
    """What returned patients were invoiced, credit notes taken off, as revenue."""

    _inherit = "reactivation.outcome"

    @api.model
    def _revenue_sql(self, source, companies):
        if source != "invoices":
            return super()._revenue_sql(source, companies)
        return self._paid_sql(self._invoices_sql(companies), companies)

    def _invoices_sql(self, companies):
        """:return: SQL of posted invoices, by their date, of the customer or of the
        patient whose coupon is on it; without taxes, in the clinic's currency as
        they were booked, and before the coupon, which is one of the costs"""
        nothing = SQL(
            "SELECT NULL::int AS id, NULL::int AS patient_id, NULL::numeric AS amount"
            " WHERE FALSE"
        )
        return SQL(
            """SELECT move.id, move.partner_id, used.patient_id, move.company_id,
                      move.invoice_date AS day,
                      move.amount_untaxed_signed - COALESCE(used.amount, 0) AS amount
                 FROM account_move move
            LEFT JOIN (%(coupons)s) AS used ON used.id = move.id
                WHERE move.state = 'posted' AND move.move_type IN %(types)s
                  AND move.company_id IN %(companies)s
                  AND move.invoice_date
                      >= (SELECT min(returned_date) FROM reactivation_returned)""",
            coupons=self._coupon_lines_sql("account.move") or nothing,
            types=MOVE_TYPES,
            companies=tuple(companies.ids),
        )
