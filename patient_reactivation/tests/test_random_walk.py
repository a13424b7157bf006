"""Thousands of random events, and rules that hold after each of them.

The events are drawn from a seed, in any order: messages are sent, refused, lost and
answered, processes die, patients book, come, object, move, die and are merged, staff
interfere, the clock jumps. What is right is judged by a memory of its own
(`walk_memory`), which reads nothing of what the addon decided.

    WALK_EVENTS=10000 WALK_SEED=3 make test ARGS="-k random_walk"
"""

import itertools
import logging
import os
import random
import smtplib
import sys
from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta
from types import SimpleNamespace
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..tools import transaction
from .common import MailClinicCase
from .test_mail_signals import complaint, report
from .test_response import REPLY
from .test_runner import CHANNEL_LOG, DELIVERY_LOG, RUNNER_LOG, refused
from .walk_coupons import COUPON_EVENTS, PAYERS, CouponWalk
from .walk_memory import DAY, WEEK, Contact, Memory, Person, Visit, birth_of, local

EVENTS = 900
SEED = 20260302
SHOWN = int(os.environ.get("WALK_SHOWN") or 30)
PEOPLE = 40
CAMPAIGNS = 4

# Half-hour changes of the clocks, half-hour zones and both hemispheres.
ZONES = {
    "America/New_York": "+121255501",
    "America/Los_Angeles": "+121355501",
    "Pacific/Honolulu": "+180855501",
    "America/St_Johns": None,
    "Europe/Paris": "+3319900",
    "Asia/Kolkata": None,
    "Australia/Lord_Howe": None,
    "Pacific/Auckland": None,
}

ANSWERS = {
    "taken": 80,
    "busy": 6,  # 450, again later
    "unknown": 3,  # 550 5.1.1
    "policy": 3,  # 550 5.7.1
    "lost": 2,  # hangs after the text, which was not taken
    "taken, hangs": 2,  # hangs after the text, which was
    "no login": 1,  # 535, nothing is taken from us
}

EVENTS_DRAWN = {
    "run": 60,
    "minutes": 30,
    "hours": 45,
    "days": 12,
    "weeks": 1,
    "refresh": 12,
    "enroll": 12,
    "outcomes": 12,
    "audit": 2,
    "somebody_new": 7,
    "books": 6,
    "cancels": 3,
    "comes": 7,
    "misses": 2,
    "unsubscribes": 3,
    "allows_again": 3,
    "consents": 9,
    "says_stop": 1,
    "says_yes_by_staff": 2,
    "bounces": 3,
    "replies": 4,
    "replies_stop": 1,
    "is_away": 2,
    "complains": 1,
    "is_answered": 6,
    "do_not_contact": 1,
    "dies": 1,
    "is_archived": 1,
    "is_merged": 2,
    "is_erased": 1,
    "moves": 4,
    "campaign_new": 12,
    "campaign_paused": 2,
    "campaign_resumed": 14,
    "campaign_closed": 7,
    "channel_mended": 3,
    "patient_stopped": 1,
    "sent_again": 4,
    "arrived_after_all": 3,
    "call_done": 8,
    "call_canceled": 2,
    "clock_set_back": 1,
    **COUPON_EVENTS,
}

# These commit.
JOBS = ("refresh", "enroll", "outcomes", "audit")

# What other people can do while a batch is being sent.
MEANWHILE = (
    "unsubscribes",
    "says_stop",
    "do_not_contact",
    "campaign_paused",
    "dies",
    "patient_stopped",
    "complains",
    "bounces",
)


_logger = logging.getLogger(__name__)


class NotNow(UserError):
    """The event of the walk cannot happen at this moment; nobody reads this."""


class Facts(SimpleNamespace):
    """What is known about one contact."""

    def __str__(self):
        names = ("enrollment", "step", "campaign", "partner_id", "recipient_id")
        plan = ", ".join(f"{name} {getattr(self, name)}" for name in names)
        return f"delivery {self.delivery} ({plan})"


class Killed(BaseException):
    """The process is gone; nothing in it can catch that."""


