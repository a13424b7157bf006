import secrets
from contextlib import contextmanager
from datetime import timedelta

from psycopg2.extensions import TRANSACTION_STATUS_INERROR

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL
from odoo.tools.mail import email_normalize_all

from ..tools.spreadsheets import neutral_rows
from ..tools.transaction import commit
from .reactivation_contact_policy import PAST_THANKS, REFUSALS, THANKS_SQL
from .res_partner import CHANNELS

# A decision of the policy is good for this long; what was not sent by then is
# decided about again.
DECISION_AGE = timedelta(seconds=10)

# After these refusals no later step can be right either: the patient is left alone.
FINAL_REFUSALS = ("deceased", "excluded", "do_not_contact", "erased", "stopped")

# After these the patient is on the way: nothing more to send.
SATISFIED_REFUSALS = ("booked", "returned")

# The patient does not want this channel.
OBJECTIONS = ("blacklisted", "opted_out")

# Waiting times after temporary failures of a message: 41 hours in all.
BACKOFF = tuple(
    timedelta(minutes=minutes) for minutes in (10, 30, 2 * 60, 6 * 60, 12 * 60, 20 * 60)
)


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
        [
            *CHANNELS,
            ("action", "Automatic action"),
            ("preferred", "The patient's own channel"),
        ],
        readonly=True,
        help="The step's channel, the patient's own, or the one it fell back to.",
    )
    tried_channel = fields.Char(
        readonly=True, help="The patient's own channel that did not work."
    )
    lead_id = fields.Many2one(
        "reactivation.delivery",
        string="Told Together With",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        help="The message to the family that names this patient too.",
    )
    member_ids = fields.One2many(
        "reactivation.delivery", "lead_id", string="Also Names", readonly=True
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
    _claimed_idx = models.Index("(claimed_on) WHERE state IN ('claimed', 'sending')")
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

    # ------------------------------------------------------------------- family

    def _with_members(self):
        """:return: these deliveries and those that are told together with them"""
        return self | self.member_ids

    def _whole(self):
        """:return: these deliveries, and everybody else who is told with them"""
        return (self | self.lead_id)._with_members()

    def _patients(self):
        """:return: the patients whom one message or one task is about"""
        return self._with_members().partner_id

    # ------------------------------------------------------------------- result

    @contextmanager
    def _last_look(self, campaign, channel):
        """Prepare what `_begin_sending` asks before each message of a batch.

        It goes out only if nothing the decision rests on has changed since: an
        opt-out, a suppressed address, a stop, a pause, a booking. The question is
        long and asked for every message: PostgreSQL plans it once per batch.

        :return: context manager of the name of the prepared statement
        """
        name = f"reactivation_{secrets.token_hex(8)}"
        policy = self.env["reactivation.contact.policy"]
        execute = self.env.cr.execute
        execute("SET plan_cache_mode = force_generic_plan")
        execute(
            SQL(
                """PREPARE %(name)s (int, timestamp) AS
                   UPDATE reactivation_delivery delivery
                      SET state = 'sending'
                     FROM reactivation_enrollment enrollment,
                          reactivation_campaign campaign, res_partner recipient,
                          reactivation_step step
                    WHERE delivery.id = $1 AND delivery.state = 'claimed'
                      AND delivery.claimed_on > $2
                      AND enrollment.id = delivery.enrollment_id
                      AND step.id = delivery.step_id
                      AND (enrollment.state = 'running'
                           AND COALESCE(enrollment.steps_ended, 'completed')
                               = 'completed'
                           OR %(thanks)s
                           AND COALESCE(enrollment.stop_reason, 'completed')
                               IN %(past_thanks)s
                           AND COALESCE(enrollment.steps_ended, 'completed')
                               IN %(past_thanks)s)
                      AND campaign.id = delivery.campaign_id
                      AND (campaign.state = 'running'
                           OR campaign.state = 'done' AND %(thanks)s)
                      AND recipient.id = delivery.recipient_id
                      AND NOT EXISTS (
                          SELECT FROM res_partner person
                           WHERE person.id IN (
                                 enrollment.partner_id, delivery.recipient_id)
                             AND (person.do_not_contact OR NOT person.active
                                  OR person.deceased_date IS NOT NULL))
                      AND (%(refusal)s) IS NULL
                      AND (%(thanks)s OR NOT EXISTS (
                          SELECT 1 FROM (%(visits)s) AS visit
                           WHERE visit.company_id = delivery.company_id
                             AND visit.partner_id = enrollment.partner_id
                             AND (visit.state = 'planned' OR visit.state = 'done'
                                  AND visit.day > enrollment.episode_date)))
                RETURNING 1""",
                thanks=THANKS_SQL,
                past_thanks=PAST_THANKS,
                name=SQL.identifier(name),
                refusal=policy._opt_out_sql(
                    campaign.company_id, channel, campaign.purpose
                ),
                visits=self.env["reactivation.visit.source"]._union_sql(
                    SQL(
                        "SELECT partner_id FROM reactivation_delivery"
                        " WHERE reactivation_delivery.id = $1"
                    )
                ),
            )
        )
        try:
            yield name
        finally:
            status = self.env.cr.connection.info.transaction_status
            # After an error of the database the whole run ends and tidies up.
            if status != TRANSACTION_STATUS_INERROR:
                execute(SQL("DEALLOCATE %s", SQL.identifier(name)))
                execute("RESET plan_cache_mode")

    def _begin_sending(self, last_look):
        """The last look at one claimed delivery before it is handed over. Committed.

        A message that names a family goes out only if it is still right for each.

        :param str last_look: name of the statement that `_last_look` prepared
        :return: bool: it may be sent now
        """
        self.ensure_one()
        together = self._with_members()
        self.env.flush_all()
        oldest = fields.Datetime.now() - DECISION_AGE
        found = [
            # One question per patient, planned once per batch.
            self.env.execute_query(
                SQL("EXECUTE %s (%s, %s)", SQL.identifier(last_look), number, oldest)
            )
            for number in together.ids
        ]
        complete = all(found)
        if any(found) and not complete:
            self.env.cr.execute(
                SQL(
                    """UPDATE reactivation_delivery SET state = 'claimed'
                        WHERE id IN %s AND state = 'sending'""",
                    tuple(together.ids),
                )
            )
        # Said per message: the server gives up a job that is killed without it.
        commit(self.env, done=len(together) if complete else 0)
        return complete

    def _end_sending(self, state, reason=None, failure=None):
        """Write the result of the one message that was being sent.

        A bounce that was noticed in the meantime stays.
        """
        now = fields.Datetime.now()
        together = self._with_members()
        together.flush_recordset()
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
                ids=tuple(together.ids),
            )
        )
        together.invalidate_recordset()

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
        together = self._with_members()
        together.flush_recordset()
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_delivery
                      SET state = 'pending', date = %s, reason = %s, failure = %s,
                          lead_id = NULL
                    WHERE id IN %s AND state = 'sending'""",
                until,
                reason,
                failure,
                tuple(together.ids),
            )
        )
        together.invalidate_recordset()
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
                          SET state = 'pending', lead_id = NULL,
                              attempts = GREATEST(attempts - 1, 0)
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
        together = self._with_members()
        together.write(values)
        enrollments = together.enrollment_id
        if reason in FINAL_REFUSALS:
            enrollments.filtered(lambda item: item.state == "running")._stop(reason)
        elif reason in SATISFIED_REFUSALS:
            enrollments._stop_steps(reason)
        elif (
            reason in OBJECTIONS
            and len(self.step_id.method_id.step_ids._channels()) == 1
        ):
            # The method, in their version of it, has no other way to reach them.
            enrollments.filtered(lambda item: item.state == "running")._stop(reason)

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
        # A message to a family is sent again to all of them.
        self.sudo()._whole().filtered(
            lambda item: item.state in ("failed", "uncertain")
        ).write(
            {
                "state": "pending",
                "reason": False,
                "failure": False,
                "attempts": 0,
                "date": now,
                "first_date": now,
                "settled_on": False,
                "bounced_on": False,
                "lead_id": False,
                "tried_channel": False,
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
        arrived = self.sudo()._whole().filtered(lambda item: item.state == "uncertain")
        for claimed_on, deliveries in arrived.grouped("claimed_on").items():
            # It went out when it was claimed, not when somebody heard of it.
            deliveries.write({"state": "sent", "sent_on": claimed_on, "reason": False})

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return neutral_rows(super().export_data(fields_to_export))
