"""What patients brought in after they returned, and what it cost to reach them."""

from odoo import api, fields, models
from odoo.tools import SQL

from .reactivation_cost import UNANSWERED_MINUTES
from .reactivation_delivery_minutes import SPOKEN_CHANNELS

# Part of the cost -> channels. What is none of them is a message.
LETTERS = ("letter",)

# What patients paid and what they cost is for managers, as the reports are.
MANAGER = "patient_reactivation.group_reactivation_manager"


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
        groups=MANAGER,
        help="From the day of the return to the end of the loyalty window, without "
        "taxes, in the clinic's currency. Credit notes are taken off.",
    )
    message_cost = fields.Monetary(
        string="Cost of Messages", readonly=True, default=0.0, groups=MANAGER
    )
    letter_cost = fields.Monetary(
        string="Cost of Letters", readonly=True, default=0.0, groups=MANAGER
    )
    call_cost = fields.Monetary(
        string="Cost of Calls", readonly=True, default=0.0, groups=MANAGER
    )
    coupon_cost = fields.Monetary(
        string="Cost of Coupons",
        readonly=True,
        default=0.0,
        groups=MANAGER,
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
    def _paid_sql(self, documents, companies):
        """Orders or invoices, each counted once: for the return of the patient it is
        of, from that day to the end of the loyalty window.

        A document is of the patient it names, or of who pays. Who pays and is no
        patient of the clinic pays for a ward or for the contacts below; of several
        returned ones, for the one who was enrolled last. As with visits, a later
        enrollment of the patient ends the count of an earlier one.

        :param SQL documents: SELECT of `id`, `partner_id` (who pays), `patient_id` (or
            NULL), `company_id`, `day` at the clinic and `amount` in its currency
        :return: SQL, as `_revenue_sql` gives it
        """
        return SQL(
            """SELECT paid.id, paid.amount FROM (
               WITH stay AS MATERIALIZED (
                   SELECT enrollment.id, enrollment.partner_id, enrollment.company_id,
                          enrollment.enrolled_on,
                          enrollment.returned_date AS first_day,
                          enrollment.returned_date + campaign.loyalty_days AS last_day
                     FROM reactivation_enrollment enrollment
                     JOIN reactivation_campaign campaign
                       ON campaign.id = enrollment.campaign_id
                    WHERE enrollment.partner_id IS NOT NULL
                      AND enrollment.company_id IN %(companies)s
                      AND enrollment.returned_date + campaign.loyalty_days
                          >= (SELECT min(returned_date) FROM reactivation_found)
                      AND enrollment.stop_reason IS DISTINCT FROM 'merged'
               ), payer AS (
                   SELECT stay.*, stay.partner_id AS payer_id, 0 AS rank FROM stay
                UNION ALL
                   SELECT stay.*, other.id, 1
                     FROM stay
                     JOIN res_partner partner ON partner.id = stay.partner_id
               CROSS JOIN LATERAL (SELECT partner.guardian_id
                                    UNION SELECT partner.commercial_partner_id
                          ) AS other (id)
                    WHERE other.id <> stay.partner_id
                      AND NOT EXISTS (
                          SELECT FROM reactivation_patient patient
                           WHERE patient.partner_id = other.id
                             AND patient.company_id = stay.company_id)
               )
               SELECT DISTINCT ON (document.id) payer.id, document.amount
                 FROM (%(documents)s) AS document
                 JOIN payer
                   ON payer.payer_id
                      = COALESCE(document.patient_id, document.partner_id)
                  AND payer.company_id = document.company_id
                  AND document.day BETWEEN payer.first_day AND payer.last_day
                WHERE NOT EXISTS (
                      SELECT FROM reactivation_enrollment later
                       WHERE later.partner_id = payer.partner_id
                         AND later.company_id = payer.company_id
                         AND (later.enrolled_on, later.id)
                             > (payer.enrolled_on, payer.id)
                         AND later.enrolled_on::date < document.day
                         AND later.stop_reason IS DISTINCT FROM 'merged')
             ORDER BY document.id, payer.rank, payer.enrolled_on DESC, payer.id DESC
               ) AS paid
                WHERE paid.id IN (SELECT id FROM reactivation_found)""",
            companies=tuple(companies.ids),
            documents=documents,
        )

    @api.model
    def _coupon_lines_sql(self, model):
        """What patients' coupons took off documents is among the costs, so that
        revenue is what was sold before them; addons know those lines.

        :param str model: `account.move`
        :return: SQL of a SELECT of `id` of the document, `patient_id` of the coupon and
            `amount` (negative, in the clinic's currency), or None
        """
        return None

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
            calls=SPOKEN_CHANNELS,
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
                          ELSE COALESCE(
                                   NULLIF(delivery.minutes, 0),
                                   CASE WHEN delivery.state = 'sent'
                                        THEN cost.minutes END,
                                   0)
                               + COALESCE(delivery.call_attempts, 0) * %s
                          END::numeric AS amount
                 FROM reactivation_delivery delivery
                 JOIN reactivation_cost cost
                   ON cost.company_id = delivery.company_id
                  AND cost.channel = delivery.channel
                WHERE delivery.enrollment_id IN (SELECT id FROM reactivation_found)
                  AND delivery.lead_id IS NULL
                  AND (delivery.state IN ('sent', 'uncertain')
                       OR cost.unit = 'minute'
                          AND (delivery.call_attempts > 0 OR delivery.minutes > 0))""",
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
