"""Enrolling, finding what is due, and sending: our runner against Odoo's own mailing.

Mail goes through everything but the network on both sides: Odoo builds the message,
and no server is asked to take it.
"""

import contextlib
import gc
import os
from pathlib import Path
from unittest import mock

import bench_refresh
from workspace import SetupError, say

DUE = 1000
ENROLLMENTS = 1_000_000
RECIPIENTS = 200
WARM_UP = 20

# How `_schedule_due` finds its enrollments.
FIND_DUE = """
SELECT enrollment.id FROM reactivation_enrollment enrollment
  JOIN reactivation_campaign campaign
    ON campaign.id = enrollment.campaign_id AND campaign.state = 'running'
 WHERE enrollment.state = 'running' AND enrollment.next_date <= %(now)s
   FOR UPDATE OF enrollment SKIP LOCKED
"""


def measure_enroll(bench):
    """Enroll everybody who has lapsed into a campaign of two segments, two methods and
    a control group: milliseconds per patient."""
    bench_refresh.ensure_patients(bench)
    enrolled = []

    def prepare(_turn):
        bench.sql("TRUNCATE reactivation_enrollment CASCADE")

    def enroll(env):
        enrolled.append(env["reactivation.enrollment"]._enroll(campaign(env)))

    with bench.environment() as env:
        campaign(env)
    (seconds,) = bench.race(enroll, prepare=prepare)
    count = enrolled[-1]
    bench.figure(
        "enroll",
        seconds,
        enrolled=count,
        ms_per_patient=round(1000 * seconds / count, 4),
    )


def measure_tick(bench):
    """One call of the runner with a million enrollments of which 1,000 are due: the
    milliseconds to find them, and those to schedule and decide about each (policy,
    live visits, caps, contact hours, claim; without sending)."""
    ensure_enrollments(bench)
    _fill_enrollments(bench, ENROLLMENTS)

    def find(env):
        env.cr.execute(FIND_DUE, {"now": bench.clock(env)})
        if env.cr.rowcount != due:
            raise SetupError(
                f"{env.cr.rowcount} enrollments are due instead of {due}",
                "a fault of the benchmark: work in a new database",
            )

    def schedule(env):
        env["reactivation.delivery"]._schedule_due()

    def decide(env):
        deliveries, decided = env["reactivation.delivery"], 0
        while done := deliveries._claim(50)[1]:
            env.cr.commit()
            decided += done
        claimed = deliveries.search_count([("state", "=", "claimed")])
        if (decided, claimed) != (due, due):
            raise SetupError(
                f"{decided} of {due} were decided about, {claimed} may be sent",
                "a fault of the benchmark: look at the reasons of the deliveries",
            )

    due = 0
    _nothing_due(bench)
    bench.vacuum("reactivation_enrollment", "reactivation_delivery")
    (idle,) = bench.race(schedule)
    with bench.environment() as env:
        due = len(_make_due(env, DUE))
    (found,) = bench.race(find)
    scheduled, decided = bench.race(schedule, decide, turns=1)
    with bench.environment() as env:
        env.cr.execute("SELECT count(*) FROM reactivation_enrollment")
        enrolled = env.cr.fetchone()[0]
    bench.sql("DELETE FROM reactivation_enrollment WHERE partner_id IS NULL")
    bench.figure(
        "tick",
        scheduled + decided,
        due=due,
        enrolled=enrolled,
        find_ms=round(1000 * found, 2),
        ms_per_due=round(1000 * (scheduled + decided) / due, 3),
        idle_ms=round(1000 * idle, 2),
    )


def measure_memory(bench):
    """What a worker grows by over many deliveries: DELIVERIES of them (default
    2,000), after the first 500, which fill Odoo's caches."""
    wanted = int(os.environ.get("DELIVERIES") or 2000)
    ensure_enrollments(bench)
    _nothing_due(bench)

    def fill(count):
        with bench.environment() as env:
            ids = _make_due(env, count)
            env["reactivation.delivery"]._schedule_due()
        return len(ids)

    def run(env):
        env["reactivation.delivery"]._cron_run()

    done = -500
    with _without_network():
        while done < wanted:
            # The same patients again and again: their deliveries are taken away.
            done += fill(500 if done < 0 else min(2000, wanted - done))
            bench.race(run, turns=1)
            if done == 0:
                before = _resident_megabytes()
            _check_all_sent(bench)
            _nothing_due(bench)
    growth = _resident_megabytes() - before
    bench.figure("memory", 0, deliveries=wanted, growth_mb=round(growth, 1))


