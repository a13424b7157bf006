import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..tools.transaction import begin_read_committed
from .reactivation_contact_policy import REFUSALS

_logger = logging.getLogger(__name__)

# Deliveries of one claim. Odoo sends up to 100 mails of a mailing at once and
# queues more than that: within this bound the result is known at once.
BATCH = 50

# A claim this old belongs to a process that died between claim and result.
CLAIM_TIMEOUT = timedelta(minutes=15)

# After these refusals no later step can be right either.
FINAL_REFUSALS = ("deceased", "excluded", "do_not_contact", "blacklisted")

# After these the patient is on the way: nothing more to send.
SATISFIED_REFUSALS = ("booked", "returned")


class ReactivationDelivery(models.Model):
    """One step for one enrollment: the outbox row. It exists at most once.

    A delivery is claimed and the claim is committed before the outside world is
    called; the result is a second commit. A process that dies in between leaves
    a claim, which becomes `uncertain` and is never sent again by itself.
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
        "reactivation.step", required=True, readonly=True, ondelete="restrict"
    )
    campaign_id = fields.Many2one(
        "reactivation.campaign", required=True, readonly=True, index=True
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    partner_id = fields.Many2one(related="enrollment_id.partner_id", store=True)
    channel = fields.Selection(related="step_id.channel", store=True)
    date = fields.Datetime(
        string="Due", readonly=True, help="When the step was due to be sent."
    )
    state = fields.Selection(
        [
            ("pending", "Waiting"),
            ("claimed", "Being Sent"),
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
    reason = fields.Selection(REFUSALS, string="Why Not Sent", readonly=True)
    failure = fields.Char(readonly=True, help="What the mail server answered.")
    attempts = fields.Integer(readonly=True)
    claimed_on = fields.Datetime(readonly=True)
    sent_on = fields.Datetime(readonly=True)

    _enrollment_step_uniq = models.Constraint(
        "UNIQUE(enrollment_id, step_id)", "A step is delivered once."
    )
    _pending_idx = models.Index("(date, id) WHERE state = 'pending'")
    _claimed_idx = models.Index("(claimed_on) WHERE state = 'claimed'")

    # ------------------------------------------------------------------- runner

    @api.model
    def _cron_run(self):
        """Schedule what is due, then send it batch by batch."""
        begin_read_committed(self.env)
        self._release_stale_claims()
        self._schedule_due()
        seconds = self._report_progress()
        while seconds:
            begin_read_committed(self.env)
            claimed, decided = self._claim(BATCH)
            if not decided:
                break
            # The claim must be on disk before anybody outside hears of it.
            self._report_progress(decided)
            claimed._deliver()
            # Sending may have reported progress of its own: say again what waits.
            seconds = self._report_progress()
            self.env.ref("patient_reactivation.ir_cron_outcomes")._trigger()

    @api.model
    def _report_progress(self, processed=0):
        """Commit. :return: seconds that are left for this run"""
        remaining = self.search_count(
            [
                ("state", "=", "pending"),
                ("date", "<=", fields.Datetime.now()),
                ("campaign_id.state", "=", "running"),
            ],
            # Asked around every batch: counting all that wait would take longer
            # than sending the batch once there are many.
            limit=20 * BATCH,
        )
        return self.env["ir.cron"]._commit_progress(processed, remaining=remaining)

    @api.model
    def _release_stale_claims(self):
        """Claims of processes that died: uncertain, for staff to decide."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_delivery SET state = 'uncertain'
                    WHERE state = 'claimed' AND claimed_on < %s""",
                fields.Datetime.now() - CLAIM_TIMEOUT,
            )
        )
        self.invalidate_model()

    @api.model
    def _schedule_due(self):
        """Turn due steps into waiting deliveries and date the steps after them.

        :return: number of new deliveries
        """
        self.env.flush_all()
        now = fields.Datetime.now()
        values = {"now": now, "uid": self.env.uid}
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
                              partner_id, channel, date, state, attempts,
                              create_uid, create_date, write_uid, write_date)
                       SELECT due.id, due.step_id, due.campaign_id, due.company_id,
                              due.partner_id, step.channel, due.next_date, 'pending', 0,
                              %(uid)s, %(now)s, %(uid)s, %(now)s
                         FROM due
                         JOIN reactivation_step step ON step.id = due.step_id
                  ON CONFLICT (enrollment_id, step_id) DO NOTHING
                    RETURNING id
                   )
                   UPDATE reactivation_enrollment enrollment
                      SET next_step_id = following.id,
                          next_date = %(now)s + following.delay_days * INTERVAL '1 day'
                     FROM due
                LEFT JOIN reactivation_step step ON step.id = due.step_id
                LEFT JOIN LATERAL (
                          SELECT later.id, later.delay_days
                            FROM reactivation_step later
                           WHERE later.method_id = step.method_id
                             AND (later.sequence, later.id) > (step.sequence, step.id)
                        ORDER BY later.sequence, later.id LIMIT 1) AS following ON TRUE
                    WHERE enrollment.id = due.id""",
                **values,
            )
        )
        scheduled = cr.rowcount
        self.env["reactivation.enrollment"].invalidate_model()
        self.invalidate_model()
        return scheduled

    @api.model
    def _claim(self, limit):
        """Decide about the next waiting deliveries of one step: claimed, or
        skipped and why. Rows another worker holds are left to it.

        :return: (claimed deliveries, number of deliveries decided about)
        """
        waiting = self._lock_waiting(limit)
        if not waiting:
            return waiting, 0
        step = waiting.step_id
        refusals = self.env["reactivation.contact.policy"]._refusals(
            waiting.enrollment_id,
            step.channel,
            step.campaign_id.purpose,
            step.campaign_id.company_id,
        )
        refused = waiting.filtered(lambda item: item.enrollment_id.id in refusals)
        for code, deliveries in refused.grouped(
            lambda item: refusals[item.enrollment_id.id]
        ).items():
            # A write per reason, of which there are a handful.
            deliveries._stamp("skipped", code)
        claimed = waiting - refused
        now = fields.Datetime.now()
        for attempts, deliveries in claimed.grouped("attempts").items():
            # A write per number of attempts: nearly always one.
            deliveries.write(
                {"state": "claimed", "claimed_on": now, "attempts": attempts + 1}
            )
        return claimed, len(waiting)

    @api.model
    def _lock_waiting(self, limit):
        """:return: the oldest waiting deliveries of one step, locked"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """WITH waiting AS MATERIALIZED (
                       SELECT delivery.id, delivery.step_id
                         FROM reactivation_delivery delivery
                         JOIN reactivation_campaign campaign
                           ON campaign.id = delivery.campaign_id
                          AND campaign.state = 'running'
                        WHERE delivery.state = 'pending' AND delivery.date <= %s
                     ORDER BY delivery.date, delivery.id
                        LIMIT %s
                   FOR UPDATE OF delivery SKIP LOCKED)
                   SELECT id FROM waiting
                    WHERE step_id = (SELECT step_id FROM waiting LIMIT 1)""",
                fields.Datetime.now(),
                limit,
            )
        )
        return self.browse(row[0] for row in rows)

    def _deliver(self):
        """Hand claimed deliveries to their channel. Their claim is committed."""
        for step, deliveries in self.grouped("step_id").items():
            # One call per step: a claim is of one step.
            channel = self.env[f"reactivation.channel.{step.channel}"]
            channel._deliver(deliveries)

    def _stamp(self, state, reason=False, failure=False):
        """Write the result of deliveries, and what follows for their enrollment."""
        values = {"state": state, "reason": reason, "failure": failure}
        if state == "sent":
            values["sent_on"] = fields.Datetime.now()
        self.write(values)
        enrollments = self.enrollment_id
        if reason in FINAL_REFUSALS:
            enrollments._stop(reason)
        elif reason in SATISFIED_REFUSALS:
            enrollments._stop_steps()

    # ------------------------------------------------------------------ actions

    def action_retry(self):
        """Put failed deliveries back into the queue, by hand."""
        self.check_access("write")
        wrong = self.filtered(lambda item: item.state not in ("failed", "uncertain"))
        if wrong:
            raise UserError(
                self.env._("Only failed or uncertain deliveries can be sent again.")
            )
        self.sudo().write({"state": "pending", "reason": False, "failure": False})
        self.env.ref("patient_reactivation.ir_cron_deliveries").sudo()._trigger()

    def action_mark_sent(self):
        """The message arrived after all: staff heard so."""
        self.check_access("write")
        if self.filtered(lambda item: item.state != "uncertain"):
            raise UserError(
                self.env._("Only uncertain deliveries can be marked as sent.")
            )
        self.sudo()._stamp("sent")

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return super().export_data(fields_to_export)
