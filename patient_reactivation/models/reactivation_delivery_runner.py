import logging
import secrets
import socket
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.transaction import commit, rollback, work_read_committed
from .reactivation_contact_policy import THANKS_SQL
from .reactivation_delivery import DECISION_AGE

_logger = logging.getLogger(__name__)

# Deliveries of one claim. Odoo sends up to 100 mails of a mailing at once and
# queues more than that: within this bound the result is known at once.
BATCH = 50

# A claim this old belongs to a process that died between claim and result.
CLAIM_TIMEOUT = timedelta(minutes=15)

# The address is the obstacle, not the patient: another channel may do.
CHANNEL_REFUSALS = (
    "no_address",
    "invalid_address",
    "bounced",
    "blacklisted",
    "opted_out",
    "no_consent",
    "no_authorization",
    "no_content",
    "no_answer",
    "wrong_number",
)

SETTLED = ("sent", "skipped", "failed", "uncertain", "todo")


class ReactivationDelivery(models.Model):
    """The runner: what is due is scheduled, decided about, claimed and handed over."""

    _inherit = "reactivation.delivery"

    # ------------------------------------------------------------------- runner

    @api.model
    def _cron_run(self):
        """Schedule what is due, then deliver it batch by batch."""
        runner = self.env["reactivation.runner"]
        with work_read_committed(self.env):
            if not runner._begin():
                return
            try:
                self._run()
            except Exception as error:
                rollback(self.env)
                runner._note_error(error)
                raise
            runner._end()

    @api.model
    def _run(self):
        with self.env["reactivation.automation"]._later():
            self._prepare_batches()
        seconds = self._report_progress()
        size = BATCH
        while seconds:
            began = fields.Datetime.now()
            outages = self._count_outages()
            decided = self._run_batch(size)
            slow = fields.Datetime.now() - began >= DECISION_AGE
            if not decided and slow and size > 1:
                # Writing so many took longer than the decision about them is good.
                size //= 2
            elif not decided and self._count_outages() > outages:
                # This channel waits from now on; the others go on.
                pass
            elif not decided and not self._fall_back():
                # Nothing left, or nothing that may leave yet: no reason for Odoo to
                # call again at once.
                self.env["ir.cron"]._commit_progress(remaining=0)
                break
            seconds = self._report_progress(decided)
            self.env.ref("patient_reactivation.ir_cron_outcomes")._trigger()
        self._date_next_steps()
        self.env["reactivation.campaign"]._check_breakers()

    @api.model
    def _prepare_batches(self):
        """What is old is settled, what is new is scheduled."""
        with self.env["reactivation.automation"]._watch_table(
            self._name,
            SQL(
                """SELECT id FROM reactivation_delivery
                    WHERE state IN ('claimed', 'sending', 'todo')"""
            ),
        ):
            self._release_stale_claims()
            self._close_tasks()
        self._date_next_steps()
        self._schedule_due()
        self._fall_back()
        self.env["reactivation.coupon"]._follow_deliveries()
        self.env["reactivation.coupon"]._expire()

    @api.model
    def _count_outages(self):
        return (
            self.env["reactivation.channel.status"]
            .sudo()
            .search_count([("retry_at", ">", fields.Datetime.now())])
        )

    @api.model
    def _run_batch(self, size=BATCH):
        """Claim the next deliveries and hand them to their channel.

        :param int size: the most it claims
        :return: number of deliveries that got on; 0 when nothing is left to do, or
            nothing can be done now
        """
        # Automation Rules see the deliveries once their results are on disk.
        with self.env["reactivation.automation"]._later():
            return self._claim_and_deliver(size)

    @api.model
    def _claim_and_deliver(self, size):
        claimed, decided = self._claim(size)
        # The claim must be on disk before anybody outside hears of it.
        commit(self.env)
        try:
            claimed._deliver()
        except Exception:
            rollback(self.env)
            claimed._give_back()
            commit(self.env)
            raise
        given_back = claimed._give_back()
        commit(self.env)
        # Nothing of this batch is looked at again: keep the memory flat.
        self.env.invalidate_all()
        return decided - given_back

    @api.model
    def _report_progress(self, processed=0):
        """Commit. :return: seconds that are left for this run"""
        remaining = len(
            # Asked around every batch: counting all that wait would take longer
            # than sending the batch once there are many.
            self.env.execute_query(
                SQL("%s LIMIT %s", self._waiting_sql(), 20 * BATCH),
            )
        )
        return self.env["ir.cron"]._commit_progress(processed, remaining=remaining)

    @api.model
    def _release_stale_claims(self):
        """Claims of processes that died.

        What was next in line did certainly not go out, and waits again. What was
        being sent may have arrived: uncertain, for the staff to decide.
        """
        self.env.flush_all()
        now = fields.Datetime.now()
        rows = self.env.execute_query(
            SQL(
                """UPDATE reactivation_delivery
                      SET state = CASE state WHEN 'sending' THEN 'uncertain'
                                             ELSE 'pending' END,
                          lead_id = CASE state WHEN 'sending' THEN lead_id END,
                          settled_on = CASE state WHEN 'sending'
                                            THEN %(now)s::timestamp END
                    WHERE state IN ('claimed', 'sending') AND claimed_on < %(old)s
                RETURNING id, state""",
                now=now,
                old=now - CLAIM_TIMEOUT,
            )
        )
        self.invalidate_model()
        released = self.browse(row[0] for row in rows)
        released._forget_mails()
        if released:
            _logger.warning(
                "%s deliveries of a process that died: %s uncertain, the others wait.",
                len(rows),
                sum(row[1] == "uncertain" for row in rows),
            )

    def _forget_mails(self):
        """Remove messages that were written and not sent by the runner: no other
        job of Odoo may find them."""
        if self:
            traces = self.env["mailing.trace"].sudo()
            traces = traces.search([("reactivation_delivery_id", "in", self.ids)])
            # What an uncertain one says stays on the patient's thread: it may have
            # arrived, and its answer must find the way back.
            not_sent = traces.filtered(
                lambda trace: trace.reactivation_delivery_id.state != "uncertain"
            )
            not_sent.mail_mail_id.mail_message_id.unlink()
            traces.mail_mail_id.exists().unlink()

    @api.model
    def _fall_back(self):
        """Turn what could not be delivered into its step's other channel.

        Also what bounced or failed after it was sent. Once for each delivery, and
        only while the patient's plan goes on.

        :return: number of deliveries that wait again
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_delivery delivery
                      SET state = 'pending',
                          channel = COALESCE(step.fallback_channel, 'preferred'),
                          tried_channel = delivery.channel,
                          fallback_reason = COALESCE(delivery.reason, 'failed'),
                          reason = NULL, failure = NULL, attempts = 0, lead_id = NULL,
                          date = %(now)s, first_date = %(now)s, settled_on = NULL
                     FROM reactivation_step step, reactivation_enrollment enrollment,
                          reactivation_delivery before
                    WHERE step.id = delivery.step_id
                      AND before.id = delivery.id
                      AND enrollment.id = delivery.enrollment_id
                      AND delivery.fallback_reason IS NULL
                      AND COALESCE(step.fallback_channel <> delivery.channel,
                                   -- The patient's own one: the next they have.
                                   step.channel = 'preferred'
                                   AND delivery.channel <> 'preferred')
                      AND (enrollment.state = 'running'
                           AND COALESCE(enrollment.steps_ended, 'completed')
                               = 'completed'
                           OR %(thanks)s)
                      AND delivery.state IN ('failed', 'skipped')
                      AND (delivery.state = 'failed'
                           OR delivery.state = 'skipped'
                              AND delivery.reason IN %(reasons)s)
                RETURNING before.id, before.state, before.channel""",
                now=fields.Datetime.now(),
                reasons=CHANNEL_REFUSALS,
                thanks=THANKS_SQL,
            )
        )
        fallen = self.env.cr.fetchall()
        if fallen:
            self.invalidate_model()
            self.env["reactivation.automation"]._changed(
                self._name,
                {row[0]: {"state": row[1], "channel": row[2]} for row in fallen},
            )
        return len(fallen)

    @api.model
    def _date_next_steps(self, enrollments=None):
        """Date the step after each delivery that is settled.

        Days are counted on the clinic's calendar, so that the hour stays the same
        when the clocks change.

        :param enrollments: only these, by default all
        """
        self.env.flush_all()
        cr = self.env.cr
        zone = self.env["res.company"]._reactivation_zone_sql(SQL("settled.company_id"))
        cr.execute(
            SQL(
                """WITH settled AS (
                       SELECT enrollment.id, enrollment.company_id, last.settled_on,
                              enrollment.enrolled_on, enrollment.partner_id,
                              step.method_id, step.sequence, step.id AS step_id
                         FROM reactivation_enrollment enrollment
                        CROSS JOIN LATERAL (
                              SELECT delivery.state, delivery.step_id,
                                     delivery.settled_on
                                FROM reactivation_delivery delivery
                                JOIN reactivation_step step
                                  ON step.id = delivery.step_id
                                 AND step.delay_from <> 'answer'
                                 AND step.method_id = COALESCE(
                                     enrollment.switched_method_id,
                                     enrollment.method_id)
                               WHERE delivery.enrollment_id = enrollment.id
                            ORDER BY step.sequence DESC, step.id DESC
                               LIMIT 1) AS last
                         JOIN reactivation_step step ON step.id = last.step_id
                        WHERE enrollment.state = 'running'
                          AND enrollment.next_date IS NULL
                          AND enrollment.steps_ended IS NULL
                          AND NOT enrollment.is_control
                          AND last.state IN %(settled)s
                          AND %(only)s
                   FOR UPDATE OF enrollment SKIP LOCKED
                   )
                   UPDATE reactivation_enrollment enrollment
                      SET next_step_id = following.id,
                          next_date = %(next_date)s,
                          steps_ended = CASE WHEN following.id IS NULL
                                             THEN 'completed' END
                     FROM settled
                LEFT JOIN LATERAL (
                          SELECT later.id, later.delay_days, later.delay_hours,
                                 later.delay_from
                            FROM reactivation_step later
                           WHERE later.method_id = settled.method_id
                             AND later.delay_from <> 'answer'
                             AND (later.sequence, later.id)
                                 > (settled.sequence, settled.step_id)
                        ORDER BY later.sequence, later.id LIMIT 1) AS following ON TRUE
                    WHERE enrollment.id = settled.id""",
                settled=SETTLED,
                only=SQL("TRUE")
                if enrollments is None
                else SQL("enrollment.id = ANY(%s)", enrollments.ids),
                next_date=self._next_date_sql(zone),
            )
        )
        if cr.rowcount:
            self.env["reactivation.enrollment"].invalidate_model()

    @api.model
    def _next_date_sql(self, zone):
        """:return: SQL over `settled` and `following`: when the next step is due; NULL
        where there is none, and only there

        Before a coupon's last day: at the hour of the step before, and not before
        it. Whose coupon is gone hears so at once: the step is skipped.
        """
        delay = self._delay_sql(
            SQL(
                "CASE following.delay_from WHEN 'enrollment'"
                " THEN settled.enrolled_on ELSE settled.settled_on END"
            ),
            SQL(
                "CASE WHEN following.id IS NOT NULL"
                " THEN COALESCE(following.delay_days, 0) END"
            ),
            SQL("following.delay_hours"),
            zone,
        )
        return SQL(
            """CASE WHEN following.delay_from = 'coupon' THEN GREATEST(
                    settled.settled_on, (
                    SELECT (coupon.valid_until - COALESCE(following.delay_days, 0)
                            + (settled.settled_on AT TIME ZONE 'UTC'
                               AT TIME ZONE %(zone)s)::time)
                           AT TIME ZONE %(zone)s AT TIME ZONE 'UTC'
                           - COALESCE(following.delay_hours, 0) * INTERVAL '1 hour'
                      FROM reactivation_coupon coupon
                     WHERE coupon.partner_id = settled.partner_id
                       AND coupon.company_id = settled.company_id
                       AND coupon.source = 'campaign' AND coupon.state = 'open'
                  ORDER BY coupon.worth DESC LIMIT 1))
                ELSE %(delay)s END""",
            zone=zone,
            delay=delay,
        )

    @api.model
    def _delay_sql(self, moment, days, hours, zone):
        """:return: SQL: a moment (UTC) some days later at the same local time, and
        then some hours"""
        return SQL(
            "%s + COALESCE(%s, 0) * INTERVAL '1 hour'",
            self._local_days_sql(moment, days, zone),
            hours,
        )

    @api.model
    def _local_days_sql(self, moment, days, zone):
        """:return: SQL: a moment (UTC) some days later at the same local time"""
        return SQL(
            "((%(moment)s AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s)"
            " + %(days)s * INTERVAL '1 day') AT TIME ZONE %(zone)s AT TIME ZONE 'UTC'",
            moment=moment,
            days=days,
            zone=zone,
        )

    @api.model
    def _schedule_due(self):
        """Turn due steps into waiting deliveries.

        An enrollment has one open delivery at a time: the step after it gets its
        date when it is settled, so that an outage never leads to a burst.

        :return: number of new deliveries
        """
        self.env.flush_all()
        now = fields.Datetime.now()
        cr = self.env.cr
        cr.execute(
            SQL(
                """WITH due AS (
                       SELECT enrollment.id, enrollment.next_step_id AS step_id,
                              enrollment.next_date, enrollment.campaign_id,
                              enrollment.company_id, enrollment.partner_id
                         FROM reactivation_enrollment enrollment
                         JOIN reactivation_campaign campaign
                           ON campaign.id = enrollment.campaign_id
                          AND campaign.state = 'running'
                        WHERE enrollment.state = 'running'
                          AND enrollment.next_date <= %(now)s
                     FOR UPDATE OF enrollment SKIP LOCKED
                   ), delivery AS (
                       INSERT INTO reactivation_delivery (
                              enrollment_id, step_id, campaign_id, company_id,
                              partner_id, channel, date, first_date, state, attempts,
                              create_uid, create_date, write_uid, write_date)
                       SELECT due.id, due.step_id, due.campaign_id, due.company_id,
                              due.partner_id, step.channel, due.next_date,
                              due.next_date, 'pending', 0,
                              %(uid)s, %(now)s, %(uid)s, %(now)s
                         FROM due
                         JOIN reactivation_step step ON step.id = due.step_id
                     -- Of a family, who was enrolled first is written to.
                     ORDER BY due.next_date, due.id
                  ON CONFLICT (enrollment_id, step_id) DO NOTHING
                    RETURNING id, enrollment_id
                   )
                   UPDATE reactivation_enrollment enrollment
                      SET next_step_id = NULL, next_date = NULL,
                          -- Its step was taken out of the method.
                          steps_ended = CASE WHEN due.step_id IS NULL
                                             THEN 'completed' END
                     FROM due
                LEFT JOIN delivery ON delivery.enrollment_id = due.id
                    WHERE enrollment.id = due.id
                RETURNING delivery.id""",
                now=now,
                uid=self.env.uid,
            )
        )
        scheduled = cr.rowcount
        created = [row[0] for row in cr.fetchall() if row[0]]
        self.env["reactivation.enrollment"].invalidate_model()
        self.invalidate_model()
        self.env["reactivation.automation"]._created(self._name, created)
        return scheduled

    # -------------------------------------------------------------------- claim

    @api.model
    def _claim(self, limit):
        """Decide about the next waiting deliveries of one step: claimed, put off
        or skipped, and why. Rows another worker holds are left to it.

        :return: (claimed deliveries, number of deliveries decided about)
        """
        waiting = self._lock_waiting(limit)
        if not waiting:
            return waiting, 0
        campaign, channel = waiting.campaign_id, waiting[0].channel
        if channel == "preferred":
            self._choose_channel(waiting)
            return self.browse(), len(waiting)
        family = self._lock_family(waiting, campaign, channel)
        self.env["reactivation.automation"]._watch(waiting | family)
        decisions = self.env["reactivation.contact.policy"]._decide(
            waiting | family, channel, campaign
        )
        refused, put_off, claimed = {}, [], []
        for delivery in waiting | family:
            decision = decisions[delivery.id]
            if delivery in family and not decision.lead_id:
                # Not with the others: it waits for its own turn.
                continue
            if decision.refusal:
                refused.setdefault(decision.refusal, []).append(delivery.id)
            elif decision.wait:
                put_off.append((delivery.id, decision.wait, decision.until))
            else:
                claimed.append(
                    (
                        delivery.id,
                        decision.recipient_id,
                        decision.address_hash,
                        decision.lead_id,
                    )
                )
        for code, ids in refused.items():
            # A write per reason, of which there are a handful.
            self.browse(ids)._settle("skipped", code)
        self._put_off(put_off)
        self._write_claims(claimed)
        claimed = self.browse(row[0] for row in claimed)
        claimed._attach_offers(channel)
        claimed._attach_surveys(channel)
        return claimed, len(waiting)

    @api.model
    def _waiting_sql(self):
        """:return: SQL of the waiting deliveries that are due, oldest first"""
        now = fields.Datetime.now()
        return SQL(
            """SELECT delivery.id, delivery.step_id, delivery.channel
                 FROM reactivation_delivery delivery
                 JOIN reactivation_step step ON step.id = delivery.step_id
                 JOIN reactivation_campaign campaign
                   ON campaign.id = delivery.campaign_id
                  AND (campaign.state = 'running'
                       OR campaign.state = 'done' AND %(thanks)s)
            LEFT JOIN reactivation_channel_status status
                   ON status.company_id = delivery.company_id
                  AND status.channel = delivery.channel
                WHERE delivery.state = 'pending' AND delivery.date <= %(now)s
                  AND (status.retry_at IS NULL OR status.retry_at <= %(now)s)
             ORDER BY delivery.date, delivery.id""",
            now=now,
            thanks=THANKS_SQL,
        )

    @api.model
    def _lock_waiting(self, limit):
        """:return: the oldest waiting deliveries of one step and channel, locked,
        no more than the pace of their clinic allows"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """WITH waiting AS MATERIALIZED (
                       %s LIMIT %s FOR UPDATE OF delivery SKIP LOCKED)
                   SELECT id FROM waiting
                    WHERE (step_id, channel)
                          = (SELECT step_id, channel FROM waiting LIMIT 1)""",
                self._waiting_sql(),
                limit,
            )
        )
        waiting = self.browse(row[0] for row in rows)
        if waiting:
            waiting = waiting[: self.env["reactivation.runner"]._allowance(waiting)]
        return waiting

    @api.model
    def _put_off(self, rows):
        """Let deliveries wait: (id, why, until) each."""
        if rows:
            self.env.execute_query(
                SQL(
                    """UPDATE reactivation_delivery delivery
                          SET reason = late.reason, date = late.date
                         FROM (VALUES %s) AS late (id, reason, date)
                        WHERE delivery.id = late.id RETURNING 1""",
                    SQL(", ").join(
                        SQL("(%s::int, %s::varchar, %s::timestamp)", *row)
                        for row in rows
                    ),
                )
            )
            self.invalidate_model(["reason", "date"])

    @api.model
    def _write_claims(self, rows):
        """Claim deliveries: (id, recipient, address hash, lead or None) each."""
        if rows:
            self._forget_members([row[0] for row in rows])
            host = socket.gethostname()
            self.env.execute_query(
                SQL(
                    """UPDATE reactivation_delivery delivery
                          SET state = 'claimed', claimed_on = %s, reason = NULL,
                              attempts = delivery.attempts + 1,
                              recipient_id = claim.recipient_id,
                              address_hash = claim.address_hash,
                              lead_id = claim.lead_id,
                              message_id = COALESCE(
                                  delivery.message_id, claim.message_id)
                         FROM (VALUES %s) AS claim (
                              id, recipient_id, address_hash, lead_id, message_id)
                        WHERE delivery.id = claim.id RETURNING 1""",
                    fields.Datetime.now(),
                    SQL(", ").join(
                        SQL(
                            "(%s::int, %s::int, %s::varchar, %s::int, %s::varchar)",
                            *row,
                            f"<{secrets.token_hex(16)}.reactivation@{host}>",
                        )
                        for row in rows
                    ),
                )
            )
            self.invalidate_model()

    @api.model
    def _forget_members(self, ids):
        """Who was to be told with these before is so no more: it is decided anew."""
        self.env.execute_query(
            SQL(
                "UPDATE reactivation_delivery SET lead_id = NULL"
                " WHERE lead_id = ANY(%s) RETURNING 1",
                ids,
            )
        )

    def _deliver(self):
        """Hand claimed deliveries to their channel. Their claim is committed."""
        leads = self.filtered(lambda item: not item.lead_id)
        if leads:
            self.env[f"reactivation.channel.{leads[0].channel}"]._deliver(leads)

    # -------------------------------------------------------------------- tasks

    @api.model
    def _close_tasks(self):
        """Withdraw calls and other tasks from patients who need none any more."""
        self._part_families()
        tasks = self.search([("state", "=", "todo")])
        for (campaign, channel), deliveries in tasks.grouped(
            lambda item: (item.campaign_id, item.channel)
        ).items():
            # Once per campaign and channel with open tasks.
            decisions = self.env["reactivation.contact.policy"]._decide(
                deliveries, channel, campaign, now=False
            )
            refused = deliveries.filtered(
                lambda item, decisions=decisions: (
                    decisions[item.id].refusal not in (None, "expired")
                )
            )
            for code, group in refused.grouped(
                lambda item, decisions=decisions: decisions[item.id].refusal
            ).items():
                # A write per reason.
                group._close_activities()
                (group.member_ids - group)._wait_apart()
                group._settle("skipped", code)
                group.lead_id = False

    def _wait_apart(self):
        """Members of a family whose common task is gone wait for one of their own."""
        self.write(
            {
                "state": "pending",
                "lead_id": False,
                "date": fields.Datetime.now(),
                "settled_on": False,
            }
        )

    @api.model
    def _part_families(self):
        """A task that was about a family, and is no more, leaves nobody behind: what
        was done is done for all of them, else each waits again."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_delivery member
                      SET state = CASE lead.state WHEN 'sent' THEN 'sent'
                                                  ELSE 'pending' END,
                          sent_on = CASE lead.state WHEN 'sent' THEN lead.sent_on END,
                          settled_on = CASE lead.state WHEN 'sent'
                                            THEN member.settled_on END,
                          date = %s,
                          lead_id = CASE lead.state WHEN 'sent' THEN lead.id END
                     FROM reactivation_delivery lead
                    WHERE lead.id = member.lead_id AND member.state = 'todo'
                      AND lead.state <> 'todo'""",
                fields.Datetime.now(),
            )
        )
        if self.env.cr.rowcount:
            self.invalidate_model()

    def _close_activities(self):
        activities = self.activity_id
        self.activity_id = False
        activities.sudo().unlink()
