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

    @api.model
    def _revenue_sql(self, source, companies):
        """Where revenue comes from; an addon adds its own.

        :param str source: the choice of these clinics
        :return: SQL of a SELECT of `id` of enrollments and `amount`, over those in
            `reactivation_returned`
        """
        if source != "visits":
            return None
        return SQL(
            """SELECT returned.id, returned.visit_amount AS amount
                 FROM reactivation_returned returned
                 JOIN reactivation_enrollment enrollment
                   ON enrollment.id = returned.id
                WHERE returned.visit_amount IS NOT NULL
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
                          >= (SELECT min(returned_date) FROM reactivation_returned)
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
                WHERE %(is_last)s
             ORDER BY document.id, payer.rank, payer.enrolled_on DESC, payer.id DESC
               ) AS paid
                WHERE paid.id IN (SELECT id FROM reactivation_returned)""",
            companies=tuple(companies.ids),
            documents=documents,
            is_last=self._is_last_sql(
                "payer", SQL("later.enrolled_on::date < document.day")
            ),
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

    def _money_sql(self, watched):
        """:return: SQL of the amounts of the watched enrollments, where others are
        stored"""
        return SQL(
            """SELECT enrollment.id, COALESCE(revenue.amount, 0) AS revenue,
                      COALESCE(reach.message, 0) AS message_cost,
                      COALESCE(reach.letter, 0) AS letter_cost,
                      COALESCE(reach.call, 0) AS call_cost,
                      COALESCE(coupon.worth, 0) AS coupon_cost
                 FROM reactivation_enrollment enrollment
            LEFT JOIN (SELECT id, sum(amount) AS amount FROM (%(revenue)s) AS source
                     GROUP BY id) AS revenue ON revenue.id = enrollment.id
            LEFT JOIN (SELECT enrollment_id,
                              sum(amount) FILTER (WHERE channel IN %(letters)s)
                                  AS letter,
                              sum(amount) FILTER (WHERE channel IN %(calls)s) AS call,
                              sum(amount) FILTER (WHERE channel NOT IN %(letters)s
                                                  AND channel NOT IN %(calls)s)
                                  AS message
                         FROM (%(costs)s) AS cost
                     GROUP BY enrollment_id) AS reach
                   ON reach.enrollment_id = enrollment.id
            LEFT JOIN (SELECT enrollment_id, sum(worth)::numeric AS worth
                         FROM reactivation_coupon
                        WHERE state = 'redeemed' AND enrollment_id IS NOT NULL
                     GROUP BY enrollment_id) AS coupon
                   ON coupon.enrollment_id = enrollment.id
                WHERE %(is_watched)s
                  AND (COALESCE(enrollment.revenue, 0)
                           <> COALESCE(revenue.amount, 0)
                       OR COALESCE(enrollment.message_cost, 0)
                           <> COALESCE(reach.message, 0)
                       OR COALESCE(enrollment.letter_cost, 0)
                           <> COALESCE(reach.letter, 0)
                       OR COALESCE(enrollment.call_cost, 0) <> COALESCE(reach.call, 0)
                       OR COALESCE(enrollment.coupon_cost, 0)
                           <> COALESCE(coupon.worth, 0))""",
            revenue=self._all_revenue_sql(),
            letters=LETTERS,
            calls=SPOKEN_CHANNELS,
            costs=self._costs_sql(watched),
            is_watched=self._is_watched_sql(watched),
        )

    def _costs_sql(self, watched):
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
                               + COALESCE(delivery.call_attempts, 0) * %(unanswered)s
                          END::numeric AS amount
                 FROM reactivation_delivery delivery
                 JOIN reactivation_cost cost
                   ON cost.company_id = delivery.company_id
                  AND cost.channel = delivery.channel
                WHERE %(of_watched)s AND delivery.lead_id IS NULL
                  AND (delivery.state IN ('sent', 'uncertain')
                       OR cost.unit = 'minute'
                          AND (delivery.call_attempts > 0 OR delivery.minutes > 0))""",
            of_watched=self._of_watched_sql(watched),
            unanswered=UNANSWERED_MINUTES,
        )

    def _refresh_money(self, watched, moment):
        """Revenue and costs of the watched enrollments, where they differ.

        :return: number of enrollments that changed
        """
        cr = self.env.cr
        cr.execute("DROP TABLE IF EXISTS reactivation_money")
        cr.execute(
            SQL(
                "CREATE TEMP TABLE reactivation_money ON COMMIT DROP AS %s",
                self._money_sql(watched),
            )
        )
        with self.env["reactivation.automation"]._watch_table(
            "reactivation.enrollment", SQL("SELECT id FROM reactivation_money")
        ):
            cr.execute(
                SQL(
                    """UPDATE reactivation_enrollment enrollment
                          SET revenue = money.revenue,
                              message_cost = money.message_cost,
                              letter_cost = money.letter_cost,
                              call_cost = money.call_cost,
                              coupon_cost = money.coupon_cost, write_date = %s
                         FROM reactivation_money money
                        WHERE money.id = enrollment.id""",
                    moment,
                )
            )
            changed = cr.rowcount
        cr.execute("DROP TABLE reactivation_money")
        return changed
