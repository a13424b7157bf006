"""Kill the processes of the product, again and again, and count the e-mails.

`make test-crash` runs this file; `test_crash.py` uses its parts. Everything is real:
processes, commits, a mail server in this process that knows who talks to it and can
kill that process at any point of the dialogue. KILLS and SEED choose.
"""

import inspect
import json
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path

import psutil
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from conftest import PATIENCE, Mailbox

import odoo_env
from workspace import PYTHON, ROOT, SetupError, log_path, run_main, say

DATABASE = "clinic_crash_"
PATIENTS = 40  # of one campaign; when it runs short the next one starts
STEPS = 3
BATCH = 8  # of a claim, instead of 50: more of them, and little waste with a kill

# Where a process can be caught, in the order of an SMTP dialogue (RFC 5321).
POINTS = (
    "connect",  # after the claim, before a word is said
    "ehlo",
    "mail",
    "rcpt",
    "data",
    "body",  # the text is here and not yet taken
    "taken",  # the message is taken, the answer has not left
    "answered",
)

# Who works at the same time. Two runners, as on two servers.
CREW = ("runner", "runner", "mail_queue", "clicker")

IDLE = 1.5  # seconds without any change
CLEAR_UP = 6  # strikes; what the dead had claimed is free again after them

ACCEPTED_STATES = ("sent", "uncertain")
OPEN_STATES = ("pending", "claimed", "sending")
# What did certainly not reach anybody.
UNDELIVERED = ("skipped", "failed")
SETTLED_STATES = ("sent", "skipped", "failed")


# ------------------------------------------------------------------- mail server


class Trap:
    """Something to do when a dialogue gets to a point.

    :param action: called with (session, process id); what it returns is the answer
        of the mail server, if it returns anything
    :param nth: at the how-manieth time that one process gets there
    :param times: how often; None for always
    """

    def __init__(self, point, action, nth=1, times=1):
        self.point, self.action, self.nth, self.times = point, action, nth, times
        self.sprung = threading.Event()
        self._seen = Counter()

    async def spring(self, session, pid):
        self._seen[pid] += 1
        if self.times == 0 or self._seen[pid] < self.nth:
            return None
        if self.times:
            self.times -= 1
        answer = self.action(session, pid)
        self.sprung.set()
        return await answer if inspect.isawaitable(answer) else answer


class TrapSMTP(SMTP):
    """Tells the mailbox about the points for which aiosmtpd has no hook."""

    async def push(self, status):
        answer = None
        if isinstance(status, str) and status.startswith("220 "):
            answer = await self.event_handler.reach("connect", self.session)
        await super().push(answer or status)

    async def smtp_DATA(self, arg):
        before = len(self.session.taken)
        if answer := await self.event_handler.reach("data", self.session):
            await self.push(answer)
            return
        await super().smtp_DATA(arg)
        if len(self.session.taken) > before:
            await self.event_handler.reach("answered", self.session)

    def _create_session(self):
        session = super()._create_session()
        session.taken = []
        return session


class TrapController(Controller):
    def factory(self):
        return TrapSMTP(self.handler, **self.SMTP_kwargs)


