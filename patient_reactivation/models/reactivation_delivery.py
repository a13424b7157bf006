import logging
import secrets
import socket
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL
from odoo.tools.mail import email_normalize_all

from ..tools.transaction import commit, rollback, work_read_committed
from .reactivation_contact_policy import REFUSALS
from .res_partner import CHANNELS

_logger = logging.getLogger(__name__)

# Deliveries of one claim. Odoo sends up to 100 mails of a mailing at once and
# queues more than that: within this bound the result is known at once.
BATCH = 50

# A claim this old belongs to a process that died between claim and result.
CLAIM_TIMEOUT = timedelta(minutes=15)

# A decision of the policy is good for this long; what was not sent by then is
# decided about again.
DECISION_AGE = timedelta(seconds=10)

# After these refusals no later step can be right either: the patient is left alone.
FINAL_REFUSALS = ("deceased", "excluded", "do_not_contact", "erased", "stopped")

# After these the patient is on the way: nothing more to send.
SATISFIED_REFUSALS = ("booked", "returned")

# The patient does not want this channel.
OBJECTIONS = ("blacklisted", "opted_out")

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
)

# Waiting times after temporary failures of a message: 41 hours in all.
BACKOFF = tuple(
    timedelta(minutes=minutes) for minutes in (10, 30, 2 * 60, 6 * 60, 12 * 60, 20 * 60)
)

SETTLED = ("sent", "skipped", "failed", "uncertain", "todo")
OPEN = ("pending", "claimed", "sending")


