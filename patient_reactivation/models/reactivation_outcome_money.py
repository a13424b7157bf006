"""What patients brought in after they returned, and what it cost to reach them."""

from odoo import api, fields, models
from odoo.tools import SQL

from .reactivation_cost import UNANSWERED_MINUTES

# Part of the cost -> channels. What is none of them is a message.
LETTERS = ("letter",)
CALLS = ("call", "video")


class ResCompany(models.Model):
    _inherit = "res.company"

    reactivation_revenue_source = fields.Selection(
        selection=[("none", "Not counted"), ("visits", "Amounts of the visits")],
        string="Revenue of Returned Patients",
        default="visits",
        required=True,
        help="Where the amounts come from that patients pay after they returned. One "
        "place only, so that nothing is counted twice.",
    )


class ReactivationEnrollment(models.Model):
    _inherit = "reactivation.enrollment"

    currency_id = fields.Many2one(related="company_id.currency_id")
    revenue = fields.Monetary(
        readonly=True,
        default=0.0,
        help="From the day of the return to the end of the loyalty window, without "
        "taxes, in the clinic's currency. Credit notes are taken off.",
    )
    message_cost = fields.Monetary(
        string="Cost of Messages", readonly=True, default=0.0
    )
    letter_cost = fields.Monetary(string="Cost of Letters", readonly=True, default=0.0)
    call_cost = fields.Monetary(string="Cost of Calls", readonly=True, default=0.0)
    coupon_cost = fields.Monetary(
        string="Cost of Coupons",
        readonly=True,
        default=0.0,
        help="What coupons that were used were worth.",
    )