class TrapMailbox(Mailbox):
    """A mailbox that knows which process talks to it, and can be told to strike."""

    controller = TrapController

    def __init__(self):
        super().__init__()
        self.traps = []
        self.suspects = lambda: []  # ids of the processes that may connect

    @contextmanager
    def trap(self, point, action, **options):
        trap = Trap(point, action, **options)
        self.traps.append(trap)
        try:
            yield trap
        finally:
            if trap in self.traps:
                self.traps.remove(trap)

    def accepted(self, name):
        """:return: list of (patient, step, Message-ID) taken of a campaign"""
        found = []
        for _content, message in self.messages:
            campaign, _space, step = message["Subject"].partition(" ")
            if campaign == name:
                patient = parseaddr(str(message["To"]))[0]
                found.append((patient, int(step), str(message["Message-ID"])))
        return found

    async def reach(self, point, session):
        """A dialogue got to a point: spring the traps that wait there.

        :return: the answer a trap wants the mail server to give
        """
        answer = None
        for trap in [item for item in self.traps if item.point == point]:
            if pid := self._peer(session):  # else it is dead already
                answer = await trap.spring(session, pid) or answer
        return answer

    def _peer(self, session):
        """:return: id of the process at the other end"""
        port = session.peer[1]
        for pid in self.suspects():
            try:
                connections = psutil.Process(pid).net_connections("tcp4")
            except psutil.Error:
                continue
            if any(item.laddr.port == port for item in connections):
                return pid
        return None

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        await self.reach("ehlo", session)
        return responses

    async def handle_MAIL(self, server, session, envelope, address, mail_options):
        if answer := await self.reach("mail", session):
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(mail_options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if answer := await self.reach("rcpt", session):
            return answer
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        session.text = envelope.content
        if answer := await self.reach("body", session):
            return answer
        answer = await super().handle_DATA(server, session, envelope)
        session.taken.append(envelope)
        return await self.reach("taken", session) or answer


# --------------------------------------------------------------------- processes


class Workers:
    """The processes of a database, forked from one that has Odoo loaded."""

    def __init__(self, database):
        self.database = database
        self.alive = {}  # process id: role
        self.kills = Counter()
        self._dead = []
        self._lock = threading.Lock()

    @contextmanager
    def open(self):
        log = log_path(self.database)
        log.unlink(missing_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(PYTHON), str(ROOT / "tests" / "crash_worker.py"), self.database],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                env=odoo_env.environ() | {"PYTHONPATH": str(ROOT / "tools")},
            )
        try:
            yield self
        finally:
            self.dismiss()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process.kill()
            self._process.wait()

    def ask(self, do, **arguments):
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer = json.loads(line or '{"error": "it died"}')
        if "error" in answer:
            raise AssertionError(f"{answer['error']}; see {log_path(self.database)}")
        return answer["result"]

    def call(self, function, **arguments):
        return self.ask("call", function=function, arguments=arguments)

    def start(self, role, **options):
        pid = self.ask("start", role=role, options=options)
        with self._lock:
            self.alive[pid] = role
        return pid

    def kill(self, pid):
        """SIGKILL. Safe to call from any thread.

        :return: was it alive until now?
        """
        with self._lock:
            role = self.alive.pop(pid, None)
            if not role:
                return False
            os.kill(pid, signal.SIGKILL)
            self.kills[role] += 1
            self._dead.append(pid)
            return True

    def bury(self):
        """Wait until the killed ones are gone, and with them their connections."""
        with self._lock:
            dead, self._dead = self._dead, []
        for pid in dead:
            self.ask("reap", pid=pid)

    def of(self, role):
        with self._lock:
            return [pid for pid, name in self.alive.items() if name == role]

    def fill(self, crew=CREW, **options):
        """Start whoever is missing; nobody may have died by himself."""
        self.bury()
        for pid, role in list(self.alive.items()):
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                log = log_path(self.database)
                raise AssertionError(f"a {role} died by itself; see {log}")
        missing = Counter(crew) - Counter(self.alive.values())
        for role in missing.elements():
            self.start(role, **options)

    def dismiss(self):
        """End everybody between two tests: not one of the kills that count."""
        before = self.kills.copy()
        for pid in list(self.alive):
            self.kill(pid)
        self.bury()
        self.kills = before


# ----------------------------------------------------------------------- clinic