class ReactivationDelivery(models.Model):
    """One step for one enrollment: the outbox row. It exists at most once.

    pending → claimed → sending → sent, skipped, failed or uncertain.

    A batch is decided about and *claimed*; the one message that goes out next is
    *sending*. Both are committed before the outside world is called, the result
    is a commit of its own. A process that dies leaves claimed rows, which
    certainly did not go out and wait again, and at most one row that is being
    sent: that one becomes uncertain and is never sent again by itself.
    """

    _name = "reactivation.delivery"
    _description = "Delivery"
    _order = "date desc, id desc"
    _rec_name = "partner_id"

    enrollment_id = fields.Many2one(
        "reactivation.enrollment",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    step_id = fields.Many2one(
        "reactivation.step",
        required=True,
        readonly=True,
        ondelete="restrict",
        index=True,
    )
    campaign_id = fields.Many2one(
        "reactivation.campaign", required=True, readonly=True, index=True
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    partner_id = fields.Many2one(
        related="enrollment_id.partner_id", store=True, index="btree_not_null"
    )
    recipient_id = fields.Many2one(
        "res.partner",
        readonly=True,
        ondelete="set null",
        help="Who gets the message: the patient, or the guardian of a minor.",
    )
    channel = fields.Selection(
        CHANNELS,
        readonly=True,
        help="The step's channel, or the one it fell back to.",
    )
    date = fields.Datetime(
        string="Planned For",
        readonly=True,
        help="When it is sent, or tried again.",
    )
    first_date = fields.Datetime(
        string="First Due", readonly=True, help="When the step was due at first."
    )
    state = fields.Selection(
        [
            ("pending", "Waiting"),
            ("claimed", "Next in Line"),
            ("sending", "Being Sent"),
            ("todo", "To Do"),
            ("sent", "Sent"),
            ("skipped", "Not Sent"),
            ("failed", "Failed"),
            ("uncertain", "Uncertain"),
        ],
        string="Status",
        default="pending",
        required=True,
        readonly=True,
    )
    reason = fields.Selection(
        REFUSALS,
        string="Why Not Contacted",
        readonly=True,
        help="Why it was not sent; while it waits, what it waits for.",
    )
    fallback_reason = fields.Selection(
        REFUSALS + [("failed", "Sending failed")],
        string="Why Another Channel",
        readonly=True,
        help="Why the step's own channel could not be used.",
    )
    failure = fields.Char(readonly=True, help="What the mail server answered.")
    attempts = fields.Integer(readonly=True)
    message_id = fields.Char(
        string="Message-ID",
        readonly=True,
        help="The same in every attempt: a mail server that got the message before "
        "can tell.",
    )
    address_hash = fields.Char(readonly=True)
    claimed_on = fields.Datetime(readonly=True)
    sent_on = fields.Datetime(readonly=True)
    settled_on = fields.Datetime(
        readonly=True, help="When it was decided. The next step counts from here."
    )
    opened_on = fields.Datetime(readonly=True)
    clicked_on = fields.Datetime(readonly=True)
    replied_on = fields.Datetime(readonly=True)
    bounced_on = fields.Datetime(readonly=True)
    activity_id = fields.Many2one(
        "mail.activity", readonly=True, ondelete="set null", index="btree_not_null"
    )

    _enrollment_step_uniq = models.Constraint(
        "UNIQUE(enrollment_id, step_id)", "A step is delivered once."
    )
    _pending_idx = models.Index("(date, id) WHERE state = 'pending'")
    _claimed_idx = models.Index(
        "(claimed_on) WHERE state IN ('claimed', 'sending')"
    )
    _fallback_idx = models.Index(
        "(step_id) WHERE fallback_reason IS NULL AND state IN ('failed', 'skipped')"
    )
    _contacts_idx = models.Index(
        "(recipient_id, claimed_on) WHERE claimed_on IS NOT NULL"
    )
    _address_idx = models.Index(
        "(address_hash, claimed_on) WHERE claimed_on IS NOT NULL"
    )
    _campaign_idx = models.Index(
        "(campaign_id, claimed_on) WHERE claimed_on IS NOT NULL"
    )
    _settled_idx = models.Index(
        "(campaign_id, settled_on) WHERE settled_on IS NOT NULL"
    )
    _unsettled_idx = models.Index(
        "(campaign_id, state) WHERE state NOT IN ('sent', 'skipped')"
    )

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
        self._release_stale_claims()
        self._close_tasks()
        self._date_next_steps()
        self._schedule_due()
        self._fall_back()
        seconds = self._report_progress()
        size = BATCH
        while seconds:
            began = fields.Datetime.now()
            decided = self._run_batch(size)
            slow = fields.Datetime.now() - began >= DECISION_AGE
            if not decided and slow and size > 1:
                # Writing so many took longer than the decision about them is good.
                size //= 2
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
    def _run_batch(self, size=BATCH):
        """Claim the next deliveries and hand them to their channel.

        :param int size: the most it claims
        :return: number of deliveries that got on; 0 when nothing is left to do, or
            nothing can be done now
        """
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
                      SET state = 'pending', channel = step.fallback_channel,
                          fallback_reason = COALESCE(delivery.reason, 'failed'),
                          reason = NULL, failure = NULL, attempts = 0,
                          date = %(now)s, first_date = %(now)s, settled_on = NULL
                     FROM reactivation_step step, reactivation_enrollment enrollment
                    WHERE step.id = delivery.step_id
                      AND enrollment.id = delivery.enrollment_id
                      AND delivery.fallback_reason IS NULL
                      AND step.fallback_channel IS NOT NULL
                      AND step.fallback_channel <> delivery.channel
                      AND enrollment.state = 'running'
                      AND COALESCE(enrollment.steps_ended, 'completed') = 'completed'
                      AND delivery.state IN ('failed', 'skipped')
                      AND (delivery.state = 'failed'
                           OR delivery.state = 'skipped'
                              AND delivery.reason IN %(reasons)s)""",
                now=fields.Datetime.now(),
                reasons=CHANNEL_REFUSALS,
            )
        )
        fallen = self.env.cr.rowcount
        if fallen:
            self.invalidate_model()
        return fallen

    @api.model
    def _date_next_steps(self):
        """Date the step after each delivery that is settled.

        Days are counted on the clinic's calendar, so that the hour stays the same
        when the clocks change.
        """
        self.env.flush_all()
        cr = self.env.cr
        zone = self.env["res.company"]._reactivation_zone_sql(SQL("settled.company_id"))
        cr.execute(
            SQL(
                """WITH settled AS (
                       SELECT enrollment.id, enrollment.company_id, last.settled_on,
                              step.method_id, step.sequence, step.id AS step_id
                         FROM reactivation_enrollment enrollment
                        CROSS JOIN LATERAL (
                              SELECT delivery.state, delivery.step_id,
                                     delivery.settled_on
                                FROM reactivation_delivery delivery
                                JOIN reactivation_step step
                                  ON step.id = delivery.step_id
                               WHERE delivery.enrollment_id = enrollment.id
                            ORDER BY step.sequence DESC, step.id DESC
                               LIMIT 1) AS last
                         JOIN reactivation_step step ON step.id = last.step_id
                        WHERE enrollment.state = 'running'
                          AND enrollment.next_date IS NULL
                          AND enrollment.steps_ended IS NULL
                          AND NOT enrollment.is_control
                          AND last.state IN %(settled)s
                   FOR UPDATE OF enrollment SKIP LOCKED
                   )
                   UPDATE reactivation_enrollment enrollment
                      SET next_step_id = following.id,
                          next_date = %(next_date)s,
                          steps_ended = CASE WHEN following.id IS NULL
                                             THEN 'completed' END
                     FROM settled
                LEFT JOIN LATERAL (
                          SELECT later.id, later.delay_days
                            FROM reactivation_step later
                           WHERE later.method_id = settled.method_id
                             AND (later.sequence, later.id)
                                 > (settled.sequence, settled.step_id)
                        ORDER BY later.sequence, later.id LIMIT 1) AS following ON TRUE
                    WHERE enrollment.id = settled.id""",
                settled=SETTLED,
                next_date=self._local_days_sql(
                    SQL("settled.settled_on"), SQL("following.delay_days"), zone
                ),
            )
        )
        if cr.rowcount:
            self.env["reactivation.enrollment"].invalidate_model()

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
                  ON CONFLICT (enrollment_id, step_id) DO NOTHING
                    RETURNING id
                   )
                   UPDATE reactivation_enrollment enrollment
                      SET next_step_id = NULL, next_date = NULL,
                          -- Its step was taken out of the method.
                          steps_ended = CASE WHEN due.step_id IS NULL
                                             THEN 'completed' END
                     FROM due
                    WHERE enrollment.id = due.id""",
                now=now,
                uid=self.env.uid,
            )
        )
        scheduled = cr.rowcount
        self.env["reactivation.enrollment"].invalidate_model()
        self.invalidate_model()
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
        step, channel = waiting.step_id, waiting[0].channel
        decisions = self.env["reactivation.contact.policy"]._decide(
            waiting, channel, step.campaign_id
        )
        refused, put_off, claimed = {}, [], []
        for delivery in waiting:
            decision = decisions[delivery.id]
            if decision.refusal:
                refused.setdefault(decision.refusal, []).append(delivery.id)
            elif decision.wait:
                put_off.append((delivery.id, decision.wait, decision.until))
            else:
                claimed.append(
                    (delivery.id, decision.recipient_id, decision.address_hash)
                )
        for code, ids in refused.items():
            # A write per reason, of which there are a handful.
            self.browse(ids)._settle("skipped", code)
        self._put_off(put_off)
        self._write_claims(claimed)
        return self.browse(row[0] for row in claimed), len(waiting)

    @api.model
    def _waiting_sql(self):
        """:return: SQL of the waiting deliveries that are due, oldest first"""
        now = fields.Datetime.now()
        return SQL(
            """SELECT delivery.id, delivery.step_id, delivery.channel
                 FROM reactivation_delivery delivery
                 JOIN reactivation_campaign campaign
                   ON campaign.id = delivery.campaign_id
                  AND campaign.state = 'running'
            LEFT JOIN reactivation_channel_status status
                   ON status.company_id = delivery.company_id
                  AND status.channel = delivery.channel
                WHERE delivery.state = 'pending' AND delivery.date <= %(now)s
                  AND (status.retry_at IS NULL OR status.retry_at <= %(now)s)
             ORDER BY delivery.date, delivery.id""",
            now=now,
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
        """Claim deliveries: (id, recipient, address hash) each."""
        if rows:
            host = socket.gethostname()
            self.env.execute_query(
                SQL(
                    """UPDATE reactivation_delivery delivery
                          SET state = 'claimed', claimed_on = %s, reason = NULL,
                              attempts = delivery.attempts + 1,
                              recipient_id = claim.recipient_id,
                              address_hash = claim.address_hash,
                              message_id = COALESCE(
                                  delivery.message_id, claim.message_id)
                         FROM (VALUES %s) AS claim (
                              id, recipient_id, address_hash, message_id)
                        WHERE delivery.id = claim.id RETURNING 1""",
                    fields.Datetime.now(),
                    SQL(", ").join(
                        SQL(
                            "(%s::int, %s::int, %s::varchar, %s::varchar)",
                            *row,
                            f"<{secrets.token_hex(16)}.reactivation@{host}>",
                        )
                        for row in rows
                    ),
                )
            )
            self.invalidate_model()

    def _deliver(self):
        """Hand claimed deliveries to their channel. Their claim is committed."""
        if self:
            self.env[f"reactivation.channel.{self[0].channel}"]._deliver(self)

    # ------------------------------------------------------------------- result

    def _begin_sending(self, refusal):
        """The last look at one claimed delivery before it is handed over.

        It goes out only if nothing the decision rests on has changed since: an
        opt-out, a suppressed address, a stop, a pause. Committed here.

        :param SQL refusal: over `recipient`: why the address may not be used, or NULL
        :return: bool: it may be sent now
        """
        self.ensure_one()
        self.flush_recordset()
        now = fields.Datetime.now()
        sent = self.env.execute_query(
            SQL(
                """UPDATE reactivation_delivery delivery
                      SET state = 'sending'
                     FROM reactivation_enrollment enrollment,
                          reactivation_campaign campaign, res_partner recipient
                    WHERE delivery.id = %(id)s AND delivery.state = 'claimed'
                      AND delivery.claimed_on > %(oldest)s
                      AND enrollment.id = delivery.enrollment_id
                      AND enrollment.state = 'running'
                      AND COALESCE(enrollment.steps_ended, 'completed') = 'completed'
                      AND campaign.id = delivery.campaign_id
                      AND campaign.state = 'running'
                      AND recipient.id = delivery.recipient_id
                      AND recipient.do_not_contact IS NOT TRUE
                      AND (%(refusal)s) IS NULL
                RETURNING 1""",
                id=self.id,
                oldest=now - DECISION_AGE,
                refusal=refusal,
            )
        )
        commit(self.env, done=len(sent))
        return bool(sent)

    def _end_sending(self, state, reason=None, failure=None):
        """Write the result of the one message that was being sent.

        A bounce that was noticed in the meantime stays.
        """
        now = fields.Datetime.now()
        self.flush_recordset()
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_delivery
                      SET state = %(state)s, reason = %(reason)s,
                          failure = %(failure)s, settled_on = %(now)s,
                          sent_on = CASE WHEN %(state)s = 'sent'
                                         THEN %(now)s::timestamp ELSE sent_on END
                    WHERE id IN %(ids)s AND state = 'sending'""",
                state=state,
                reason=reason,
                failure=failure,
                now=now,
                ids=tuple(self.ids),
            )
        )
        self.invalidate_recordset()

    def _try_later(self, reason, failure, until=None):
        """A temporary failure: again after a while, within the step's window.

        :return: bool: False when it was tried often or long enough
        """
        self.ensure_one()
        now = fields.Datetime.now()
        until = until or now + BACKOFF[min(self.attempts, len(BACKOFF)) - 1]
        window = timedelta(days=self.step_id.valid_days)
        if self.attempts > len(BACKOFF) or until > self.first_date + window:
            return False
        self.flush_recordset()
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_delivery
                      SET state = 'pending', date = %s, reason = %s, failure = %s
                    WHERE id = %s AND state = 'sending'""",
                until,
                reason,
                failure,
                self.id,
            )
        )
        self.invalidate_recordset()
        return True

    def _note_hard_bounce(self):
        """The mail server knows no such mailbox: never write to it again."""
        addresses = {
            address
            for recipient in self.recipient_id
            for address in email_normalize_all(recipient.email or "")
        }
        self.env["reactivation.suppression"]._add("mail", addresses, "bounced")
        self.env["reactivation.outcome"]._append("bounced", self)

    def _give_back(self):
        """What is still in line after its batch waits again, as it was.

        :return: number of deliveries
        """
        rows = []
        if self:
            self.flush_recordset()
            rows = self.env.execute_query(
                SQL(
                    """UPDATE reactivation_delivery
                          SET state = 'pending', attempts = GREATEST(attempts - 1, 0)
                        WHERE id IN %s AND state = 'claimed' RETURNING id""",
                    tuple(self.ids),
                )
            )
            self.invalidate_recordset()
            self.browse(row[0] for row in rows)._forget_mails()
        return len(rows)

    def _settle(self, state, reason=False, failure=False):
        """Write the result of deliveries, and what follows for their enrollment."""
        now = fields.Datetime.now()
        values = {
            "state": state,
            "reason": reason,
            "failure": failure,
            "settled_on": now,
        }
        if state == "sent":
            values["sent_on"] = now
        self.write(values)
        enrollments = self.enrollment_id
        if reason in FINAL_REFUSALS:
            enrollments.filtered(lambda item: item.state == "running")._stop(reason)
        elif reason in SATISFIED_REFUSALS:
            enrollments._stop_steps(reason)
        elif reason in OBJECTIONS and len(self.campaign_id._channels()) == 1:
            # The campaign has no other way to reach the patient.
            enrollments.filtered(lambda item: item.state == "running")._stop(reason)

    # -------------------------------------------------------------------- tasks

    @api.model
    def _close_tasks(self):
        """Withdraw calls and other tasks from patients who need none any more."""
        tasks = self.search([("state", "=", "todo")])
        for (campaign, channel), deliveries in tasks.grouped(
            lambda item: (item.campaign_id, item.channel)
        ).items():
            # Once per campaign and channel with open tasks.
            decisions = self.env["reactivation.contact.policy"]._decide(
                deliveries, channel, campaign, now=False
            )
            refused = deliveries.filtered(
                lambda item, decisions=decisions: decisions[item.id].refusal
                not in (None, "expired")
            )
            for code, group in refused.grouped(
                lambda item, decisions=decisions: decisions[item.id].refusal
            ).items():
                # A write per reason.
                group._close_activities()
                group._settle("skipped", code)

    def _close_activities(self):
        activities = self.activity_id
        self.activity_id = False
        activities.sudo().unlink()

    # ------------------------------------------------------------------ actions

    def action_retry(self):
        """Put failed deliveries back into the queue, by hand."""
        self.check_access("write")
        wrong = self.filtered(lambda item: item.state not in ("failed", "uncertain"))
        if wrong:
            raise UserError(
                self.env._("Only failed or uncertain deliveries can be sent again.")
            )
        ended = self.filtered(lambda item: item.campaign_id.state == "done")
        if ended:
            raise UserError(
                self.env._(
                    "The campaign “%s” is over and sends nothing any more.",
                    ended[0].campaign_id.name,
                )
            )
        now = fields.Datetime.now()
        self.sudo().write(
            {
                "state": "pending",
                "reason": False,
                "failure": False,
                "attempts": 0,
                "date": now,
                "first_date": now,
                "settled_on": False,
                "bounced_on": False,
            }
        )
        self.env.ref("patient_reactivation.ir_cron_deliveries").sudo()._trigger()

    def action_mark_sent(self):
        """The message arrived after all: staff heard so."""
        self.check_access("write")
        if self.filtered(lambda item: item.state != "uncertain"):
            raise UserError(
                self.env._("Only uncertain deliveries can be marked as sent.")
            )
        for claimed_on, deliveries in self.sudo().grouped("claimed_on").items():
            # It went out when it was claimed, not when somebody heard of it.
            deliveries.write(
                {"state": "sent", "sent_on": claimed_on, "reason": False}
            )

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return super().export_data(fields_to_export)