class ReactivationOutcome(models.Model):
    _inherit = "reactivation.outcome"

    @api.model
    def _wants_visit_revenue(self):
        """:return: bool: some clinic counts the amounts of its visits, and a source
        knows them"""
        companies = self.env["res.company"].sudo()
        return bool(
            companies.search_count(
                [("reactivation_revenue_source", "=", "visits")], limit=1
            )
            and any(
                source.amount_path
                for source in self.env["reactivation.visit.source"].sudo().search([])
            )
        )

    def _spent_sql(self):
        """What is known of the visits after the return; part of `_found_sql`.

        :return: (SQL of a further CTE, SQL of the column, SQL of the join)
        """
        if not self._wants_visit_revenue():
            return SQL(""), SQL("NULL::numeric"), SQL("")
        return (
            SQL(
                """, spent AS (
                   SELECT visit.id, sum(visit.amount) AS amount
                     FROM visit
                     JOIN returned ON returned.id = visit.id
                    WHERE visit.state = 'done' AND visit.day >= returned.day
                      AND visit.day <= returned.day + visit.loyalty_days
                 GROUP BY visit.id)"""
            ),
            SQL("spent.amount"),
            SQL("LEFT JOIN spent ON spent.id = watched.id"),
        )

    @api.model
    def _revenue_sql(self, source, companies):
        """Where revenue comes from; an addon adds its own.

        :param str source: the choice of these clinics
        :return: SQL of a SELECT of `id` of enrollments and `amount`, over
            `reactivation_found` and its enrollments
        """
        if source != "visits":
            return None
        return SQL(
            """SELECT found.id, found.visit_amount AS amount
                 FROM reactivation_found found
                 JOIN reactivation_enrollment enrollment ON enrollment.id = found.id
                WHERE found.visit_amount IS NOT NULL
                  AND enrollment.company_id IN %s""",
            tuple(companies.ids),
        )

    @api.model
    def _all_revenue_sql(self):
        """:return: SQL of what every clinic counts in its own way"""
        companies = self.env["res.company"].sudo().search([])
        found = [
            self._revenue_sql(source, chosen)
            for source, chosen in companies.grouped(
                "reactivation_revenue_source"
            ).items()
        ]
        return SQL(" UNION ALL ").join(
            [
                SQL("SELECT NULL::int AS id, NULL::numeric AS amount WHERE FALSE"),
                *filter(None, found),
            ]
        )

    def _money_sql(self):
        """:return: SQL of the amounts of each enrollment in `reactivation_found`"""
        return SQL(
            """SELECT found.id, COALESCE(revenue.amount, 0) AS revenue,
                      COALESCE(reach.message, 0) AS message,
                      COALESCE(reach.letter, 0) AS letter,
                      COALESCE(reach.call, 0) AS call,
                      COALESCE(coupon.worth, 0) AS coupon
                 FROM reactivation_found found
            LEFT JOIN (SELECT id, sum(amount) AS amount FROM (%(revenue)s) AS source
                     GROUP BY id) AS revenue ON revenue.id = found.id
            LEFT JOIN (SELECT enrollment_id,
                              sum(amount) FILTER (WHERE channel IN %(letters)s)
                                  AS letter,
                              sum(amount) FILTER (WHERE channel IN %(calls)s) AS call,
                              sum(amount) FILTER (WHERE channel NOT IN %(letters)s
                                                  AND channel NOT IN %(calls)s)
                                  AS message
                         FROM (%(costs)s) AS cost
                     GROUP BY enrollment_id) AS reach
                   ON reach.enrollment_id = found.id
            LEFT JOIN (SELECT enrollment_id, sum(worth)::numeric AS worth
                         FROM reactivation_coupon
                        WHERE state = 'redeemed' AND enrollment_id IS NOT NULL
                     GROUP BY enrollment_id) AS coupon
                   ON coupon.enrollment_id = found.id""",
            revenue=self._all_revenue_sql(),
            letters=LETTERS,
            calls=CALLS,
            costs=self._costs_sql(),
        )

    def _costs_sql(self):
        """Of a message to a family, one was paid for. What was perhaps sent is counted,
        and so are the calls nobody answered.

        :return: SQL of `enrollment_id`, `channel` and `amount` of the deliveries
        """
        return SQL(
            """SELECT delivery.enrollment_id, delivery.channel,
                      cost.price * CASE cost.unit
                          WHEN 'piece' THEN 1
                          ELSE CASE WHEN delivery.state = 'sent' THEN
                                    COALESCE(NULLIF(delivery.minutes, 0), cost.minutes)
                                    ELSE 0 END
                               + COALESCE(delivery.call_attempts, 0) * %s
                          END::numeric AS amount
                 FROM reactivation_delivery delivery
                 JOIN reactivation_cost cost
                   ON cost.company_id = delivery.company_id
                  AND cost.channel = delivery.channel
                WHERE delivery.enrollment_id IN (SELECT id FROM reactivation_found)
                  AND delivery.lead_id IS NULL
                  AND (delivery.state IN ('sent', 'uncertain')
                       OR cost.unit = 'minute' AND delivery.call_attempts > 0)""",
            UNANSWERED_MINUTES,
        )

    def _refresh_money(self, moment):
        """Revenue and costs of the enrollments that are looked at, where they differ.

        :return: number of enrollments that changed
        """
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_enrollment enrollment
                      SET revenue = found.revenue, message_cost = found.message,
                          letter_cost = found.letter, call_cost = found.call,
                          coupon_cost = found.coupon, write_date = %(now)s
                     FROM (%(money)s) AS found
                    WHERE found.id = enrollment.id
                      AND (COALESCE(enrollment.revenue, 0),
                           COALESCE(enrollment.message_cost, 0),
                           COALESCE(enrollment.letter_cost, 0),
                           COALESCE(enrollment.call_cost, 0),
                           COALESCE(enrollment.coupon_cost, 0))
                          IS DISTINCT FROM
                          (found.revenue, found.message, found.letter, found.call,
                           found.coupon)""",
                now=moment,
                money=self._money_sql(),
            )
        )
        return self.env.cr.rowcount
