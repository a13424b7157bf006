from odoo import api, fields, models
from odoo.tools import SQL


class ReactivationMethod(models.Model):
    """What each step of a method has done so far, in one query for all steps."""

    _inherit = "reactivation.method"

    step_stats = fields.Json(
        compute="_compute_step_stats",
        compute_sudo=True,
        help="Per step: sent; opened, clicked, answered or reached by phone; booked "
        "after it and before the next one.",
    )

    @api.depends("step_ids")
    def _compute_step_stats(self):
        saved = self._origin
        rows = {row["step_id"]: row for row in saved._step_stats_rows()}
        for method in self:
            method.step_stats = {
                str(step.id): {
                    name: rows[step.id][name] for name in ("sent", "engaged", "booked")
                }
                for step in method._origin.step_ids
                if step.id in rows
            }

    def _step_stats_rows(self):
        """:return: list of dicts: step_id, sent, engaged, booked"""
        if not self.step_ids:
            return []
        self.env.flush_all()
        return self.env.execute_query_dict(
            SQL(
                """
                WITH delivery AS (
                    SELECT delivery.step_id, delivery.enrollment_id, delivery.sent_on,
                           delivery.opened_on IS NOT NULL
                           OR delivery.clicked_on IS NOT NULL
                           OR delivery.replied_on IS NOT NULL
                           OR delivery.channel = 'call'
                           OR delivery.result IN ('booked', 'accepted') AS engaged
                      FROM reactivation_delivery delivery
                     WHERE delivery.step_id = ANY (%(steps)s)
                       AND delivery.state = 'sent'
                ), booking AS (
                    SELECT enrollment.id, min(said.moment) AS moment
                      FROM reactivation_enrollment enrollment
                CROSS JOIN LATERAL (
                           SELECT enrollment.staff_booked_on AS moment
                        UNION ALL
                           -- When it was noticed; its date is that of the visit.
                           SELECT outcome.create_date
                             FROM reactivation_outcome outcome
                            WHERE outcome.enrollment_id = enrollment.id
                              AND outcome.kind = 'booked') AS said
                     WHERE enrollment.method_id = ANY (%(methods)s)
                       AND (enrollment.booked_date IS NOT NULL
                            OR enrollment.returned_date IS NOT NULL
                            OR enrollment.staff_booked_on IS NOT NULL)
                  GROUP BY enrollment.id
                ), booked AS (
                    SELECT DISTINCT ON (booking.id) delivery.step_id
                      FROM booking
                      JOIN delivery ON delivery.enrollment_id = booking.id
                       AND delivery.sent_on <= booking.moment
                  ORDER BY booking.id, delivery.sent_on DESC
                )
                SELECT step_id, sent, engaged, COALESCE(count, 0) AS booked
                  FROM (SELECT step_id, count(*) AS sent,
                               count(*) FILTER (WHERE engaged) AS engaged
                          FROM delivery GROUP BY step_id) AS contact
             LEFT JOIN (SELECT step_id, count(*) FROM booked
                      GROUP BY step_id) AS booking USING (step_id)
                """,
                steps=self.step_ids.ids,
                methods=self.ids,
            )
        )
