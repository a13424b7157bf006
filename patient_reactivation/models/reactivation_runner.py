import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.transaction import commit

_logger = logging.getLogger(__name__)

# The runner is called every five minutes. Silent for longer than this while
# messages wait, it has stopped.
STALLED_AFTER = timedelta(minutes=30)

# After a silence this long what became due in the meantime is spread over a day
# instead of leaving at once.
OUTAGE = timedelta(hours=36)
OVERDUE = timedelta(hours=6)
SPREAD = timedelta(hours=24)
SPREAD_FROM = 50

# A clock that is set back by more than this is worth a warning.
CLOCK_TOLERANCE = timedelta(minutes=10)


class ReactivationRunner(models.Model):
    """The heartbeat of the runner, one row per database.

    It also knows which database it runs in: a copy or a restored backup has a queue
    that was sent already elsewhere, and sends nothing until somebody says so.
    """

    _name = "reactivation.runner"
    _description = "Runner"

    name = fields.Char(default="Runner", required=True, readonly=True)
    last_start = fields.Datetime(string="Last Run", readonly=True)
    last_end = fields.Datetime(readonly=True)
    last_error = fields.Char(readonly=True)
    identity = fields.Char(
        readonly=True, help="Tells this database from its copies and backups."
    )
    is_held = fields.Boolean(
        string="Held",
        readonly=True,
        help="This database is a copy or a restored backup. Nothing is sent until an "
        "administrator says that it is the one patients are written to from.",
    )
    clock_warning = fields.Char(readonly=True)
    stalled_since = fields.Datetime(
        readonly=True, help="When another job noticed first that nothing is sent."
    )

    _one_row = models.UniqueIndex("((1))", "There is one runner.")

    @api.model
    def _get(self):
        """:return: the one row"""
        runner = self.sudo().search([], limit=1)
        if not runner:
            self.env.execute_query(
                SQL(
                    "INSERT INTO reactivation_runner (name) VALUES ('Runner') "
                    "ON CONFLICT DO NOTHING RETURNING 1"
                )
            )
            runner = self.sudo().search([], limit=1)
        return runner

    # ---------------------------------------------------------------- heartbeat

    @api.model
    def _begin(self):
        """Note that the runner runs.

        :return: bool: whether it may send
        """
        runner = self._get()
        now = fields.Datetime.now()
        silent_since = runner.last_start
        warning = False
        if silent_since and silent_since > now + CLOCK_TOLERANCE:
            # A scheduled action has no language of its own.
            clinic = self.with_context(lang=self.env.company.partner_id.lang)
            warning = clinic.env._(
                "The clock of the server was set back: the last run was on %(date)s.",
                date=silent_since,
            )
            _logger.warning("The clock was set back from %s.", silent_since)
        held = runner._is_elsewhere()
        values = {
            "last_start": now,
            "last_error": False,
            "clock_warning": warning,
            "stalled_since": False,
        }
        if held and not runner.is_held:
            values["is_held"] = True
            _logger.warning("A copy or a restored backup: nothing is sent.")
        runner.write(values)
        held = held or runner.is_held
        if not held and silent_since and silent_since < now - OUTAGE:
            self._spread_overdue(now)
        commit(self.env)
        return not held

    @api.model
    def _end(self):
        self._get().last_end = fields.Datetime.now()
        commit(self.env)

    @api.model
    def _note_error(self, error):
        """Keep what stopped the runner, for the settings page to show."""
        self._get().write({"last_error": f"{type(error).__name__}: {error}"[:300]})
        commit(self.env)

    # ----------------------------------------------------------------- identity

    @api.model
    def _current_identity(self):
        """:return: what differs in a copy, in a restored backup and after a recovery
        to an earlier moment: cluster, timeline and number of the database"""
        parts = []
        for query in (
            "SELECT system_identifier FROM pg_control_system()",
            "SELECT timeline_id FROM pg_control_checkpoint()",
            "SELECT oid FROM pg_database WHERE datname = current_database()",
        ):
            # Three questions, of which a hosted server may forbid the first two.
            try:
                with self.env.cr.savepoint(flush=False):
                    self.env.cr.execute(query)
                    parts.append(str(self.env.cr.fetchone()[0]))
            except psycopg2.Error:
                parts.append("-")
        uuid = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        return "/".join([*parts, uuid or "-"])

    def _is_elsewhere(self):
        """:return: bool: this is not the database the queue was made in"""
        identity = self._current_identity()
        if not self.identity:
            self.identity = identity
        return self.identity != identity

    def action_confirm_database(self):
        """An administrator says: patients are written to from here."""
        self.check_access("write")
        runner = self._get()
        runner.write({"identity": self._current_identity(), "is_held": False})
        _logger.info("User %s released the queue of this database.", self.env.uid)
        self.env.ref("patient_reactivation.ir_cron_deliveries").sudo()._trigger()

    # --------------------------------------------------------------------- pace

    @api.model
    def _allowance(self, deliveries):
        """:return: how many of these one company may send right now"""
        company = deliveries[0].company_id
        pace = company.reactivation_pace
        if not pace:
            return len(deliveries)
        now = fields.Datetime.now()
        ((used,),) = self.env.execute_query(
            SQL(
                """SELECT count(*) FROM reactivation_delivery
                    WHERE company_id = %s AND claimed_on > %s
                      AND state <> 'pending'""",
                company.id,
                now - timedelta(minutes=1),
            )
        )
        if used >= pace:
            self.env.ref("patient_reactivation.ir_cron_deliveries")._trigger(
                now + timedelta(minutes=1)
            )
        return max(0, pace - used)

    @api.model
    def _spread_overdue(self, now):
        """After a long silence: spread what is overdue over the coming day."""
        self.env["reactivation.delivery"]._schedule_due()
        self.env.execute_query(
            SQL(
                """UPDATE reactivation_delivery delivery
                      SET date = %(now)s::timestamp
                                 + late.share * %(spread)s * INTERVAL '1 second'
                     FROM (SELECT id, (row_number() OVER (ORDER BY date, id) - 1)
                                      / count(*) OVER ()::float AS share,
                                  count(*) OVER () AS total
                             FROM reactivation_delivery
                            WHERE state = 'pending' AND date < %(overdue)s) AS late
                    WHERE late.id = delivery.id AND late.total > %(from)s
                RETURNING 1""",
                now=now,
                overdue=now - OVERDUE,
                spread=SPREAD.total_seconds(),
                **{"from": SPREAD_FROM},
            )
        )
        self.env["reactivation.delivery"].invalidate_model()

    # ------------------------------------------------------------------ stalled

    @api.model
    def _waiting(self, companies=None):
        """:return: (number of messages due and waiting, the date of the oldest)"""
        self.env.flush_all()
        now = fields.Datetime.now()
        companies = tuple((companies or self.env["res.company"].sudo().search([])).ids)
        ((count, oldest),) = self.env.execute_query(
            SQL(
                """SELECT count(*), min(date) FROM (
                       SELECT delivery.date FROM reactivation_delivery delivery
                         JOIN reactivation_campaign campaign
                           ON campaign.id = delivery.campaign_id
                          AND campaign.state = 'running'
                        WHERE delivery.state = 'pending' AND delivery.date <= %(now)s
                          AND delivery.company_id IN %(companies)s
                        UNION ALL
                       SELECT enrollment.next_date
                         FROM reactivation_enrollment enrollment
                         JOIN reactivation_campaign campaign
                           ON campaign.id = enrollment.campaign_id
                          AND campaign.state = 'running'
                        WHERE enrollment.state = 'running'
                          AND enrollment.next_date <= %(now)s
                          AND enrollment.company_id IN %(companies)s) AS waiting""",
                now=now,
                companies=companies or (0,),
            )
        )
        return count, oldest

    @api.model
    def _is_stalled(self):
        """:return: bool: messages are due, and the runner has not run for long"""
        runner = self._get()
        now = fields.Datetime.now()
        if runner.last_start and runner.last_start > now - STALLED_AFTER:
            return False
        count, oldest = self._waiting()
        return bool(count) and oldest < now - STALLED_AFTER

    @api.model
    def _warn_if_stalled(self):
        """Tell the owners of running campaigns, once, that nothing is sent.

        Called by the other jobs: the runner itself cannot say that it stopped.
        """
        runner, now = self._get(), fields.Datetime.now()
        if not runner.is_held:
            if not self._is_stalled():
                return
            # After a server was down the other jobs may come first: it stands still
            # only if it does so for a while beside them.
            runner.stalled_since = runner.stalled_since or now
            if runner.stalled_since > now - STALLED_AFTER:
                return
        for campaign in (
            self.env["reactivation.campaign"].sudo().search([("state", "=", "running")])
        ):
            # A handful; each has its owner to tell.
            campaign = campaign._for_caretaker()
            campaign._alert(
                campaign.env._("Messages wait and are not sent"),
                self.with_env(campaign.env)._stalled_text(),
            )

    @api.model
    def _stalled_text(self):
        runner = self._get()
        if runner.is_held:
            return self.env._(
                "This database is a copy or a restored backup. Confirm in the "
                "settings of Patient Reactivation that it is the one to send from."
            )
        return self.env._(
            "The scheduled action “Patient Reactivation: send due steps” has not "
            "run since %(date)s. Ask your administrator to look at it.",
            date=runner.last_start or self.env._("the start"),
        )

    # -------------------------------------------------------------------- audit

    @api.model
    def _totals(self, campaigns):
        """What became of every step of every enrolled patient, who is not a control.

        Each (patient, step) is exactly one of sent, skipped, failed, uncertain,
        pending or stopped. *Lost* is one that is none of them: a fault.

        :return: {campaign id: {"enrolled", "sent", …, "lost"}}
        """
        self.env.flush_all()
        rows = self.env.execute_query_dict(
            SQL(
                """SELECT campaign_id, count(*) AS enrolled,
                          count(*) FILTER (WHERE kind = 'sent') AS sent,
                          count(*) FILTER (WHERE kind = 'skipped') AS skipped,
                          count(*) FILTER (WHERE kind = 'failed') AS failed,
                          count(*) FILTER (WHERE kind = 'uncertain') AS uncertain,
                          count(*) FILTER (WHERE kind = 'pending') AS pending,
                          count(*) FILTER (WHERE kind = 'stopped') AS stopped,
                          count(*) FILTER (WHERE kind IS NULL) AS lost
                     FROM (SELECT enrollment.campaign_id,
                                  CASE
                       WHEN delivery.state IN ('pending', 'claimed', 'sending', 'todo')
                            THEN 'pending'
                       WHEN delivery.id IS NOT NULL THEN delivery.state
                       WHEN enrollment.state = 'running'
                            AND enrollment.next_step_id IS NOT NULL
                            AND enrollment.next_date IS NOT NULL
                            AND (following.sequence, following.id)
                                <= (step.sequence, step.id) THEN 'pending'
                       WHEN enrollment.steps_ended IS NOT NULL
                            OR enrollment.state <> 'running' THEN 'stopped'
                       WHEN EXISTS (
                            SELECT 1 FROM reactivation_delivery before
                             WHERE before.enrollment_id = enrollment.id
                               AND before.step_id <> step.id) THEN 'pending'
                                  END AS kind
                             FROM reactivation_enrollment enrollment
                             JOIN reactivation_step step
                               ON step.method_id = enrollment.method_id
                        LEFT JOIN reactivation_delivery delivery
                               ON delivery.enrollment_id = enrollment.id
                              AND delivery.step_id = step.id
                        LEFT JOIN reactivation_step following
                               ON following.id = enrollment.next_step_id
                            WHERE enrollment.campaign_id IN %s
                              AND NOT enrollment.is_control) AS fate
                 GROUP BY campaign_id""",
                tuple(campaigns.ids) or (0,),
            )
        )
        return {row.pop("campaign_id"): row for row in rows}

    @api.model
    def _cron_audit(self):
        """Nightly: does the bookkeeping add up, and is nothing left behind?"""
        self._tidy_leftovers()
        campaigns = (
            self.env["reactivation.campaign"].sudo().search([("state", "=", "running")])
        )
        totals = self._totals(campaigns)
        for campaign in campaigns:
            # A handful of campaigns; an alert only where something is wrong.
            lost = totals.get(campaign.id, {}).get("lost")
            if lost:
                _logger.error("Campaign %s: %s steps are lost.", campaign.id, lost)
                campaign = campaign._for_caretaker()
                campaign._alert(
                    campaign.env._("The bookkeeping of the campaign does not add up"),
                    campaign.env._(
                        "%(lost)s steps are neither sent nor waiting nor stopped. "
                        "Show this to the people who support your Odoo.",
                        lost=lost,
                    ),
                )
        self._warn_if_stalled()

    @api.model
    def _tidy_leftovers(self):
        """Messages of a process that died after sending: close their books."""
        traces = (
            self.env["mailing.trace"]
            .sudo()
            .search(
                [
                    ("reactivation_delivery_id", "!=", False),
                    ("mail_mail_id", "!=", False),
                    (
                        "reactivation_delivery_id.state",
                        "not in",
                        ("claimed", "sending"),
                    ),
                ],
                limit=1000,
            )
        )
        sent = traces.filtered(
            lambda trace: trace.reactivation_delivery_id.state == "sent"
        )
        sent.filtered(lambda trace: trace.trace_status == "outgoing").set_sent()
        sent.mail_mail_id.unlink()
        (traces - sent).reactivation_delivery_id._forget_mails()
