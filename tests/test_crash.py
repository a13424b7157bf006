"""Processes that die, servers that do not answer: nobody is written to twice.

Each story has real processes, real commits and a real mail server; `make test-crash`
kills far more often than there is time for here.
"""

import asyncio
import os
import signal
import time
from email import message_from_bytes

import pytest
from conftest import free_port, wait_for
from crash import POINTS, Clinic, Crash, TrapMailbox, killer

import odoo_env

SMTP_TIMEOUT = 2  # seconds a worker waits for a mail server that says nothing


@pytest.fixture(scope="module")
def opened():
    """A clinic's database and a process with Odoo loaded."""
    with (
        TrapMailbox().open() as mailbox,
        Clinic("clinic_black_box_crash", mailbox).open() as clinic,
    ):
        yield clinic


@pytest.fixture
def clinic(opened):
    """The clinic, at rest: nobody works and no campaign of another test runs."""
    opened.sql("UPDATE reactivation_campaign SET state = 'done'")
    opened.workers.kills.clear()
    yield opened
    opened.workers.dismiss()


@pytest.fixture
def other_session(opened):
    """Somebody else in the database, who does not wait for locks."""
    with odoo_env.server_cursor(opened.database) as cursor:
        cursor.execute("SET lock_timeout = '300ms'")
        yield cursor


def judged(campaign, uncertain=0):
    """The campaign is over: everybody was written to, and nobody twice."""
    verdict = campaign.judge()
    assert not verdict.problems
    assert verdict.uncertain <= uncertain
    return verdict


def finished(campaign, uncertain=0):
    campaign.finish()
    return judged(campaign, uncertain)


# ---------------------------------------------------------------------- killing


@pytest.mark.slow
def test_killed_at_every_point_of_sending(clinic):
    """A1, A2, B1 … B5: two runners, Odoo's mail queue and somebody who clicks
    on “Send Now”, killed at chance and at every chosen point."""
    crash = Crash(clinic, kills=14, seed=7, patients=40)
    verdict = crash.run()
    assert not verdict.problems
    assert set(POINTS) <= set(crash.points)
    assert verdict.uncertain <= crash.killed()


def test_without_any_kill_everybody_gets_every_step_once(clinic):
    """A1, A2: the same crew, and nobody dies."""
    campaign = clinic.campaign(patients=12)
    clinic.workers.fill()
    verdict = finished(campaign)
    assert verdict.accepted == 12 * len(campaign.steps)


@pytest.mark.parametrize(("point", "arrived"), [("body", 5), ("taken", 6)])
def test_the_rest_of_a_batch_survives_its_process(clinic, point, arrived):
    """B3, B4: killed at the fifth of six. The four before are sent, the fifth is
    uncertain, the sixth is sent by the next run; the totals add up."""
    campaign = clinic.campaign(patients=6, steps=1)
    action = killer(clinic.workers, "451 Gone" if point == "body" else None)
    with clinic.mailbox.trap(point, action, nth=5) as trap:
        clinic.workers.start("runner")
        assert trap.sprung.wait(30)
    clinic.workers.bury()
    assert campaign.counts() == {"sent": 4, "sending": 1, "claimed": 1}
    clinic.release()
    clinic.workers.start("runner")
    wait_for(campaign.is_over, "the sixth e-mail")
    assert campaign.counts() == {"sent": 5, "uncertain": 1}
    clinic.workers.fill()
    verdict = finished(campaign, uncertain=1)
    assert verdict.accepted == arrived


def test_the_checks_notice_a_second_copy_and_a_lost_e_mail(clinic):
    """What a system would do that simply sends again whatever it is not sure of."""
    campaign = clinic.campaign(patients=4, steps=1)
    with clinic.mailbox.trap("taken", killer(clinic.workers), nth=2) as trap:
        clinic.workers.start("runner")
        assert trap.sprung.wait(30)
    clinic.workers.bury()
    campaign.sql(
        """UPDATE reactivation_delivery SET state = 'pending', settled_on = NULL
            WHERE campaign_id = %s AND state = 'sending'"""
    )
    clinic.release()
    clinic.workers.fill()
    campaign.finish()
    verdict = campaign.judge()
    assert verdict.duplicates == 1
    assert "arrived more than once" in verdict.problems[0]
    clinic.mailbox.messages.clear()
    assert campaign.judge().lost == 4


def test_a_runner_that_was_only_slow_sends_nothing_twice(clinic):
    """B2: stopped for so long that others took over, it goes on where it was."""
    campaign = clinic.campaign(patients=6, steps=1)
    stopped = []

    def pause(_session, pid):
        os.kill(pid, signal.SIGSTOP)
        stopped.append(pid)

    with clinic.mailbox.trap("taken", pause, nth=2) as trap:
        clinic.workers.start("runner")
        assert trap.sprung.wait(30)
    clinic.release()
    clinic.workers.start("runner")
    wait_for(campaign.is_over, "the other runner")
    os.kill(stopped[0], signal.SIGCONT)
    clinic.workers.fill()
    verdict = finished(campaign, uncertain=1)
    assert verdict.accepted == 6


def test_a_machine_under_load_gets_on_nevertheless(clinic):
    """L2: writing a whole batch takes longer than the decision about it is good for.
    Then fewer are written at once, until some can leave."""
    campaign = clinic.campaign(patients=20, steps=1)
    clinic.workers.start("runner", slow=0.15)
    wait_for(campaign.is_over, "the slow runner")
    assert judged(campaign).accepted == 20