class Clinic:
    """A database whose patients are written to by workers that get killed."""

    def __init__(self, database, mailbox):
        self.database = database
        self.mailbox = mailbox
        self.workers = Workers(database)
        mailbox.suspects = lambda: list(self.workers.alive)
        self._number = 0

    @contextmanager
    def open(self):
        odoo_env.create_db_from_template(self.database)
        try:
            with (
                self.workers.open(),
                odoo_env.server_cursor(self.database) as self._cursor,
            ):
                yield self
        finally:
            odoo_env.drop_db(self.database)

    def sql(self, statement, *values):
        """Run a statement of its own transaction; return its rows, if it has any."""
        self._cursor.execute(statement, values)
        return self._cursor.fetchall() if self._cursor.description else []

    def campaign(self, patients, steps=STEPS, port=None):
        """Lapsed patients, and a campaign that has just been started for them."""
        self._number += 1
        name = f"Wave{self._number}"
        made = self.workers.call(
            "populate",
            name=name,
            patients=patients,
            steps=steps,
            port=port or self.mailbox.port,
        )
        return Campaign(self, name, patients, made["campaign"], made["steps"])

    def backend(self):
        """:return: number of the connection that the checks use"""
        return self.sql("SELECT pg_backend_pid()")[0][0]

    def job(self):
        """:return: id of the scheduled action that sends"""
        return self.sql(
            """SELECT res_id FROM ir_model_data
                WHERE module = 'patient_reactivation' AND name = 'ir_cron_deliveries'"""
        )[0][0]

    def release(self):
        """Let the claims of the dead be old enough. Nobody else may have one."""
        self.sql(
            """UPDATE reactivation_delivery
                  SET claimed_on = claimed_on - INTERVAL '1 hour'
                WHERE state IN ('claimed', 'sending')"""
        )

    def release_when_idle(self):
        """The same for claims that the living have lost: those that do not change."""
        before, since = None, time.monotonic()
        while time.monotonic() < since + IDLE:
            claims = self.sql(
                """SELECT id, state FROM reactivation_delivery
                    WHERE state IN ('claimed', 'sending') ORDER BY id"""
            )
            if claims != before:
                before, since = claims, time.monotonic()
            time.sleep(0.05)
        self.release()


class Campaign:
    """A running campaign, and what may be said about its e-mails."""

    def __init__(self, clinic, name, patients, record_id, steps):
        self.clinic, self.name, self.patients = clinic, name, patients
        self.id, self.steps = record_id, steps

    def sql(self, statement):
        return self.clinic.sql(statement, self.id)

    def accepted(self):
        return self.clinic.mailbox.accepted(self.name)

    def bring_forward(self):
        """What would be due later is due now. Rows that a worker holds are left."""
        self.sql(
            """UPDATE reactivation_delivery SET date = timezone('UTC', now())
                WHERE id IN (SELECT id FROM reactivation_delivery
                              WHERE campaign_id = %s AND state = 'pending'
                                AND date > timezone('UTC', now())
                         FOR NO KEY UPDATE SKIP LOCKED)"""
        )
        self.sql(
            """UPDATE reactivation_enrollment SET next_date = timezone('UTC', now())
                WHERE id IN (SELECT id FROM reactivation_enrollment
                              WHERE campaign_id = %s
                                AND next_date > timezone('UTC', now())
                         FOR NO KEY UPDATE SKIP LOCKED)"""
        )
        self.clinic.sql(
            """UPDATE reactivation_channel_status SET retry_at = NULL
                WHERE retry_at IS NOT NULL"""
        )

    def states(self):
        """:return: {(patient, step number): state of the delivery, or None}"""
        rows = self.sql(
            """SELECT partner.name, step.sequence, delivery.state
                 FROM reactivation_enrollment enrollment
                 JOIN res_partner partner ON partner.id = enrollment.partner_id
                 JOIN reactivation_step step ON step.method_id = enrollment.method_id
            LEFT JOIN reactivation_delivery delivery
                   ON delivery.enrollment_id = enrollment.id
                  AND delivery.step_id = step.id
                WHERE enrollment.campaign_id = %s
             ORDER BY enrollment.id, step.sequence"""
        )
        return {(name, step): state for name, step, state in rows}

    def counts(self):
        """:return: number of deliveries by state"""
        rows = self.sql(
            """SELECT state, count(*) FROM reactivation_delivery
                WHERE campaign_id = %s GROUP BY state"""
        )
        return Counter(dict(rows))

    def planned(self):
        """:return: number of enrollments whose next step is still to come"""
        return self.sql(
            """SELECT count(*) FROM reactivation_enrollment
                WHERE campaign_id = %s AND next_date IS NOT NULL"""
        )[0][0]

    def is_over(self):
        """Has every patient been through all steps?"""
        ((going_on,),) = self.sql(
            """SELECT count(*) FROM reactivation_enrollment
                WHERE campaign_id = %s AND state = 'running' AND steps_ended IS NULL"""
        )
        return not going_on and not any(self.counts()[name] for name in OPEN_STATES)

    def finish(self):
        """Let the workers that live bring the campaign to its end."""
        deadline = time.monotonic() + PATIENCE
        while not self.is_over():
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name} does not end: {self.counts()}")
            self.bring_forward()
            self.clinic.workers.fill()
            time.sleep(0.1)
        # Whoever would send once more has the time to do it.
        time.sleep(10 * 0.1)

    def judge(self):
        """Compare the mail server with the database."""
        return Verdict.of(self)