def _resident_megabytes():
    """Memory of this process that is in use."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _check_all_sent(bench):
    with bench.environment() as env:
        env.cr.execute(
            "SELECT state, reason, count(*) FROM reactivation_delivery "
            "WHERE state <> 'sent' GROUP BY 1, 2"
        )
        if left := env.cr.fetchall():
            raise SetupError(f"not everything was sent: {left}", "look at the log")


def _nothing_due(bench):
    """No delivery, and every enrollment waits for its step."""
    bench.sql(
        "DELETE FROM mailing_trace",
        "DELETE FROM mail_message WHERE model = 'reactivation.enrollment'",
        "DELETE FROM reactivation_outcome",
        "DELETE FROM reactivation_delivery",
        "UPDATE reactivation_enrollment SET next_date = now() + INTERVAL '9 days',"
        " steps_ended = NULL WHERE next_date IS NULL OR next_date < now()",
    )


def _fill_enrollments(bench, total):
    """Enrollments of nobody, so that there are as many as in a very large clinic."""
    bench.sql(
        f"""INSERT INTO reactivation_enrollment (
                campaign_id, company_id, state, stage, is_control, method_id,
                next_step_id, next_date, enrolled_on, episode_date)
            SELECT sample.campaign_id, sample.company_id, 'running', 'enrolled', FALSE,
                   sample.method_id, step.id,
                   now() + number % 90 * INTERVAL '1 day' + INTERVAL '1 hour',
                   now(), now()::date - 400
              FROM (SELECT * FROM reactivation_enrollment
                     WHERE NOT is_control LIMIT 1) AS sample
              JOIN reactivation_step step ON step.method_id = sample.method_id
        CROSS JOIN generate_series(1, GREATEST(0, {total} - (
                   SELECT count(*) FROM reactivation_enrollment))) AS number"""
    )


def measure_deliver_mail(bench):
    """Send one e-mail step through the runner, with policy, claims and a commit around
    each batch: against `action_send_mail` of a mailing with the same text, model and
    number of recipients, in batches that Odoo sends at once."""
    ensure_enrollments(bench)
    _nothing_due(bench)
    targets = {}
    with bench.environment() as env:
        mailing = _plain_mailing(env)
        size = RECIPIENTS
        wanted = WARM_UP + 3 * size
        ids = (
            env["reactivation.enrollment"]
            .search([("is_control", "=", False)], limit=2 * wanted, order="id")
            .ids
        )
    pools = [ids[::2], ids[1::2]]

    def prepare(turn):
        """Other patients each time: nobody gets the same e-mail again."""
        begin = turn * size if turn >= 0 else 3 * size
        end = begin + (size if turn >= 0 else WARM_UP)
        targets.update(ours=pools[0][begin:end], theirs=pools[1][begin:end])
        with bench.environment() as env:
            _make_due(env, ids=targets["ours"])
            # They are waiting deliveries already, as after a tick of the runner.
            env["reactivation.delivery"]._schedule_due()

    def ours(env):
        env["reactivation.delivery"]._cron_run()

    def theirs(env):
        recipients = targets["theirs"]
        for begin in range(0, len(recipients), 100):
            env["mailing.mailing"].browse(mailing).action_send_mail(
                recipients[begin : begin + 100]
            )

    with _without_network():
        bench.race(ours, theirs, prepare=lambda _turn: prepare(-1), turns=1)
        mine, core = bench.race(ours, theirs, prepare=prepare)
    _check_sent(bench, 3 * size + WARM_UP)
    bench.figure(
        "deliver_mail",
        mine,
        core,
        recipients=size,
        ms_per_recipient=round(1000 * mine / size, 3),
    )


def campaign(env):
    """The campaign of the benchmark; made by the first who asks."""
    campaign = env["reactivation.campaign"].search([("name", "=", "Benchmark")])
    if campaign:
        return campaign
    from odoo.fields import Command

    env.company.write(
        {
            "street": "1 Main Street",
            "city": "New York",
            "zip": "10001",
            "country_id": env.ref("base.us").id,
            "email": "clinic@example.com",
            # At any hour, and the same patient again and again: the questions are
            # asked all the same.
            "reactivation_hour_from": 0,
            "reactivation_hour_to": 24,
            "reactivation_cap_day": 1000,
            "reactivation_cap_week": 1000,
        }
    )
    step = {"name": "E-mail", "delay_days": 30}
    campaign = env["reactivation.campaign"].create(
        {
            "name": "Benchmark",
            "control_percent": 10,
            "segment_ids": [
                Command.create({"name": "Came once", "visit_pattern": "single"}),
                Command.create({"name": "The others", "sequence": 20}),
            ],
            "method_ids": [
                Command.create({"name": name, "step_ids": [Command.create(step)]})
                for name in ("Plain", "Other")
            ],
        }
    )
    for step in campaign.method_ids.step_ids:
        step._create_mailing("en_US")
    campaign.write({"state": "running"})
    return campaign


def ensure_enrollments(bench):
    with bench.environment() as env:
        missing = not env["reactivation.enrollment"].search_count([], limit=1)
    if missing:
        bench_refresh.ensure_patients(bench)
        with bench.environment() as env:
            env["reactivation.enrollment"]._enroll(campaign(env))
    bench.vacuum("reactivation_enrollment")


def _make_due(env, count=None, ids=None):
    """Let the first step of some enrollments be due; return their ids."""
    if ids is None:
        every = (
            env["reactivation.enrollment"]
            .search([("is_control", "=", False), ("partner_id", "!=", False)])
            .ids
        )
        # Spread over all of them, as they lie in the table.
        ids = every[:: max(len(every) // count, 1)][:count]
    env.cr.execute(
        """UPDATE reactivation_enrollment enrollment
              SET next_date = now() AT TIME ZONE 'UTC' - INTERVAL '1 minute',
                  next_step_id = step.id, steps_ended = NULL
             FROM reactivation_step step
            WHERE step.method_id = enrollment.method_id AND enrollment.id = ANY (%s)""",
        [list(ids)],
    )
    env.invalidate_all()
    return ids


def _plain_mailing(env):
    """A mailing of Odoo's own with the text of our step; return its id."""
    mailing = campaign(env).method_ids[0].step_ids.mailing_ids
    copy = env["mailing.mailing"].create(
        {
            "subject": mailing.subject,
            "preview": mailing.preview,
            "body_html": mailing.body_html,
            "body_arch": mailing.body_arch,
            "email_from": mailing.email_from,
            "mailing_type": "mail",
            "mailing_model_id": mailing.mailing_model_id.id,
            "mailing_domain": "[]",
            "reply_to_mode": mailing.reply_to_mode,
            "keep_archives": mailing.keep_archives,
        }
    )
    return copy.id


@contextlib.contextmanager
def _without_network():
    """Connect nowhere: a session that takes every message and forgets it."""
    from odoo.addons.base.models.ir_mail_server import IrMail_Server

    with mock.patch.object(
        IrMail_Server, "_connect__", lambda *_args, **_options: _Session()
    ):
        yield


class _Session:
    """Not a `Mock`: that would keep every message it was called with."""

    from_filter = smtp_from = False

    def send_message(self, *_arguments, **_options):
        """Take it."""

    def data(self, _text):
        """Take it."""

    def quit(self):
        """Nothing to end."""


def _check_sent(bench, expected):
    """A figure is worth nothing unless both sides sent everything."""
    with bench.environment() as env:
        env.cr.execute(
            """SELECT reactivation_delivery_id IS NOT NULL, trace_status, count(*)
                 FROM mailing_trace GROUP BY 1, 2 ORDER BY 1, 2"""
        )
        found = env.cr.fetchall()
        states = env["reactivation.delivery"]._read_group([], ["state"], ["__count"])
    say(f"  traces (ours, status, number): {found}; deliveries: {states}")
    if {row[1] for row in found} - {"sent"}:
        raise SetupError(
            f"not all of {expected} e-mails were sent", "look at the traces"
        )
