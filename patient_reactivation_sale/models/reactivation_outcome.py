from odoo import api, fields, models
from odoo.tools import SQL


class ReactivationOutcome(models.Model):
    """What patients ordered after they were enrolled, and what was canceled again."""

    _inherit = "reactivation.outcome"

    kind = fields.Selection(
        selection_add=[("ordered", "Ordered"), ("unordered", "Order was canceled")],
        ondelete={"ordered": "cascade", "unordered": "cascade"},
    )
    amount = fields.Monetary(
        readonly=True,
        help="What was ordered, without taxes; negative when it was canceled. In the "
        "currency of the clinic on the day of the order.",
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    sale_order_id = fields.Many2one(
        "sale.order", readonly=True, index="btree_not_null", ondelete="set null"
    )

    @api.model
    def _append_of_orders(self, kind, orders):
        """Note orders of patients within the windows of an enrollment.

        An order with a coupon belongs to the enrollment the coupon was given in,
        whoever pays. Another one belongs to the last enrollment before it: at the
        clinic, of the patient, and not older than the campaign's windows of return and
        loyalty together. What is canceled is noted with the enrollment it was noted
        with.

        :param str kind: ordered or unordered
        """
        if not orders:
            return self.browse()
        noted = self._noted_orders(orders)
        if kind == "unordered":
            found = {
                order_id: (enrollment_id, -amount)
                for order_id, (enrollment_id, amount) in noted.items()
            }
        else:
            new = orders.filtered(lambda order: order.id not in noted)
            enrollments = self._enrollments_of(new)
            found = {
                order.id: (enrollments[order.id], order._reactivation_amount())
                for order in new
                if order.id in enrollments
            }
        now = fields.Datetime.now()
        return self.sudo().create(
            [
                {
                    "enrollment_id": enrollment_id,
                    "kind": kind,
                    "date": now,
                    "sale_order_id": order_id,
                    "amount": amount,
                }
                for order_id, (enrollment_id, amount) in found.items()
            ]
        )

    @api.model
    def _noted_orders(self, orders):
        """:return: {order id: (enrollment id, amount)} of the orders that are on record
        and were not canceled since"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT sale_order_id, max(enrollment_id), sum(amount)
                     FROM reactivation_outcome
                    WHERE sale_order_id = ANY(%s) AND kind IN ('ordered', 'unordered')
                 GROUP BY sale_order_id
                   HAVING count(*) FILTER (WHERE kind = 'ordered')
                        > count(*) FILTER (WHERE kind = 'unordered')""",
                orders.ids,
            )
        )
        return {order_id: (number, amount) for order_id, number, amount in rows}

    @api.model
    def _enrollments_of(self, orders):
        """:return: {order id: id of the enrollment it counts for}"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """WITH sold AS (
                       SELECT sale.id, sale.partner_id, sale.company_id,
                              sale.date_order, used.enrollment_id
                         FROM sale_order sale
                    LEFT JOIN LATERAL (
                              SELECT max(coupon.enrollment_id) AS enrollment_id
                                FROM sale_order_line line
                                JOIN reactivation_coupon coupon
                                  ON coupon.card_id = line.coupon_id
                               WHERE line.order_id = sale.id) AS used ON TRUE
                        WHERE sale.id = ANY(%s)
                   )
                   SELECT sold.id, sold.enrollment_id FROM sold
                    WHERE sold.enrollment_id IS NOT NULL
                UNION ALL
                  (SELECT DISTINCT ON (sold.id) sold.id, enrollment.id
                     FROM sold
                     JOIN reactivation_enrollment enrollment
                       ON enrollment.partner_id = sold.partner_id
                      AND enrollment.company_id = sold.company_id
                      AND enrollment.enrolled_on <= sold.date_order
                     JOIN reactivation_campaign campaign
                       ON campaign.id = enrollment.campaign_id
                    WHERE sold.enrollment_id IS NULL
                      AND sold.date_order < enrollment.enrolled_on + make_interval(
                          days => campaign.attribution_days + campaign.loyalty_days)
                 ORDER BY sold.id, enrollment.enrolled_on DESC, enrollment.id DESC)""",
                orders.ids,
            )
        )
        return dict(rows)