@dataclass
class Verdict:
    """What went wrong, in sentences; the numbers behind them."""

    accepted: int = 0
    duplicates: int = 0
    lost: int = 0
    uncertain: int = 0
    problems: list = field(default_factory=list)

    def __iadd__(self, other):
        self.accepted += other.accepted
        self.duplicates += other.duplicates
        self.lost += other.lost
        self.uncertain += other.uncertain
        self.problems += other.problems
        return self

    @classmethod
    def of(cls, campaign):
        verdict = cls()
        accepted, states = campaign.accepted(), campaign.states()
        verdict.accepted = len(accepted)
        verdict.uncertain = campaign.counts()["uncertain"]
        verdict._check_copies(accepted)
        verdict._check_states({item[:2] for item in accepted}, states)
        verdict._check_totals(campaign, states)
        verdict._check_message_ids(campaign, accepted)
        verdict._check_outbox(campaign.clinic)
        verdict._check_coupons(campaign)
        return verdict

    def _lose(self, text, items):
        if items:
            self.lost += len(items)
            self._complain(text, items)

    def _complain(self, text, items):
        if items:
            self.problems.append(f"{len(items)} {text}: {sorted(items)[:5]}")

    def _check_copies(self, accepted):
        """No (patient, step) was taken twice by the mail server."""
        copies = Counter(item[:2] for item in accepted)
        twice = {item for item, number in copies.items() if number > 1}
        self.duplicates = sum(copies[item] - 1 for item in twice)
        self._complain("e-mails arrived more than once", twice)

    def _check_states(self, accepted, states):
        """The database says of every e-mail what the mail server says."""
        wrong = {item for item in accepted if states.get(item) not in ACCEPTED_STATES}
        self._lose("e-mails arrived and nobody remembers", wrong)
        sent = {item for item, state in states.items() if state == "sent"}
        self._lose("e-mails are “sent” and never arrived", sent - accepted)
        # Every patient can be written to, and the mail server refuses nothing.
        given_up = {
            item for item, state in states.items() if state in ("failed", "skipped")
        }
        self._lose("e-mails were given up", given_up)

    def _check_totals(self, campaign, states):
        """Nobody has fallen out: every step has a result, or waits for one."""
        names = {name for name, _step in states}
        if len(names) != campaign.patients:
            self._lose("patients are gone", range(campaign.patients - len(names)))
        rows = Counter(states.values())
        counts = campaign.counts()
        del rows[None]
        if rows != counts:
            self.problems.append(f"steps have {rows}, deliveries are {counts}")
        stuck = {item for item, state in states.items() if state in OPEN_STATES}
        self._lose("deliveries are stuck", stuck)
        missing = {item for item, state in states.items() if state is None}
        self._lose("steps never came", missing)
        self._check_audit(campaign)

    def _check_audit(self, campaign):
        """The product's own bookkeeping says the same."""
        totals = campaign.clinic.workers.call("totals", campaign=campaign.id)
        counts = campaign.counts()
        expected = {"enrolled": campaign.patients * len(campaign.steps), "lost": 0}
        expected |= {state: counts[state] for state in (*SETTLED_STATES, "uncertain")}
        found = {name: totals.get(name) for name in expected}
        if found != expected:
            self.problems.append(f"the audit says {found} instead of {expected}")

    def _check_message_ids(self, campaign, accepted):
        """An answer or a bounce finds its delivery, whatever became of the sender."""
        rows = campaign.sql(
            """SELECT partner.name, step.sequence, delivery.message_id
                 FROM reactivation_delivery delivery
                 JOIN reactivation_step step ON step.id = delivery.step_id
                 JOIN res_partner partner ON partner.id = delivery.partner_id
                WHERE delivery.campaign_id = %s"""
        )
        known = {(name, step): number for name, step, number in rows}
        wrong = {item for item in accepted if known.get(item[:2]) != item[2]}
        self._complain("e-mails have an unknown Message-ID", wrong)

    def _check_coupons(self, campaign):
        """B5: nobody has two, no card is an orphan, no e-mail lacks its code, and the
        budget counted what was issued. Every fourth patient may have none."""
        rows = campaign.sql(
            """SELECT partner.name, partner.payer_class, coupon.code, coupon.state,
                      card.points, delivery.state
                 FROM reactivation_coupon coupon
            LEFT JOIN res_partner partner ON partner.id = coupon.partner_id
            LEFT JOIN loyalty_card card ON card.id = coupon.card_id
            LEFT JOIN reactivation_delivery delivery
                   ON delivery.id = coupon.delivery_id
                WHERE coupon.campaign_id = %s"""
        )
        people = Counter(name for name, *_row in rows)
        twice = {name for name, number in people.items() if number > 1}
        self._complain("patients have two coupons", twice)
        unlawful = {name for name, payer, *_row in rows if payer != "cash"}
        self._complain("patients have a coupon they may not have", unlawful)
        wrong = {
            name
            for name, _payer, _code, state, points, delivered in rows
            if (state, points) != ("open", 1) or delivered in (None, *UNDELIVERED)
        }
        self._complain("coupons are worth nothing, or were never sent", wrong)
        ((orphans,),) = campaign.clinic.sql(
            """SELECT count(*) FROM loyalty_card card
                WHERE NOT EXISTS (SELECT FROM reactivation_coupon coupon
                                   WHERE coupon.card_id = card.id)"""
        )
        self._complain("cards have no coupon", range(orphans))
        counted = campaign.sql(
            "SELECT issued FROM reactivation_coupon_budget WHERE campaign_id = %s"
        )
        if sum(row[0] for row in counted) != len(rows):
            self.problems.append(f"the budget says {counted}, coupons are {len(rows)}")
        self._check_codes(campaign, {name: code for name, _payer, code, *_r in rows})

    def _check_codes(self, campaign, codes):
        """The first e-mail shows the patient's own code, and nobody else's."""
        told = {}
        for _content, message in campaign.clinic.mailbox.messages:
            name, _space, step = message["Subject"].partition(" ")
            if name == campaign.name and step == "0":
                text = message.get_body(("plain",)).get_content()
                found = re.findall(r"\b\w{6}-\w{6}-\w{6}\b", text)
                told[parseaddr(str(message["To"]))[0]] = found
        wrong = {
            name
            for name, found in told.items()
            if {code.replace("-", "") for code in found}
            != ({codes[name]} if name in codes else set())
        }
        taken = {name for name, step, _id in campaign.accepted() if not step}
        wrong |= taken - set(told)
        self._complain("e-mails have a missing or a foreign code", wrong)

    def _check_outbox(self, clinic):
        """Nothing is left that a job of Odoo would send by itself."""
        for what, statement in (
            ("mail.mail", "SELECT id FROM mail_mail WHERE state = 'outgoing'"),
            (
                "mailing.mailing",
                "SELECT id FROM mailing_mailing WHERE state IN ('in_queue', 'sending')",
            ),
        ):
            waiting = [row[0] for row in clinic.sql(statement)]
            self._complain(f"records of {what} would be sent by Odoo", waiting)