def test_the_job_stays_alive_when_the_time_limit_kills_it(clinic):
    """B8: killed three times, what was done is done and the job goes on."""
    campaign = clinic.campaign(patients=8, steps=1)
    for _time in range(3):
        with clinic.mailbox.trap("taken", killer(clinic.workers), nth=2) as trap:
            clinic.workers.start("job", runs=1)
            assert trap.sprung.wait(30)
        clinic.workers.bury()
        clinic.release()
    ((timeouts, done),) = clinic.sql(
        """SELECT timed_out_counter, done FROM ir_cron_progress
            WHERE cron_id = %s ORDER BY id DESC LIMIT 1""",
        clinic.job(),
    )
    assert timeouts >= 3, "the server knows that it was killed three times"
    clinic.workers.start("job", runs=1)
    wait_for(campaign.is_over, "the job to go on")
    ((active, failures),) = clinic.sql(
        "SELECT active, failure_count FROM ir_cron WHERE id = %s", clinic.job()
    )
    assert active and not failures
    verdict = judged(campaign, uncertain=3)
    assert verdict.accepted == 8


# --------------------------------------------------------------------- database


def test_the_database_cuts_every_connection(clinic, other_session):
    """B7: as a restart of PostgreSQL does, in the middle of it and more than once."""
    campaign = clinic.campaign(patients=16, steps=2)
    other_session.execute("SELECT pg_backend_pid()")
    spared = [other_session.fetchone()[0], clinic.backend()]

    def cut(_session, _pid):
        other_session.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> ALL(%s)""",
            [spared],
        )

    clinic.workers.fill()
    cuts = 0
    for point in ("connect", "body", "taken", "answered"):
        with clinic.mailbox.trap(point, cut, nth=2 if cuts else 1) as trap:
            if trap.sprung.wait(5):
                cuts += 1
        # Alive and without its claims: as old as those of the dead.
        clinic.release_when_idle()
        campaign.bring_forward()
    assert cuts >= 3
    verdict = finished(campaign, uncertain=2 * cuts)
    assert verdict.accepted + 2 * cuts >= 32


def test_somebody_changes_the_same_rows_while_an_e_mail_leaves(clinic, other_session):
    """A12: what another session writes costs no second call of the mail server."""
    campaign = clinic.campaign(patients=6, steps=2)

    def touch(session, _pid):
        number = message_from_bytes(session.text)["Message-ID"]
        other_session.execute(
            """UPDATE reactivation_delivery SET write_date = timezone('UTC', now())
                WHERE message_id = %s
            RETURNING enrollment_id, partner_id, campaign_id""",
            [number],
        )
        enrollment, partner, campaign = other_session.fetchone()
        for table, row in (
            ("reactivation_enrollment", enrollment),
            ("reactivation_campaign", campaign),
            ("res_partner", partner),
        ):
            other_session.execute(
                f"UPDATE {table} SET write_date = timezone('UTC', now()) WHERE id = %s",
                [row],
            )
        touched.append(number)

    touched = []
    with clinic.mailbox.trap("body", touch, times=None):
        clinic.workers.fill()
        verdict = finished(campaign)
    assert verdict.accepted == 12
    assert len(touched) == 12, "a row was locked while the network was waited for"


# ------------------------------------------------------------------ mail server


def test_a_mail_server_that_refuses_connections_loses_nobody(clinic):
    """C1: they wait, nobody fails, and all of it leaves when the server is back."""
    campaign = clinic.campaign(patients=6, steps=1, port=free_port())
    clinic.workers.fill()
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        campaign.bring_forward()
        assert set(campaign.counts()) <= {"pending", "claimed"}
        time.sleep(0.2)
    clinic.sql("UPDATE ir_mail_server SET smtp_port = %s", clinic.mailbox.port)
    verdict = finished(campaign)
    assert verdict.accepted == 6


@pytest.mark.parametrize(
    ("point", "answer"),
    [
        ("connect", "421 4.3.2 Shutting down"),
        ("mail", "421 4.7.0 Too many connections"),
        ("rcpt", "450 4.2.1 Mailbox busy"),
        ("data", "451 4.3.0 Try again"),
        ("body", "452 4.3.1 Disk full"),
    ],
)
def test_a_temporary_refusal_is_tried_again_later(clinic, point, answer):
    """C2: waiting, not failed; tried again and taken once."""
    campaign = clinic.campaign(patients=3, steps=1)
    with clinic.mailbox.trap(point, lambda *_args: answer, times=2) as trap:
        clinic.workers.start("runner")
        assert trap.sprung.wait(30)
        wait_for(
            lambda: campaign.counts()["pending"] and not campaign.counts()["sending"],
            "the delivery to wait",
        )
        assert set(campaign.counts()) <= {"pending", "claimed", "sent"}
        verdict = finished(campaign)
    assert verdict.accepted == 3


@pytest.mark.parametrize("taken", [True, False])
def test_a_mail_server_that_hangs_after_the_text(clinic, taken):
    """C4: nobody can know whether it arrived: uncertain, and not sent again."""
    campaign = clinic.campaign(patients=4, steps=1)

    async def hang(_session, _pid):
        await asyncio.sleep(3 * SMTP_TIMEOUT)
        return "451 Too late"

    with clinic.mailbox.trap("taken" if taken else "body", hang) as trap:
        clinic.workers.fill(smtp_timeout=SMTP_TIMEOUT)
        assert trap.sprung.wait(30)
        campaign.finish()
    verdict = judged(campaign, uncertain=1)
    assert verdict.uncertain == 1
    assert verdict.accepted == (4 if taken else 3)
