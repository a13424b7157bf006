import logging
import math
from datetime import UTC, datetime, time, timedelta

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.time_zones import load_zone
from .reactivation_segment_match import BITS

_logger = logging.getLogger(__name__)

# Rows of one statement of enrollment: bounded work, bounded locks.
ENROLL_BATCH = 50_000


class ReactivationEnrollment(models.Model):
    """Who is enrolled: the audience of a campaign, and why others are left out."""

    _inherit = "reactivation.enrollment"

    # ----------------------------------------------------------------- audience

    @api.model
    def _audience_sql(self, campaign, moment=None, partners=None, explain=False):
        """The lapsed patients of the campaign's company, one row each.

        Columns: patient_id, partner_id, episode_date, tier_id, visit_pattern,
        practitioner_id, reason_id, segment_id (NULL: in none), refusal (NULL:
        may be enrolled).

        :param partners: only these contacts, by default all
        :param bool explain: also say which segments fit (fits0, fits1 …, the
            numbers of `reactivation.segment._bits_sql`)
        """
        company = campaign.company_id
        segments = campaign.segment_ids
        query, conditions, _faults = segments._conditions(company, moment)
        parts = {
            "segment": segments._case_sql(conditions),
            "fits": SQL("").join(
                SQL("%s AS %s, ", sql, SQL.identifier(f"fits{number}"))
                for number, sql in enumerate(
                    segments._bits_sql(list(conditions.values())) if explain else ()
                )
            ),
            "patients": query.from_clause,
            "campaign": campaign.id,
            "lapsed": segments._lapsed_sql(company, moment),
            "chosen": SQL("TRUE")
            if partners is None
            else SQL("patient.partner_id = ANY(%s)", partners.ids),
        }
        question = (
            company,
            campaign._channels(),
            campaign.purpose,
            moment,
            campaign.third_party_paid,
        )
        policy = self.env["reactivation.contact.policy"]
        return SQL(" UNION ALL ").join(
            self._audience_of(
                recipient=recipient,
                meant=meant,
                refusal=crowd._refusal_sql(*question),
                **parts,
            )
            for crowd, recipient, meant in policy._crowds(company, moment)
        )

    @api.model
    def _audience_of(self, **parts):
        """:return: SQL of one crowd of the patients of an audience"""
        return SQL(
            """
            SELECT patient.id AS patient_id, patient.partner_id,
                   patient.last_visit_date AS episode_date, patient.tier_id,
                   patient.visit_pattern, patient.reason_id,
                   patient.last_practitioner_id AS practitioner_id,
                   %(segment)s AS segment_id, %(fits)s
                   CASE
                       WHEN before.id IS NOT NULL THEN 'enrolled'
                       WHEN %(segment)s IS NULL THEN 'no_segment'
                       WHEN running.id IS NOT NULL THEN 'other_campaign'
                       ELSE %(refusal)s
                   END AS refusal
              FROM %(patients)s
                   %(recipient)s
         LEFT JOIN reactivation_enrollment before
                ON before.campaign_id = %(campaign)s
               AND before.partner_id = patient.partner_id
               AND before.episode_date = patient.last_visit_date
         LEFT JOIN reactivation_enrollment running
                ON running.state = 'running'
               AND running.partner_id = patient.partner_id
               AND running.company_id = patient.company_id
             WHERE %(lapsed)s AND %(meant)s AND %(chosen)s
            """,
            **parts,
        )

    @api.model
    def _audience_counts(self, campaign):
        """:return: list of (segment id or None, refusal or None, number)"""
        self.env.flush_all()
        self.env["reactivation.patient"]._allow_memory()
        return self._read_all(
            SQL(
                """SELECT segment_id, refusal, count(*) FROM (%s) AS audience
                 GROUP BY segment_id, refusal ORDER BY 3 DESC""",
                self._audience_sql(campaign),
            )
        )

    @api.model
    def _audience_rows(self, campaign):
        """The audience, counted by everything a person asks about it.

        :return: list of (fits: numbers of `_bits_sql`, segment id or None, refusal
            or None, control group, number)
        """
        self.env.flush_all()
        self.env["reactivation.patient"]._allow_memory()
        count = max(1, math.ceil(len(campaign.segment_ids) / BITS))
        fits = SQL(", ").join(
            SQL.identifier(f"fits{number}") for number in range(count)
        )
        rows = self._read_all(
            SQL(
                """SELECT segment_id, refusal, control, count(*), %(fits)s
                     FROM (SELECT segment_id, refusal, %(fits)s,
                                  refusal IS NULL AND %(control)s AS control
                             FROM (%(audience)s OFFSET 0) AS audience) AS audience
                 GROUP BY segment_id, refusal, control, %(fits)s ORDER BY 4 DESC""",
                control=self._control_sql(campaign),
                audience=self._audience_sql(campaign, explain=True),
                fits=fits,
            )
        )
        return [(row[4:], *row[:4]) for row in rows]

    @api.model
    def _read_all(self, sql):
        """Let the database read patients and contacts with all its cores, and count in
        memory: it takes the questions of the policy for so expensive that nothing
        else seems to matter.

        :return: list of rows
        """
        cr = self.env.cr
        cr.execute(
            """SELECT set_config('parallel_setup_cost', '2000', TRUE),
                      set_config('parallel_tuple_cost', '0', TRUE),
                      set_config('enable_sort', 'off', TRUE)"""
        )
        rows = self.env.execute_query(sql)
        cr.execute(
            """SET LOCAL parallel_setup_cost TO DEFAULT;
               SET LOCAL parallel_tuple_cost TO DEFAULT;
               SET LOCAL enable_sort TO DEFAULT"""
        )
        return rows

    @api.model
    def _control_sql(self, campaign):
        """:return: SQL over `audience`: is this patient drawn for the control group?
        The same as `_enroll_sql` draws"""
        if not campaign.control_percent:
            return SQL("FALSE")
        return SQL(
            """('x' || substr(md5(%s || ':' || audience.partner_id), 1, 8))
               ::bit(32)::bigint < %s * 42949672.96""",
            f"{campaign.sudo().assignment_key}:{campaign.id}",
            campaign.control_percent,
        )

    # ------------------------------------------------------------------- enroll

    @api.model
    def _enroll(self, campaign, moment=None, partners=None):
        """Enroll everybody who is due, once per lapse episode, set-based.

        Assignment is a keyed hash of (campaign, patient): running it again, or
        on another server, gives each patient the same method. Who lapsed last comes
        first.

        :param partners: only these contacts, by default all
        :return: number of new enrollments
        """
        moment = moment or fields.Datetime.now()
        if not self._may_enroll(campaign, moment):
            return 0
        self.env.flush_all()
        self.env["reactivation.patient"]._allow_memory()
        draws = self.env["reactivation.allocation"]._draws(campaign, moment)
        if not draws:
            return 0
        room = self._room_today(campaign, moment)
        new = []
        while room is None or room > len(new):
            # One bounded statement after another, until nobody is left.
            limit = ENROLL_BATCH if room is None else min(ENROLL_BATCH, room - len(new))
            self.env.cr.execute(
                self._enroll_sql(campaign, moment, draws, partners, limit)
            )
            new += [row[0] for row in self.env.cr.fetchall()]
            if self.env.cr.rowcount < limit:
                break
        self.invalidate_model()
        campaign.invalidate_recordset()
        self.env["reactivation.automation"]._created(self._name, new)
        return len(new)

    @api.model
    def _may_enroll(self, campaign, moment):
        """:return: bool: the campaign enrolls patients on this day"""
        today = campaign.company_id._reactivation_today(moment)
        if campaign.state != "running":
            return False
        if campaign.date_from and today < campaign.date_from:
            return False
        if campaign.date_end and today > campaign.date_end:
            return False
        if not campaign._current_methods()._startable():
            # Its methods have no step left: nobody could be contacted.
            return False
        if campaign.segment_ids._fault_texts():
            campaign = campaign._for_caretaker()
            campaign._pause_because(
                campaign.env._("A segment cannot be read"),
                " ".join(campaign.segment_ids._fault_texts().values()),
            )
            return False
        return True

    @api.model
    def _room_today(self, campaign, moment):
        """How many more the campaign may enroll on this day of the clinic.

        Whoever comes here at the same time waits, and then fails rather than count
        without what was enrolled meanwhile: the row of the campaign is written.

        :return: number, or None for no limit
        """
        if not campaign.daily_limit:
            return None
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_campaign SET daily_limit = daily_limit
                    WHERE id = %s""",
                campaign.id,
            ),
            log_exceptions=False,
        )
        company = campaign.company_id
        midnight = datetime.combine(
            company._reactivation_today(moment),
            time.min,
            load_zone(company._reactivation_zone()) or UTC,
        )
        ((count,),) = self.env.execute_query(
            SQL(
                """SELECT count(*) FROM reactivation_enrollment
                    WHERE campaign_id = %s AND enrolled_on >= %s""",
                campaign.id,
                midnight.astimezone(UTC).replace(tzinfo=None),
            )
        )
        return max(0, campaign.daily_limit - count)

    def _enroll_sql(self, campaign, moment, draws, partners=None, limit=ENROLL_BATCH):
        return_closes = moment + timedelta(days=campaign.attribution_days)
        return SQL(
            """
            INSERT INTO reactivation_enrollment (
                campaign_id, company_id, partner_id, patient_id, segment_id, tier_id,
                visit_pattern, reason_id, practitioner_id, episode_date, enrolled_on,
                return_closes, loyalty_closes, is_control, allocation_id, method_id,
                next_step_id, next_date, state, stage,
                create_uid, create_date, write_uid, write_date)
            SELECT %(campaign)s, %(company)s, partner_id, patient_id,
                   audience.segment_id, tier_id, visit_pattern, reason_id,
                   practitioner_id, episode_date, %(now)s, %(return_closes)s,
                   %(loyalty_closes)s, draw.control, drawn.allocation_id,
                   CASE WHEN NOT draw.control THEN drawn.method_id END,
                   CASE WHEN NOT draw.control THEN drawn.step_id END,
                   CASE WHEN NOT draw.control THEN %(next_date)s END,
                   'running', 'enrolled', %(uid)s, %(now)s, %(uid)s, %(now)s
              FROM (SELECT * FROM (%(audience)s) AS audience
                     WHERE refusal IS NULL
                  ORDER BY episode_date DESC, partner_id LIMIT %(limit)s) AS audience
        CROSS JOIN LATERAL (SELECT md5(%(key)s || ':' || partner_id) AS hash) AS keyed
        CROSS JOIN LATERAL (
                SELECT ('x' || substr(hash, 1, 8))::bit(32)::bigint
                           < %(control)s * 42949672.96 AS control,
                       ('x' || substr(hash, 9, 8))::bit(32)::bigint
                           / 4294967296.0 AS share) AS draw
              JOIN (VALUES %(draws)s) AS drawn (
                   segment_id, allocation_id, method_id, low, high,
                   step_id, days, hours)
                ON drawn.segment_id = audience.segment_id
               AND draw.share >= drawn.low AND draw.share < drawn.high
       ON CONFLICT DO NOTHING
         RETURNING id
            """,
            campaign=campaign.id,
            company=campaign.company_id.id,
            now=moment,
            next_date=self.env["reactivation.delivery"]._delay_sql(
                SQL("%s::timestamp", moment),
                SQL("drawn.days"),
                SQL("drawn.hours"),
                SQL("%s", campaign.company_id._reactivation_zone()),
            ),
            return_closes=return_closes,
            loyalty_closes=return_closes + timedelta(days=campaign.loyalty_days),
            uid=self.env.uid,
            audience=self._audience_sql(campaign, moment, partners),
            limit=limit,
            key=f"{campaign.sudo().assignment_key}:{campaign.id}",
            control=campaign.control_percent,
            draws=SQL(", ").join(
                SQL(
                    "(%s::int, %s::int, %s::int, %s::float, %s::float, %s::int, "
                    "%s::int, %s::int)",
                    *draw,
                )
                for draw in draws
            ),
        )

    # --------------------------------------------------------------------- cron

    @api.model
    def _cron_enroll(self):
        """Enroll patients who have lapsed since, campaign by campaign."""
        self.env["reactivation.campaign"]._close_over()
        campaigns = self.env["reactivation.campaign"].search(
            [("state", "=", "running")]
        )
        self.env["ir.cron"]._commit_progress(remaining=len(campaigns))
        self.env["reactivation.runner"]._warn_if_stalled()
        for campaign in campaigns:
            # A commit per campaign: one that fails must not undo the others.
            self._enroll_or_pause(campaign.with_company(campaign.company_id))
            if not self.env["ir.cron"]._commit_progress(1):
                break

    @api.model
    def _enroll_or_pause(self, campaign):
        """Enroll for one campaign; what is wrong with it stops only this one."""
        try:
            with self.env.cr.savepoint():
                return self._enroll(campaign)
        except psycopg2.errors.SerializationFailure:
            # Somebody else is enrolling for it at this moment.
            _logger.info("Campaign %s is being enrolled elsewhere.", campaign.id)
        except psycopg2.OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - conditions run code of any model
            _logger.warning("Campaign %s cannot enroll: %s", campaign.id, error)
            campaign.invalidate_recordset()
            campaign = campaign._for_caretaker()
            campaign._pause_because(
                campaign.env._("Patients cannot be enrolled"), str(error)
            )
        return 0
