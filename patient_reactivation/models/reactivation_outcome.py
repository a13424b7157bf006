import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..tools.transaction import begin_read_committed

_logger = logging.getLogger(__name__)

KINDS = [
    ("booked", "Booked"),
    ("returned", "Returned"),
    ("loyal", "Won back"),
    ("corrected", "Visit was taken back"),
]

# Visits entered late are still noticed this long after the windows are over;
# the nightly pass looks at everything.
GRACE = timedelta(days=14)


class ReactivationOutcome(models.Model):
    """A fact that followed an enrollment. Rows are only ever added.

    `_refresh` reads the live visits and derives from them the dates and the
    stage of the enrollments.
    """

    _name = "reactivation.outcome"
    _description = "Outcome"
    _order = "date desc, id desc"
    _rec_name = "kind"

    enrollment_id = fields.Many2one(
        "reactivation.enrollment", required=True, index=True, ondelete="cascade"
    )
    campaign_id = fields.Many2one(
        related="enrollment_id.campaign_id", store=True, index=True
    )
    company_id = fields.Many2one(related="enrollment_id.company_id", store=True)
    delivery_id = fields.Many2one(
        "reactivation.delivery", index="btree_not_null", ondelete="set null"
    )
    kind = fields.Selection(KINDS, required=True)
    date = fields.Datetime(required=True, help="When it happened.")

    _fact_uniq = models.Constraint(
        "UNIQUE(enrollment_id, kind, date)", "This outcome is on record already."
    )

    def write(self, vals):  # pylint: disable=method-required-super
        raise UserError(self.env._("Outcomes are facts: they cannot be changed."))

    @api.model
    def _refresh(self, everything=False, moment=None):
        """Find bookings, returns and further visits of enrolled patients.

        Definitions (section 2 of the design): *returned* is the first visit
        after enrollment within the campaign's return window; *loyal* the next
        visit on a later day within the loyalty window counted from the return.

        :param bool everything: also enrollments whose windows are long over
        :return: number of enrollments that changed
        """
        self.env.flush_all()
        moment = moment or fields.Datetime.now()
        cr = self.env.cr
        cr.execute("DROP TABLE IF EXISTS reactivation_watched, reactivation_found")
        cr.execute(self._watched_sql(None if everything else moment - GRACE))
        cr.execute("ANALYZE reactivation_watched")
        cr.execute(self._found_sql(moment))
        cr.execute("ANALYZE reactivation_found")
        cr.execute(self._insert_sql(moment))
        cr.execute(self._update_sql(moment))
        changed = cr.rowcount
        cr.execute(self._stages_sql(moment))
        changed += cr.rowcount
        cr.execute("DROP TABLE reactivation_watched, reactivation_found")
        self.env["reactivation.enrollment"].invalidate_model()
        self.invalidate_model()
        return changed

    def _watched_sql(self, since):
        """The enrollments whose visits still matter."""
        return SQL(
            """CREATE TEMP TABLE reactivation_watched ON COMMIT DROP AS
               SELECT enrollment.id, enrollment.partner_id, enrollment.company_id,
                      enrollment.enrolled_on, enrollment.episode_date,
                      enrollment.return_closes, campaign.loyalty_days
                 FROM reactivation_enrollment enrollment
                 JOIN reactivation_campaign campaign
                   ON campaign.id = enrollment.campaign_id
                WHERE enrollment.partner_id IS NOT NULL
                  AND (%(since)s::timestamp IS NULL
                       OR enrollment.loyalty_closes >= %(since)s)""",
            since=since,
        )

    def _found_sql(self, moment):
        """One row per watched enrollment with its booking, return and stay."""
        union = self.env["reactivation.visit.source"]._union_sql(
            SQL("SELECT partner_id FROM reactivation_watched"), moment
        )
        return SQL(
            """CREATE TEMP TABLE reactivation_found ON COMMIT DROP AS
               WITH visit AS MATERIALIZED (
                   SELECT watched.id, visit.date, visit.day, visit.state,
                          watched.return_closes, watched.loyalty_days
                     FROM reactivation_watched watched
                     JOIN (%(union)s) AS visit
                       ON visit.partner_id = watched.partner_id
                      AND visit.company_id = watched.company_id
                    WHERE visit.date > watched.enrolled_on
                      AND visit.day > watched.episode_date
               ), returned AS (
                   SELECT id, min(day) AS day, min(date) AS date
                     FROM visit
                    WHERE state = 'done' AND date <= return_closes
                 GROUP BY id
               ), loyal AS (
                   SELECT visit.id, min(visit.day) AS day, min(visit.date) AS date
                     FROM visit
                     JOIN returned ON returned.id = visit.id
                    WHERE visit.state = 'done' AND visit.day > returned.day
                      AND visit.day <= returned.day + visit.loyalty_days
                 GROUP BY visit.id
               ), booked AS (
                   SELECT id, min(date) AS date FROM visit
                    WHERE state = 'planned' AND date <= return_closes GROUP BY id
               )
               SELECT watched.id, contacted.date AS first_contact_date,
                      booked.date AS booked_date,
                      returned.day AS returned_date, returned.date AS returned_at,
                      loyal.day AS loyal_date, loyal.date AS loyal_at
                 FROM reactivation_watched watched
            LEFT JOIN returned ON returned.id = watched.id
            LEFT JOIN loyal ON loyal.id = watched.id
            LEFT JOIN booked ON booked.id = watched.id
            LEFT JOIN (SELECT enrollment_id, min(sent_on) AS date
                         FROM reactivation_delivery
                        WHERE enrollment_id IN (SELECT id FROM reactivation_watched)
                     GROUP BY enrollment_id) AS contacted
                   ON contacted.enrollment_id = watched.id""",
            union=union,
        )

    def _insert_sql(self, moment):
        """Append what is new; a return that is no longer there is corrected."""
        return SQL(
            """INSERT INTO reactivation_outcome (
                   enrollment_id, campaign_id, company_id, kind, date,
                   create_uid, create_date, write_uid, write_date)
               SELECT enrollment.id, enrollment.campaign_id, enrollment.company_id,
                      fact.kind, fact.date, %(uid)s, %(now)s, %(uid)s, %(now)s
                 FROM reactivation_found found
                 JOIN reactivation_enrollment enrollment ON enrollment.id = found.id
           CROSS JOIN LATERAL (VALUES
                      ('booked', CASE WHEN found.booked_date IS DISTINCT FROM
                                 enrollment.booked_date THEN found.booked_date END),
                      ('returned', CASE WHEN found.returned_date IS DISTINCT FROM
                                 enrollment.returned_date THEN found.returned_at END),
                      ('loyal', CASE WHEN found.loyal_date IS DISTINCT FROM
                                 enrollment.loyal_date THEN found.loyal_at END),
                      ('corrected', CASE WHEN found.returned_date IS NULL AND
                                 enrollment.returned_date IS NOT NULL
                                 THEN %(now)s::timestamp END)
                      ) AS fact (kind, date)
                WHERE fact.date IS NOT NULL
          ON CONFLICT (enrollment_id, kind, date) DO NOTHING""",
            uid=self.env.uid,
            now=moment,
        )

    def _update_sql(self, moment):
        return SQL(
            """UPDATE reactivation_enrollment enrollment
                  SET first_contact_date = found.first_contact_date,
                      booked_date = found.booked_date,
                      returned_date = found.returned_date,
                      loyal_date = found.loyal_date
                 FROM reactivation_found found
                WHERE found.id = enrollment.id
                  AND (enrollment.first_contact_date, enrollment.booked_date,
                       enrollment.returned_date, enrollment.loyal_date)
                      IS DISTINCT FROM
                      (found.first_contact_date, found.booked_date,
                       found.returned_date, found.loyal_date)"""
        )

    def _stages_sql(self, moment):
        """Stage and end of the watched enrollments, where they differ.

        An enrollment runs until the patient is back or the return window is
        over: until then no other campaign may have the patient.
        """
        return SQL(
            """UPDATE reactivation_enrollment enrollment
                  SET stage = derived.stage,
                      state = CASE WHEN derived.ended AND enrollment.state = 'running'
                                   THEN 'done' ELSE enrollment.state END,
                      next_step_id = CASE WHEN derived.ended THEN NULL
                                          ELSE enrollment.next_step_id END,
                      next_date = CASE WHEN derived.ended THEN NULL
                                       ELSE enrollment.next_date END,
                      write_date = %(now)s
                 FROM (SELECT enrollment.id, %(stage)s AS stage,
                              enrollment.returned_date IS NOT NULL
                              OR enrollment.return_closes <= %(now)s AS ended
                         FROM reactivation_enrollment enrollment
                         JOIN reactivation_campaign campaign
                           ON campaign.id = enrollment.campaign_id
                         JOIN reactivation_watched watched
                           ON watched.id = enrollment.id) AS derived
                WHERE derived.id = enrollment.id
                  AND (enrollment.stage <> derived.stage
                       OR derived.ended AND enrollment.state = 'running')""",
            stage=self.env["reactivation.enrollment"]._stage_sql(moment),
            now=moment,
        )

    # --------------------------------------------------------------------- cron

    @api.model
    def _cron_refresh(self):
        """Every few minutes: enrollments whose windows are open."""
        begin_read_committed(self.env)
        changed = self._refresh()
        _logger.info("Outcomes: %s enrollments changed.", changed)

    @api.model
    def _cron_refresh_all(self):
        """Nightly: all enrollments, so that late corrections reach the past."""
        begin_read_committed(self.env)
        changed = self._refresh(everything=True)
        _logger.info("All outcomes: %s enrollments changed.", changed)