# ----------------------------------------------------------------------- killing


def killer(workers, answer=None):
    """:return: an action that kills whoever talks to the mail server"""

    def action(_session, pid):
        workers.kill(pid)
        return answer

    return action


class Crash:
    """One run: so many kills at random and at chosen points, and the verdict."""

    chosen = [(point, 1) for point in POINTS] + [("body", 3), ("taken", 3)]

    def __init__(self, clinic, kills, seed, patients):
        self.clinic, self.kills, self.patients = clinic, kills, patients
        self.workers = clinic.workers
        self.random = random.Random(seed)
        self.points = Counter()
        self.campaigns = []

    def run(self):
        plan = self.plan()
        start = time.monotonic()
        for number, strike in enumerate(plan, 1):
            self.ensure_work()
            self.fill()
            self.strike(*strike)
            enough = self.killed() + len(self.workers.of("runner")) >= self.kills
            if enough and number >= len(self.chosen):
                break
            if number % CLEAR_UP == 0:
                self.clear_up()
        self.clear_up()
        verdict = Verdict()
        for campaign in self.campaigns:
            # A few: one after the other ran short of work.
            try:
                campaign.finish()
            except AssertionError as error:
                verdict.problems.append(str(error))
            verdict += campaign.judge()
        if verdict.uncertain > self.killed():
            verdict.problems.append(
                f"{verdict.uncertain} uncertain after {self.killed()} kills"
            )
        self.seconds = round(time.monotonic() - start, 1)
        return verdict

    def killed(self):
        return self.workers.kills.total()

    def plan(self):
        """Every chosen point, the third message of a batch, and chance."""
        plan = []
        while len(plan) < self.kills:
            part = self.chosen + [("chance", 1)] * (len(self.chosen) if plan else 0)
            self.random.shuffle(part)
            plan += part
        return plan

    def ensure_work(self):
        """Have enough to send; a kill while nobody works shows nothing."""
        if self.campaigns:
            campaign = self.campaigns[-1]
            campaign.bring_forward()
            counts = campaign.counts()
            waiting = sum(counts[state] for state in OPEN_STATES) + campaign.planned()
            if waiting >= self.patients // 2:
                return
        self.campaigns.append(self.clinic.campaign(self.patients))

    def fill(self):
        self.workers.fill(batch=BATCH)

    def strike(self, point, nth):
        if point == "chance":
            longest = self.random.choice((0.4, 0.4, 1.5))
            time.sleep(self.random.uniform(0.005, longest))
            self.kill_anybody()
            return
        # Nobody hears the answer, but the mail server acts on it.
        action = killer(self.workers, "451 Gone" if point == "body" else None)
        for _attempt in range(5):
            with self.clinic.mailbox.trap(point, action, nth=nth) as trap:
                if trap.sprung.wait(timeout=3):
                    self.points[point] += 1
                    return
            # Whoever is dead has claimed what there is.
            self.clear_up()
            self.ensure_work()
        raise AssertionError(f"nobody gets to “{point}”")

    def kill_anybody(self):
        """Mostly runners: they are what may lose something."""
        role = self.random.choices(
            ("runner", "mail_queue", "clicker"), weights=(8, 1, 1)
        )[0]
        if pids := self.workers.of(role):
            self.workers.kill(self.random.choice(pids))
            self.points["chance"] += 1

    def clear_up(self):
        """Kill the runners, so that every claim is one of the dead; then go on."""
        for pid in self.workers.of("runner"):
            if self.workers.kill(pid):
                self.points["chance"] += 1
        self.workers.bury()
        self.clinic.release()
        self.fill()