@tagged("post_install", "-at_install", "slow")
class RandomWalk(CouponWalk, MailClinicCase):
    """The walk: its world, what happens in it, and the rules."""

    # ------------------------------------------------------------------- world

    def set_up_walk(self, seed):
        self.seed = seed
        self.random = random.Random(seed)
        self.memory = Memory()
        self.history, self.problems = [], []
        self.numbers = itertools.count(1)
        self.dies_in = None
        # Dead addresses that the server named since the last commit.
        self.heard = set()
        self.stopped = set()
        self.by_hand = set()
        # Deliveries that were a task once.
        self.were_tasks = set()
        self.closed = set()
        self.manager.notification_type = "inbox"
        self.other_clinic.write(
            {
                "reactivation_tz": "Europe/Paris",
                "country_id": self.env.ref("base.fr").id,
            }
        )
        self.clinics = self.clinic | self.other_clinic
        self.clinics.write(
            {
                "reactivation_lapse_months": 1,
                "reactivation_approval_limit": 0,
                "reactivation_consent_required": True,
                # A pause would be the end of most walks.
                "reactivation_bounce_limit": 40,
                "reactivation_complaint_limit": 40,
            }
        )
        for _number in range(PEOPLE):
            self.event_somebody_new()
        for _number in range(3):
            self.event_campaign_new()

    def start(self):
        """Everything that stands between the addon and the world."""
        stack = ExitStack()
        self.addCleanup(stack.close)
        server = self.registry["ir.mail_server"]
        delivery = self.registry["reactivation.delivery"]
        call = self.registry["reactivation.channel.call"]
        session = SimpleNamespace(
            send_message=self.take,
            data=lambda _text: None,
            quit=lambda: None,
            from_filter=False,
            smtp_from=False,
        )
        self.session = session
        plan = self.registry["reactivation.enrollment"]
        enroll = plan._enroll_sql
        begin, end, deliver = (
            delivery._begin_sending,
            delivery._end_sending,
            call._deliver,
        )

        def connect(*_arguments, **_options):
            if self.server_is_down:
                raise OSError("Connection refused")
            return session

        def begin_sending(deliveries, *arguments, **options):
            if self.random.random() < 0.06:
                self.happen("meanwhile", self.random.choice(MEANWHILE))
                # Others commit what they do, whatever becomes of this process.
                self.env.flush_all()
                self.cr.execute("RELEASE SAVEPOINT walk; SAVEPOINT walk")
                self.is_up_to_date = False
            self.may_die()
            may = begin(deliveries, *arguments, **options)
            self.may_die()
            return may

        def end_sending(deliveries, *arguments, **options):
            self.may_die()
            return end(deliveries, *arguments, **options)

        def enroll_by_name(enrollments, campaign, *arguments):
            """The same seed draws the same control group in every database."""
            drawn = enroll(enrollments, campaign, *arguments)
            key = f"{campaign.sudo().assignment_key}:{campaign.id}"
            name = "(SELECT name FROM res_partner WHERE id = audience.partner_id)"
            return SQL(
                drawn.code.replace("':' || partner_id", f"':' || {name}"),
                *(campaign.name if value == key else value for value in drawn.params),
            )

        def deliver_calls(channel, deliveries):
            self.may_die()
            for item in deliveries._with_members():
                self.judge(item, "call")
            return deliver(channel, deliveries)

        for owner, name, value in (
            (server, "_connect__", connect),
            (server, "_disable_send", classmethod(lambda _cls: False)),
            (plan, "_enroll_sql", enroll_by_name),
            (delivery, "_begin_sending", begin_sending),
            (delivery, "_end_sending", end_sending),
            (call, "_deliver", deliver_calls),
            (self.registry["ir.cron"], "_commit_progress", self.commit_progress),
            *self.transactions(),
        ):
            stack.enter_context(patch.object(owner, name, value))
        stack.enter_context(
            mute_logger(
                CHANNEL_LOG,
                RUNNER_LOG,
                DELIVERY_LOG,
                "odoo.addons.base.models.ir_mail_server",
                "odoo.addons.mail.models.mail_thread",
                "odoo.addons.base.partner_merge",
                "odoo.tests",
            )
        )
        self.server_is_down = False
        self.cr.execute("SAVEPOINT walk")

    # ------------------------------------------------------------- transactions

    def transactions(self):
        """Wherever a model commits or rolls back: module, name, what to do here."""
        for name, module in list(sys.modules.items()):
            if name.startswith("odoo.addons.patient_reactivation.models."):
                if getattr(module, "commit", None) is transaction.commit:
                    yield module, "commit", self.commit
                if getattr(module, "rollback", None) is transaction.rollback:
                    yield module, "rollback", self.rollback

    def commit(self, env, done=0):
        """What is committed survives the death of the process."""
        self.may_die()
        env.flush_all()
        self.cr.execute("RELEASE SAVEPOINT walk; SAVEPOINT walk")
        self.heard.clear()
        self.may_die()

    @staticmethod
    def commit_progress(job, processed=0, *, remaining=None, deactivate=False):
        del processed, remaining, deactivate
        job.env.flush_all()
        job.env.cr.execute("RELEASE SAVEPOINT walk; SAVEPOINT walk")
        return float("inf")

    def rollback(self, env):
        env.clear()
        self.cr.execute("ROLLBACK TO SAVEPOINT walk")

    def may_die(self):
        """The process is killed here, if it is its turn."""
        if self.dies_in is None:
            return
        if self.dies_in == 0:
            self.dies_in = None
            raise Killed
        self.dies_in -= 1

    # -------------------------------------------------------------- mail server

    def take(self, message, _sender, recipients):
        """The mail server gets a message, and says something or not."""
        self.may_die()
        delivery = self.of_message(message["Message-Id"])
        self.memory.attempts.setdefault(delivery.id, set()).add(message["Message-Id"])
        answer = self.random.choices(list(ANSWERS), ANSWERS.values())[0]
        self.note(f"    server: {answer} (delivery {delivery.id} to {recipients})")
        errors = {
            "busy": lambda: refused(450, "4.2.0 Mailbox busy"),
            "unknown": lambda: refused(550, "5.1.1 User unknown"),
            "policy": lambda: refused(550, "5.7.1 Not from you"),
            "no login": lambda: smtplib.SMTPSenderRefused(535, b"5.7.8 No", "x"),
        }
        if answer == "unknown":
            person = self.memory.of_partner(delivery.recipient_id.id)
            # Known to a process that may die before it has written it down.
            self.heard.update(set(person.emails) - self.memory.suppressed)
            self.memory.suppressed.update(person.emails)
        if answer in errors:
            raise errors[answer]()
        self.session.data("text")
        if answer != "lost":
            told = delivery._with_members()
            for item in told:
                # A family gets one message.
                self.judge(item, "mail", {email.lower() for email in recipients})
            self.arrive(told, "mail")
            self.may_die()
        if answer != "taken":
            raise smtplib.SMTPServerDisconnected("timed out")

    def of_message(self, message_id):
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM reactivation_delivery WHERE message_id = %s", message_id
            )
        )
        self.check(len(rows) == 1, f"{len(rows)} deliveries have {message_id}")
        return self.env["reactivation.delivery"].browse(rows[0][0])

    def arrive(self, deliveries, channel):
        """One message or call reached somebody, or a family."""
        for delivery in deliveries:
            person = self.memory.of_partner(delivery.recipient_id.id)
            key = (delivery.enrollment_id.id, delivery.step_id.id)
            self.memory.note_contact(
                key,
                Contact(
                    datetime.now(),
                    delivery.id,
                    person,
                    frozenset(person.addresses(channel)),
                    frozenset(person.first_address(channel)),
                    message=deliveries[0].id,
                ),
            )

    # ------------------------------------------------------------------ judging

    def judge(self, delivery, channel, addresses=None):
        """A person is being contacted: was that right at this very moment?"""
        facts = self.facts(delivery)
        memory = self.memory
        facts.patient = memory.of_partner(facts.partner_id)
        facts.person = memory.of_partner(facts.recipient_id)
        facts.delivery, facts.channel = delivery.id, channel
        if not facts.patient or not facts.person:
            self.check(False, f"delivery {delivery.id} is about nobody")
            return
        facts.addresses = addresses or facts.person.addresses(channel)
        facts.first = facts.person.first_address(channel)
        facts.now = datetime.now()
        facts.zone = self.clinics.browse(facts.company)._reactivation_zone()
        for rule in (
            self.rule_alive,
            self.rule_objections,
            self.rule_consent,
            self.rule_hours,
            self.rule_caps,
            self.rule_visits,
            self.rule_control,
            self.rule_once,
            self.rule_running,
            self.rule_reply,
        ):
            rule(facts)

    def facts(self, delivery):
        """What the plan says about a delivery, without what was decided."""
        self.env.flush_all()
        (row,) = self.env.execute_query_dict(
            SQL(
                """SELECT enrollment.id AS enrollment, delivery.step_id AS step,
                          enrollment.partner_id, delivery.recipient_id,
                          enrollment.is_control, enrollment.episode_date,
                          campaign.company_id AS company, campaign.purpose,
                          campaign.state AS campaign_state, campaign.id AS campaign
                     FROM reactivation_delivery delivery
                     JOIN reactivation_enrollment enrollment
                       ON enrollment.id = delivery.enrollment_id
                     JOIN reactivation_campaign campaign
                       ON campaign.id = enrollment.campaign_id
                    WHERE delivery.id = %s""",
                delivery.id,
            )
        )
        return Facts(**row)

    def rule_alive(self, facts):
        """Nobody who died, is archived or is not to be contacted; no minor."""
        for person in (facts.patient, facts.person):
            self.check(person.alive, f"{facts} reaches somebody gone")
            self.check(not person.do_not_contact, f"{facts} reaches do-not-contact")
        self.check(not facts.person.minor, f"{facts} reaches a minor")
        right = facts.patient.guardian if facts.patient.minor else facts.patient
        self.check(facts.person is right, f"{facts} reaches the wrong person")

    def rule_objections(self, facts):
        """Never to somebody who said no, nor to a suppressed address."""
        self.check(
            not facts.addresses & self.memory.suppressed,
            f"{facts} reaches a suppressed address",
        )
        words = self.memory.objections(
            facts.person, facts.company, facts.channel, facts.purpose
        )
        self.check(not words, f"{facts} reaches somebody who objected: {words}")

    def rule_consent(self, facts):
        """News and offers go only to those who ever said yes."""
        self.check(
            facts.purpose == "care"
            or self.memory.has_consented(
                facts.person, facts.company, facts.channel, facts.purpose
            ),
            f"{facts} is no care, and without consent",
        )

    def rule_hours(self, facts):
        """From 8 to 20 o'clock, where the recipient is."""
        hour = local(facts.now, facts.person.zone).hour
        self.check(8 <= hour < 20, f"{facts} at {hour} o'clock")

    def rule_caps(self, facts):
        """One contact a day and three a week, for the person and each address."""
        others = [
            contact
            for contact in self.memory.recent(
                facts.person, facts.first, facts.now, WEEK
            )
            if contact.delivery != facts.delivery
        ]
        today = [contact for contact in others if contact.at > facts.now - DAY]
        self.check(not today, f"{facts}: {len(today)} contacts today: {today}")
        self.check(len(others) < 3, f"{facts}: in this week: {others}")

    def rule_visits(self, facts):
        """Nobody who has an appointment, nobody who came back."""
        memory, person = self.memory, facts.patient
        booked = memory.is_booked(person, facts.company, facts.now)
        self.check(not booked, f"{facts} reaches somebody with an appointment")
        came = memory.came_after(
            person, facts.company, facts.episode_date, facts.zone, facts.now
        )
        self.check(not came, f"{facts} reaches somebody who came back")

    def rule_control(self, facts):
        """The control group is left alone."""
        self.check(not facts.is_control, f"{facts} is a control")

    def rule_once(self, facts):
        """A step arrives at most once, under one Message-ID."""
        arrived = self.memory.arrived.get((facts.enrollment, facts.step), ())
        before = [contact for contact in arrived if contact.counts]
        self.check(not before, f"{facts} arrived before: {before}")
        ids = self.memory.attempts.get(facts.delivery, ())
        self.check(len(ids) <= 1, f"{facts} left under {ids}")

    def rule_running(self, facts):
        """Only of campaigns that run, and patients who were not stopped."""
        self.check(facts.campaign_state == "running", f"{facts}: campaign does not run")
        self.check(facts.campaign not in self.closed, f"{facts}: campaign is closed")
        self.check(facts.enrollment not in self.stopped, f"{facts} was stopped")

    def rule_reply(self, facts):
        """Nobody who waits for an answer."""
        waiting = self.env["mail.activity"].search_count(
            [
                ("res_model", "=", "reactivation.enrollment"),
                ("res_id", "=", facts.enrollment),
                ("activity_type_id", "=", self.reply_type.id),
            ]
        )
        self.check(not waiting, f"{facts} waits for an answer")

    # ---------------------------------------------------------------- the books

    def check_books(self):
        """After every event: is what is written down right?"""
        self.env.flush_all()
        for rule in (
            self.books_one_open,
            self.books_add_up,
            self.books_no_mail_in_a_queue,
            self.books_control,
            self.books_what_left_is_known,
            self.books_sent_is_true,
        ):
            rule()
        self.check_coupons()
        if self.problems:
            self.fail(self.story())

    def rows(self, query, *values):
        return self.env.execute_query(SQL(query, *values))

    def books_one_open(self):
        """One open delivery per enrollment, but for what was opened again: what
        bounced later goes through another channel, the staff sends it again, or a
        family's task is gone, while the plan went on, and each waits for their own."""
        tasks = self.rows("SELECT id FROM reactivation_delivery WHERE state = 'todo'")
        self.were_tasks.update(number for (number,) in tasks)
        found = self.rows(
            """SELECT enrollment_id, array_agg(id) FROM reactivation_delivery
                WHERE state IN ('pending', 'claimed', 'sending')
                  AND fallback_reason IS NULL AND id <> ALL(%s)
             GROUP BY enrollment_id HAVING count(*) > 1""",
            list(self.by_hand | self.were_tasks),
        )
        self.check(not found, f"more than one open delivery: {found}")

    def books_add_up(self):
        """L6: enrolled = sent + skipped + failed + uncertain + pending + stopped."""
        campaigns = self.env["reactivation.campaign"].search(
            [("company_id", "in", self.clinics.ids)]
        )
        for campaign, totals in (
            self.env["reactivation.runner"]._totals(campaigns).items()
        ):
            enrolled = totals.pop("enrolled")
            self.check(not totals["lost"], f"campaign {campaign} lost steps: {totals}")
            self.check(sum(totals.values()) == enrolled, f"{campaign}: {totals}")

    def books_no_mail_in_a_queue(self):
        """No other job of Odoo finds a message of ours to send."""
        found = self.rows(
            """SELECT mail.id FROM mail_mail mail
                 JOIN mailing_trace trace ON trace.mail_mail_id = mail.id
                WHERE mail.state = 'outgoing'
                  AND trace.reactivation_delivery_id IS NOT NULL"""
        )
        self.check(not found, f"mails in Odoo's queue: {found}")

    def books_control(self):
        """The control group has no deliveries."""
        found = self.rows(
            """SELECT delivery.id FROM reactivation_delivery delivery
                 JOIN reactivation_enrollment enrollment
                   ON enrollment.id = delivery.enrollment_id
                WHERE enrollment.is_control"""
        )
        self.check(not found, f"deliveries of controls: {found}")

    def books_what_left_is_known(self):
        """What arrived is never planned again by itself."""
        arrived = {
            contact.delivery for contact in self.memory.contacts if contact.counts
        }
        found = self.rows(
            """SELECT id, state FROM reactivation_delivery
                WHERE id = ANY(%s) AND state NOT IN
                      ('sent', 'uncertain', 'sending', 'todo')""",
            list(arrived - self.by_hand),
        )
        self.check(not found, f"arrived, and the books do not know it: {found}")

    def books_sent_is_true(self):
        """What is said to be sent did arrive, or somebody of the staff says so."""
        arrived = {contact.delivery for contact in self.memory.contacts}
        found = self.rows(
            """SELECT id FROM reactivation_delivery
                WHERE state = 'sent' AND id <> ALL(%s)""",
            list(arrived | self.by_hand),
        )
        self.check(not found, f"said to be sent, and never left: {found}")

    # ----------------------------------------------------------------- narrating

    def check(self, right, text):
        if not right:
            self.note(f"    WRONG: {text}")
            self.problems.append(text)

    def note(self, text):
        self.history.append(f"{datetime.now():%Y-%m-%d %H:%M:%S} {text}")

    def story(self):
        return "\n".join(
            [
                f"seed {self.seed}, event {self.event_number}:",
                *self.problems,
                "the last events:",
                *self.history[-SHOWN:],
            ]
        )

    def happen(self, when, name):
        """One event. Whatever users are told, the world goes on."""
        self.note(f"{when}: {name}")
        try:
            with self.env.cr.savepoint():
                getattr(self, f"event_{name}")()
        except UserError as error:
            self.env.invalidate_all()
            self.note(f"    refused: {error}")

    def walk(self, seed, events):
        """Let so many events happen."""
        self.set_up_walk(seed)
        self.reply_type = self.env["reactivation.enrollment"]._reply_activity_type()
        self.start()
        names, weights = list(EVENTS_DRAWN), list(EVENTS_DRAWN.values())
        for self.event_number in range(events):
            name = self.random.choices(names, weights)[0]
            try:
                self.happen_now(name)
            except Exception as error:
                error.add_note(self.story())
                raise
            self.check_books()
        return self.memory

    def happen_now(self, name):
        if name == "run":
            self.event_run()
        elif name in JOBS:
            self.note(f"{self.event_number}: {name}")
            getattr(self, f"event_{name}")()
        else:
            self.happen(self.event_number, name)

    # ------------------------------------------------------------------ drawing

    def somebody(self, wanted=lambda _person: True):
        """One of the living, or nobody: the event does not happen then."""
        people = [person for person in self.memory.living() if wanted(person)]
        if not people:
            raise NotNow("nobody there")
        person = self.random.choice(people)
        self.note(f"    person {person.key} (contact {person.partner.id})")
        return person

    def one_of(self, model, domain):
        records = self.env[model].search(domain, order="id")
        if not records:
            raise NotNow("none there")
        record = self.random.choice(records)
        self.note(f"    {record}")
        return record

    def one_delivery(self, *domain):
        """One of the latest, which people react to."""
        records = self.env["reactivation.delivery"].search(
            [("company_id", "in", self.clinics.ids), *domain],
            order="claimed_on desc, id desc",
            limit=12,
        )
        if not records:
            raise NotNow("none there")
        record = self.random.choice(records)
        self.note(f"    {record}")
        return record

    def one_mail(self):
        """A message that somebody got."""
        arrived = {
            contact.delivery for contact in self.memory.contacts if contact.counts
        }
        delivery = self.one_delivery(
            ("id", "in", list(arrived)),
            ("channel", "=", "mail"),
            ("partner_id", "!=", False),
            ("recipient_id", "!=", False),
        )
        # A family has one message.
        return delivery.lead_id or delivery

    # -------------------------------------------------------------- time passes

    def pass_time(self, least, most):
        """Whole seconds, as in the database."""
        self.frozen.tick(timedelta(seconds=self.random.randint(least, most)))

    def event_minutes(self):
        self.pass_time(60, 3300)

    def event_hours(self):
        self.pass_time(3600, 14 * 3600)

    def event_days(self):
        self.pass_time(18 * 3600, 100 * 3600)

    def event_weeks(self):
        self.pass_time(8 * 86400, 45 * 86400)

    def event_clock_set_back(self):
        self.pass_time(-30 * 3600, -300)

    # --------------------------------------------------------------------- jobs

    def event_run(self):
        """The runner, which may die anywhere."""
        self.is_up_to_date = True
        self.server_is_down = self.random.random() < 0.05
        if self.random.random() < 0.15:
            self.dies_in = self.random.choice((0, 1, 2, 3, 5, 8, 13, 21, 34))
        self.note(
            f"{self.event_number}: run"
            + (" without a server" if self.server_is_down else "")
            + (f", dies after {self.dies_in}" if self.dies_in is not None else "")
        )
        self.env.flush_all()
        self.cr.execute("RELEASE SAVEPOINT walk; SAVEPOINT walk")
        try:
            self.env["reactivation.delivery"]._cron_run()
        except Killed:
            self.rollback(self.env)
            self.memory.suppressed -= self.heard
            self.note("    died")
        else:
            self.check_tasks()
        self.dies_in = None
        self.heard.clear()
        self.env.invalidate_all()

    def check_tasks(self):
        """Nobody is asked to call a person who may not be called."""
        if not self.is_up_to_date:
            # Tasks are looked through when a run begins.
            return
        for task in self.env["reactivation.delivery"].search([("state", "=", "todo")]):
            facts = self.facts(task)
            person = self.memory.of_partner(facts.recipient_id)
            facts.delivery = task.id
            words = person and self.memory.objections(
                person, facts.company, task.channel, facts.purpose
            )
            self.check(person, f"{facts}: a task about nobody")
            self.check(not words, f"{facts}: a task in spite of {words}")

    def event_refresh(self):
        self.env["reactivation.patient"]._refresh()

    def event_enroll(self):
        self.env["reactivation.patient"]._refresh()
        self.env["reactivation.enrollment"]._cron_enroll()

    def event_outcomes(self):
        self.env["reactivation.outcome"]._refresh()

    def event_audit(self):
        self.env["reactivation.runner"]._cron_audit()

    # ------------------------------------------------------------------- people

    def event_somebody_new(self):
        if len(self.memory.living()) >= 2 * PEOPLE:
            return
        number = next(self.numbers)
        zone = self.random.choice(list(ZONES))
        minor = self.random.random() < 0.12
        emails, phone = self.new_addresses(number, zone)
        adults = [one for one in self.memory.living() if not one.minor]
        guardian = self.random.choice(adults) if minor and adults else None
        partner = self.person(
            f"Patient {number}",
            email="; ".join(emails) or False,
            phone=phone or False,
            tz=zone,
            birth_date=birth_of(minor),
            guardian_id=guardian.partner.id if guardian else False,
            payer_class=self.random.choice(PAYERS),
        )
        person = Person(number, partner, zone, emails, phone, guardian, minor)
        self.memory.people.append(person)
        for company in self.random.sample(self.clinics, self.random.randint(1, 2)):
            self.came(person, company, self.random.randint(32, 400))
        if self.random.random() < 0.5:
            self.event_consents(person)

    def new_addresses(self, number, zone):
        """An address of their own, one of the family, two of them, or none."""
        own = f"patient{number}@example.com"
        known = [email for one in self.memory.living() for email in one.emails]
        family = self.random.choice(known) if known else own
        emails = self.random.choices(
            ((own,), (family,), tuple(dict.fromkeys((own, family))), ()),
            (70, 18, 6, 6),
        )[0]
        prefix = ZONES[zone]
        numbers = [one.phone for one in self.memory.living() if one.zone == zone]
        phone = f"{prefix}{number % 90 + 10:02}" if prefix else None
        if prefix and prefix.startswith("+33"):
            phone = f"+3319900{number % 9000 + 1000}"
        if numbers and self.random.random() < 0.2:
            phone = self.random.choice(numbers)
        return emails, phone

    def came(self, person, company, days_ago=0):
        record = self.visit(person.partner, days_ago, company_id=company.id)
        person.visits.append(Visit(company.id, record.date, False, "done", record))

    def event_comes(self):
        self.came(self.somebody(), self.random.choice(self.clinics))

    def event_books(self):
        person = self.somebody()
        company = self.random.choice(self.clinics)
        start = datetime.now() + timedelta(minutes=self.random.randint(120, 24_000))
        if self.random.random() < 0.3:
            doctor = self.doctor if company == self.clinic else self.other_doctor
            record = self.meet(person.partner, start, doctor)
            visit = Visit(company.id, start, True, "planned", record)
        else:
            record = self.visit(
                person.partner, start, company_id=company.id, state="planned"
            )
            visit = Visit(company.id, start, False, "planned", record)
        person.visits.append(visit)

    def with_appointment(self):
        now = datetime.now()

        def expected(person):
            return any(
                visit.state == "planned" and visit.start > now
                for visit in person.visits
            )

        person = self.somebody(expected)
        return next(
            visit
            for visit in person.visits
            if visit.state == "planned" and visit.start > now
        )

    def event_cancels(self):
        visit = self.with_appointment()
        visit.state = "off"
        if visit.in_calendar:
            visit.record.active = False
        else:
            visit.record.state = "canceled"

    def event_misses(self):
        visit = self.with_appointment()
        if visit.in_calendar:
            return
        self.frozen.move_to(visit.start + timedelta(hours=1))
        visit.state = "missed"
        visit.record.state = "missed"

    def event_do_not_contact(self):
        person = self.somebody()
        person.partner.do_not_contact = True
        person.do_not_contact = True

    def event_dies(self):
        person = self.somebody()
        person.partner.deceased_date = datetime.now().date()
        person.deceased = True

    def event_is_archived(self):
        person = self.somebody()
        person.partner.active = False
        person.archived = True

    def event_is_merged(self):
        gone = self.somebody()
        kept = self.somebody(lambda one: one is not gone and one.minor == gone.minor)
        self.env["base.partner.merge.automatic.wizard"]._merge(
            [gone.partner.id, kept.partner.id], kept.partner
        )
        self.env.invalidate_all()
        self.memory.merge(gone, kept)
        if kept.guardian is None and kept.minor:
            kept.guardian = self.memory.of_partner(kept.partner.guardian_id.id)

    def event_is_erased(self):
        person = self.somebody()
        self.env["reactivation.privacy"]._erase(person.partner, "Asked for it")
        self.env.invalidate_all()
        self.memory.erase(person)

    def event_moves(self):
        """Another address, another zone."""
        person = self.somebody()
        zone = self.random.choice(list(ZONES))
        emails, phone = self.new_addresses(next(self.numbers), zone)
        person.partner.write(
            {"email": "; ".join(emails) or False, "phone": phone or False, "tz": zone}
        )
        person.zone, person.emails, person.phone = zone, emails, phone

    # -------------------------------------------------------------------- words

    def event_unsubscribes(self):
        self.on_the_page(self.random.choice(("stop", "stop", "stop_mail", "stop_all")))

    def event_allows_again(self):
        self.on_the_page("undo")

    def on_the_page(self, choice):
        delivery = self.one_mail()
        pages = self.env["reactivation.unsubscribe"].sudo()
        mailing = delivery.step_id.mailing_ids[:1]
        person = self.memory.of_partner(delivery.recipient_id.id)
        contact = next(
            one for one in reversed(self.memory.contacts) if one.delivery == delivery.id
        )
        if not contact.addresses:
            return
        address = self.random.choice(sorted(contact.addresses))
        link = pages._link(mailing, delivery.enrollment_id.id, address)
        pages._choose(link, choice, "Stop")
        company, purpose = delivery.company_id.id, delivery.campaign_id.purpose
        if choice == "undo":
            codes = ("care", "service", "offer")
            for code in codes[: codes.index(purpose) + 1]:
                self.memory.say(person, True, company, "mail", code, address)
            return
        channel = "all" if choice == "stop_all" else "mail"
        purpose = purpose if choice == "stop" else "all"
        self.memory.say(person, False, company, channel, purpose, address)

    def event_consents(self, person=None):
        """In writing: what a patient signs ends what the patient objected to."""
        person = person or self.somebody()
        company = self.random.choice(self.clinics)
        channel = self.random.choice(("mail", "all"))
        purpose = self.random.choice(("offer", "offer", "service", "all"))
        self.env["reactivation.consent"]._grant(
            person.partner, company, channel, purpose, "form"
        )
        self.memory.say(person, True, company.id, channel, purpose)

    def event_says_yes_by_staff(self):
        """What staff says never ends an objection."""
        person = self.somebody()
        company = self.random.choice(self.clinics)
        self.env["reactivation.consent"]._grant(
            person.partner, company, "all", "all", "staff"
        )
        self.memory.say(person, True, company.id, "all", "all").ends = False

    def event_says_stop(self):
        """To somebody of the staff, about everything or one channel."""
        person = self.somebody()
        company = self.random.choice(self.clinics)
        objection = self.env["reactivation.objection"].create(
            {
                "partner_id": person.partner.id,
                "company_id": company.id,
                "channel": self.random.choice(("all", "mail", "call")),
                "purpose": self.random.choice(("all", "offer", "care")),
                "note": "Leave me alone",
                "covers_address": self.random.random() < 0.7,
            }
        )
        for address in (objection.covers_address and objection._addresses()) or [None]:
            self.memory.say(
                person,
                False,
                company.id,
                objection.channel,
                objection.purpose,
                address,
            )
        objection.action_record()

    # ------------------------------------------------------------------- mailbox

    def receive(self, raw):
        self.env["mail.thread"].sudo().message_process(None, raw.encode())
        self.env.invalidate_all()

    def answer(self, text, headers=""):
        delivery = self.one_mail()
        person = self.memory.of_partner(delivery.recipient_id.id)
        contact = next(
            one for one in reversed(self.memory.contacts) if one.delivery == delivery.id
        )
        if not contact.addresses or person is None:
            raise NotNow("no address")
        sender = sorted(contact.addresses)[0]
        self.receive(
            REPLY.format(
                sender=sender,
                to="clinic@example.com",
                subject="Re: We miss you",
                number=f"walk-{next(self.numbers)}",
                answered=delivery.message_id,
                headers=headers,
                text=text,
            )
        )
        return delivery, person, sender

    def event_replies(self):
        self.answer("Please call me next week.")

    def event_is_away(self):
        self.answer("I am away until Monday.", "Auto-Submitted: auto-replied\n")

    def event_replies_stop(self):
        delivery, person, sender = self.answer("STOP")
        self.memory.say(person, False, delivery.company_id.id, "mail", "all", sender)

    def event_is_answered(self):
        task = self.one_of(
            "mail.activity",
            [
                ("res_model", "=", "reactivation.enrollment"),
                ("activity_type_id", "=", self.reply_type.id),
            ],
        )
        task._action_done()

    def event_complains(self):
        delivery = self.one_mail()
        trace = self.env["mailing.trace"].search(
            [("reactivation_delivery_id", "=", delivery.id)], limit=1
        )
        if not trace or not delivery.sent_on:
            return
        self.receive(complaint(message_id=delivery.message_id))
        person = self.memory.of_partner(delivery.recipient_id.id)
        self.memory.say(
            person, False, delivery.company_id.id, "mail", "all", trace.email
        )

    def event_bounces(self):
        """A report that a message came back, hours after it was taken."""
        delivery = self.one_mail()
        person = self.memory.of_partner(delivery.recipient_id.id)
        if not delivery.sent_on or delivery.bounced_on or not person.emails:
            return
        address = person.emails[0]
        raw = report(message_id=delivery.message_id, recipient=address)
        self.receive(raw.replace("<report@", f"<report-{next(self.numbers)}@"))
        self.memory.forget_contacts(delivery.id)
        self.memory.suppressed.update(self.told_dead(delivery, address))

    def told_dead(self, delivery, address):
        """A report names the address that is dead, if it is one of this message."""
        contact = next(
            one for one in self.memory.contacts if one.delivery == delivery.id
        )
        return {address} & set(contact.addresses)

    # --------------------------------------------------------------------- staff

    def event_campaign_new(self):
        running = self.env["reactivation.campaign"].search_count(
            [
                ("state", "in", ("running", "paused")),
                ("company_id", "in", self.clinics.ids),
            ]
        )
        if running >= CAMPAIGNS:
            return
        number = next(self.numbers)
        company = self.random.choice(self.clinics)
        campaign = self.campaign(
            steps=self.random.randint(2, 4),
            control=15,
            name=f"Recall {number}",
            company_id=company.id,
            purpose=self.random.choice(("care", "care", "care", "service", "offer")),
            user_id=self.manager.id,
            # Over soon, so that there is always somebody for the next one.
            attribution_days=12,
            assignment_key=f"{self.seed}-{number}",
        )
        for step in campaign.method_ids.step_ids:
            step.write(
                {
                    "delay_days": self.random.choice((0, 1, 2)),
                    "channel": self.random.choices(("mail", "call"), (80, 20))[0],
                    "fallback_channel": self.random.choice((False, "call", "mail")),
                    "script": "We miss you.",
                    "valid_days": self.random.choice((3, 14)),
                }
            )
        self.with_offers(campaign)
        self.env["reactivation.patient"]._refresh()
        campaign.action_start()

    def event_campaign_paused(self):
        self.one_of("reactivation.campaign", [("state", "=", "running")]).action_pause()

    def event_campaign_resumed(self):
        self.one_of("reactivation.campaign", [("state", "=", "paused")]).action_start()

    def event_campaign_closed(self):
        campaign = self.one_of(
            "reactivation.campaign", [("state", "in", ("running", "paused"))]
        )
        campaign.action_done()
        self.closed.add(campaign.id)

    def event_channel_mended(self):
        self.one_of(
            "reactivation.channel.status", [("retry_at", "!=", False)]
        ).action_retry_now()

    def event_patient_stopped(self):
        enrollment = self.one_of(
            "reactivation.enrollment",
            [("state", "=", "running"), ("is_control", "=", False)],
        )
        enrollment.action_stop()
        self.stopped.add(enrollment.id)

    def event_sent_again(self):
        """The staff sends again what failed, or what nobody knows of."""
        delivery = self.one_delivery(("state", "in", ("failed", "uncertain")))
        told = delivery._whole()
        delivery.action_retry()
        self.by_hand.update(told.ids)
        # They say that it did not arrive.
        self.memory.forget_contacts(delivery.id)

    def event_arrived_after_all(self):
        delivery = self.one_delivery(("state", "=", "uncertain"))
        told = delivery._whole()
        delivery.action_mark_sent()
        self.by_hand.update(told.ids)

    def task(self):
        tasks = self.env["reactivation.delivery"].search(
            [("state", "=", "todo"), ("lead_id", "=", False)]
        )
        if not tasks:
            raise NotNow("no task")
        task = self.random.choice(tasks.sorted("id"))
        self.note(f"    {task}")
        return task

    def event_call_done(self):
        task = self.task()
        told = task._with_members()
        task.activity_id._action_done()
        self.arrive(told, "call")

    def event_call_canceled(self):
        self.task().activity_id.unlink()

    # --------------------------------------------------------------------- tests

    def test_rules_hold_after_every_event(self):
        """L7: none of the rules is ever broken, whatever happens."""
        seed = int(os.environ.get("WALK_SEED") or SEED)
        events = int(os.environ.get("WALK_EVENTS") or EVENTS)
        memory = self.walk(seed, events)
        # It was no walk in an empty town.
        self.assertGreater(len(memory.contacts), events // 30, self.story())
        coupons = self.env["reactivation.coupon"].search(
            [("company_id", "in", self.clinics.ids)]
        )
        states = Counter(coupons.mapped("state"))
        self.assertGreater(len(coupons), events // 60, states)
        _logger.info(
            "Seed %s: %s events, %s messages, %s contacts, %s people, coupons: %s.",
            seed,
            events,
            len(memory.attempts),
            len(memory.contacts),
            len(memory.people),
            dict(states),
        )