def number(name, default):
    """:return: a number from the environment"""
    text = os.environ.get(name) or default
    try:
        return int(text)
    except ValueError as error:
        problem = f"{name} is not a number: {text}"
        raise SetupError(problem, f"try {name}={default}") from error


def drop_leftovers():
    """Remove the databases of runs that were killed themselves."""
    for name in odoo_env.databases(DATABASE):
        if not Path("/proc", name.removeprefix(DATABASE)).exists():
            odoo_env.drop_db(name)


def main():
    """Kill KILLS times; print what became of it."""
    kills, seed = number("KILLS", "200"), number("SEED", "1")
    odoo_env.ensure_pg()
    drop_leftovers()
    database = f"{DATABASE}{os.getpid()}"
    with TrapMailbox().open() as mailbox, Clinic(database, mailbox).open() as clinic:
        crash = Crash(clinic, kills, seed, patients=PATIENTS)
        verdict = crash.run()
        numbers = {
            "kills": crash.killed(),
            "duplicates": verdict.duplicates,
            "lost": verdict.lost,
            "uncertain": verdict.uncertain,
            "accepted": verdict.accepted,
            "seconds": crash.seconds,
            "seed": seed,
            "killed": dict(crash.workers.kills),
            "points": dict(sorted(crash.points.items())),
        }
    for problem in verdict.problems:
        say(f"  {problem}")
    say(f"CRASH {json.dumps(numbers)}")
    return 1 if verdict.problems else 0


if __name__ == "__main__":
    run_main(main)
