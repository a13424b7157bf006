"""The clinic's side: what staff enter into Odoo, and the engine's daily work.

Nothing here writes a result. Staff enter contacts, appointments, imported visits and
reasons; enrolling, mailing and measuring is done by the addon's own scheduled jobs.
"""

import contextlib
import email.message
import email.utils
import random
from datetime import datetime, time, timedelta
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from odoo import SUPERUSER_ID, api, sql_db
from odoo.fields import Command
from odoo.modules.registry import Registry

from clinic_demo import coupons, surveys
from clinic_demo.life import follow
from clinic_demo.mailbox import AddressBook
from clinic_demo.names import ABSENCES, REPLIES

# On the clocks of the first clinic: the jobs run in the morning, in the afternoon, and
# when the desk has entered the day, at an hour at which nobody is written to any more.
MORNING, AFTERNOON, EVENING = time(9, 0), time(15, 0), time(20, 30)
# Days after which the front desk has called, or answered.
PATIENCE = 3
# What came up in the last days is still to be done.
LEFT_TO_DO = 10
# Days from the post box to the patient.
POST = 3
# Whoever asks to be called again is called again after two days, at this hour.
AGAIN = time(14, 30)
FRIDAY = 4
# Mailboxes that answer by themselves.
AWAY = 0.03
PRICES = {
    "mail": {"price": 0.02},
    "letter": {"price": 1.35},
    "call": {"price": 0.6, "unit": "minute"},
}
UTC = ZoneInfo("UTC")
QUIET = {
    "no_mail_to_attendees": True,
    "dont_notify": True,
    "tracking_disable": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "mail_activity_automation_skip": True,
    "no_reset_password": True,
    "skip_contact_description": True,
}
ADDON = "patient_reactivation"
# Odoo's other jobs would call services of its maker or write to staff.
KEPT_JOBS = ("mail.ir_cron_mail_scheduler_action", "base.autovacuum_job")
MEETINGS = {"en_US": "Appointment: %s", "fr_FR": "Rendez-vous : %s"}


class Clock:
    """A clock that stands still until it is moved, for Python and for Odoo.

    freezegun leaves alone the start of the database's transaction, which Odoo writes
    as the date of creation and change: that one is moved here as well.
    """

    def __init__(self, moment):
        from freezegun import freeze_time

        # The progress shown on the terminal goes by the real clock.
        self._freezer = freeze_time(moment, ignore=["workspace"])
        self._cursor = patch.object(
            sql_db.BaseCursor, "now", lambda _cursor: datetime.utcnow()
        )

    def __enter__(self):
        self._frozen = self._freezer.start()
        self._cursor.start()
        return self

    def __exit__(self, *_error):
        self._cursor.stop()
        self._freezer.stop()

    def move_to(self, moment):
        """Make it this moment everywhere."""
        self._frozen.move_to(moment)


@contextlib.contextmanager
def environment(database):
    """Odoo's environment of the superuser, committed at the end."""
    with Registry(database).cursor() as cursor:
        env = api.Environment(cursor, SUPERUSER_ID, {"lang": "en_US"})
        yield env
        env.flush_all()


class Office:
    """The staff of all clinics at work in one database."""

    def __init__(self, env, clinic, mailbox, smtp_port, base_url):
        self.env = env(context=dict(env.context, **QUIET))
        self.clinic = clinic
        self.mailbox = mailbox
        self.smtp_port = smtp_port
        self.base_url = base_url
        self.address_book = AddressBook(clinic.patients)
        self.companies = {}  # key -> res.company
        self.users = {}  # (company key, number) -> res.users
        self.partners = {}  # patient key -> res.partner id
        self.keys = {}  # res.partner id -> patient key
        self.meetings = {}  # visit key -> calendar.event id
        self.posted = {}  # day of arrival -> res.partner ids
        self.zones = {one.key: ZoneInfo(one.timezone) for one in clinic.companies}

    # -------------------------------------------------------------- opening day

    def open(self):
        """Enter everything that is there on the day the campaigns begin."""
        self._settings()
        self._companies()
        self._staff()
        self._patients()
        self._history()
        for company in self.clinic.companies:
            if not company.is_trial:
                surveys.set_up(self, company)
        self._prices()
        self.env.cr.commit()
        self.env["reactivation.patient"]._cron_refresh_full()
        self._history_reasons()
        self.env.cr.commit()

    def _settings(self):
        setting = self.env["ir.config_parameter"]
        setting.set_param("web.base.url", self.base_url)
        setting.set_param("web.base.url.freeze", "True")
        domains = [company.mail_domain for company in self.clinic.companies]
        self.env["ir.mail_server"].create(
            {
                "name": "Local listener of the demonstration",
                "from_filter": ",".join(domains),
                "smtp_host": "127.0.0.1",
                "smtp_port": self.smtp_port,
                "smtp_encryption": "none",
            }
        )
        jobs = self.env["ir.cron"].search([])
        names = jobs.get_external_id()
        ours = (f"{ADDON}.", *KEPT_JOBS)
        jobs.filtered(lambda job: not names[job.id].startswith(ours)).active = False

    def _companies(self):
        main = self.env.ref("base.main_company")
        for company in self.clinic.companies:
            country = self.env.ref(f"base.{company.country.lower()}")
            state = country.state_ids.filtered(lambda s, c=company: s.code == c.state)
            currency = self.env.ref(f"base.{company.currency}")
            currency.active = True
            domain = self.env["mail.alias.domain"].create({"name": company.mail_domain})
            values = {
                "name": company.name,
                "currency_id": currency.id,
                "street": company.street,
                "city": company.city,
                "zip": company.zip,
                "state_id": state.id,
                "country_id": country.id,
                "phone": company.phone,
                "email": company.email,
                "website": company.website,
                "alias_domain_id": domain.id,
                "reactivation_tz": company.timezone,
                # Or Odoo would ask a service of its maker about this company.
                "iap_enrich_auto_done": True,
            }
            if not self.companies:
                main.write(values)
                self.companies[company.key] = main
            else:
                # As if read from a file: Odoo does not install a chart of accounts,
                # which nobody needs here and which would replace the registry.
                self.companies[company.key] = main.with_context(
                    install_mode=True
                ).create(values)
            record = self.companies[company.key]
            record.partner_id.write({"lang": company.lang, "tz": company.timezone})

    def _staff(self):
        every = self.env["res.company"].browse(c.id for c in self.companies.values())
        first = self.clinic.companies[0]
        self.env.ref("base.user_admin").write(
            {
                "name": "Alex Morgan",
                "email": f"alex@{first.mail_domain}",
                "company_ids": [Command.set(every.ids)],
                "tz": first.timezone,
                "lang": "en_US",
            }
        )
        everybody = self.env.ref("base.group_user").id
        for company in self.clinic.companies:
            for number, name in enumerate(company.practitioners):
                login = name.lower().split()[0].encode("ascii", "ignore").decode()
                self.users[company.key, number] = self._user(
                    company, name, login, self.companies[company.key], everybody
                )
        desk = self.env.ref(f"{ADDON}.group_reactivation_user").id
        self.desk = self._user(
            first, "Jamie Rivera", "frontdesk", every, desk, password="frontdesk"
        )

    def _user(self, company, name, login, companies, group, **values):
        # Practitioners have no password: hashing one takes a second.
        return self.env["res.users"].create(
            {
                **values,
                "name": name,
                "login": login,
                "email": f"{login}@{company.mail_domain}",
                "company_id": self.companies[company.key].id,
                "company_ids": [Command.set(companies.ids)],
                "group_ids": [Command.set([group])],
                "tz": company.timezone,
                "lang": company.lang,
            }
        )

    def _patients(self):
        company_of = {one.key: one for one in self.clinic.companies}
        patients = self.clinic.patients
        values = [self._partner_values(p, company_of[p.clinic]) for p in patients]
        partners = self.env["res.partner"].create(values)
        self.partners = {
            patient.key: partner.id
            for patient, partner in zip(patients, partners, strict=True)
        }
        self.keys = {number: key for key, number in self.partners.items()}
        for patient, partner in zip(patients, partners, strict=True):
            if patient.guardian:
                partner.guardian_id = self.partners[patient.guardian]
        self._consents(company_of)
        self.mailbox.close_mailboxes(
            patient.email.lower() for patient in patients if patient.dead_mailbox
        )

    def _consents(self, company_of):
        """What patients signed or refused before, as rows of the ledger."""
        ledger = self.env["reactivation.consent"]
        for patient in self.clinic.patients:
            person = self.env["res.partner"].browse(self.partners[patient.key])
            company = self.companies[company_of[patient.clinic].key]
            if patient.consented:
                ledger._grant(person, company, "mail", "offer", "form")
            if patient.objected:
                ledger._withdraw(
                    person, company, "mail", "all", "import", address=patient.email
                )

    def _partner_values(self, patient, company):
        record = self.companies[company.key]
        return {
            "name": patient.name,
            "ref": patient.key.upper(),
            "email": patient.email or False,
            "phone": patient.phone or False,
            "street": patient.street,
            "city": patient.city,
            "zip": patient.zip,
            "state_id": record.state_id.id,
            "country_id": record.country_id.id,
            "company_id": record.id,
            "lang": patient.lang,
            "tz": company.timezone,
            "birth_date": patient.birth,
            "preferred_channel": patient.channel or False,
            "payer_class": patient.payer,
            "do_not_contact": patient.do_not_contact,
        }

    def _history(self):
        """Visits before the start: the older ones were kept in another system."""
        since = {
            company.key: self.clinic.start - timedelta(days=company.calendar_days)
            for company in self.clinic.companies
        }
        meetings, imported = [], []
        for _day, facts in self.clinic.history:
            for fact in facts:
                if fact.kind == "deceased":
                    self._deceased(fact)
                if fact.kind != "booked":
                    continue
                visit = fact.visit
                recent = visit.day >= since[visit.patient.clinic]
                if visit.state == "planned" or (recent and visit.state == "done"):
                    meetings.append(visit)
                elif visit.state in ("done", "missed"):
                    imported.append(visit)
        self._book(meetings)
        self._import(imported)

    def _prices(self):
        """What a message, a letter and a minute at the phone cost."""
        self.env["reactivation.cost"].create(
            [
                {"company_id": company.id, "channel": channel, **price}
                for company in self.companies.values()
                for channel, price in PRICES.items()
            ]
        )

    def _history_reasons(self):
        """Known since long: nothing is to be done about them now."""
        for _day, facts in self.clinic.history:
            self._note_reasons(facts, import_file=True)

    # ----------------------------------------------------------- work at the desk

    def utc(self, visit):
        """The start of a visit as Odoo keeps it."""
        start = visit.start.replace(tzinfo=self.zones[visit.patient.clinic])
        return start.astimezone(UTC).replace(tzinfo=None)

    def _practitioner(self, visit):
        return self.users[visit.patient.clinic, visit.patient.practitioner]

    def _book(self, visits):
        """Appointments in the calendar, without an invitation to anybody."""
        if not visits:
            return
        values = []
        for visit in visits:
            user = self._practitioner(visit)
            start = self.utc(visit)
            values.append(
                {
                    "name": MEETINGS[user.lang] % visit.patient.name,
                    "start": start,
                    "stop": start + timedelta(minutes=30),
                    "user_id": user.id,
                    "partner_ids": [
                        Command.set(
                            [user.partner_id.id, self.partners[visit.patient.key]]
                        )
                    ],
                    "privacy": "confidential",
                }
            )
        events = self.env["calendar.event"].create(values)
        for visit, event in zip(visits, events, strict=True):
            self.meetings[visit.key] = event.id

    def _import(self, visits):
        """Rows of the other system: past visits, missed ones, walk-ins."""
        self.env["reactivation.external.visit"].create(
            [
                {
                    "company_id": self.companies[visit.patient.clinic].id,
                    "reference": visit.key.upper(),
                    "partner_id": self.partners[visit.patient.key],
                    "date": self.utc(visit),
                    "state": visit.state,
                    "practitioner_id": self._practitioner(visit).partner_id.id,
                    # A fee that follows from the visit, the same in every run.
                    "amount": 60 + 15 * (visit.start.hour % 6)
                    if visit.state == "done"
                    else 0,
                }
                for visit in visits
            ]
        )

    def _call_off(self, visits):
        """Take appointments off the calendar that did not take place."""
        ids = [
            self.meetings[visit.key] for visit in visits if visit.key in self.meetings
        ]
        if ids:
            self.env["calendar.event"].browse(ids).write({"active": False})

    def _deceased(self, fact):
        partner = self.env["res.partner"].browse(self.partners[fact.patient.key])
        partner.deceased_date = fact.value

    def _note_reasons(self, facts, **context):
        """The front desk hears why somebody stays away, and notes it."""
        by_reason = {}
        for fact in facts:
            if fact.kind == "reason":
                partner = self.partners[fact.patient.key]
                by_reason.setdefault(fact.value, []).append(partner)
        for code, partners in by_reason.items():
            reason = self.env.ref(f"{ADDON}.reactivation_reason_{code}")
            companies = [company.id for company in self.companies.values()]
            patients = (
                self.env["reactivation.patient"]
                .with_user(self.desk)
                .with_context(allowed_company_ids=companies, **context)
                .search([("partner_id", "in", partners)])
            )
            patients.write({"reason_id": reason.id})

    # ------------------------------------------------------------------- the days

    def day(self, day, clock):
        """One day: messages leave, patients come and read, staff enter it."""
        for hour in (MORNING, AFTERNOON):
            self._go_to(clock, day, hour)
            self._resume()
            self.env["reactivation.delivery"]._cron_run()
        if day.weekday() <= FRIDAY and self._is_over(day):
            self._call(day)
            if day.weekday() == FRIDAY:
                self._mail_letters(day)
        self._go_to(clock, day, EVENING)
        noticed = dict(follow(self.clinic.lives.values(), day, day + timedelta(days=1)))
        facts = noticed.get(day, [])
        self._enter(facts)
        coupons.redeem(self, [fact.visit for fact in facts if fact.kind == "kept"])
        self._open_mails(day)
        self._open_letters(day)
        self._answer_replies(day)
        if day.weekday() <= FRIDAY and self._is_over(day):
            surveys.work(self, day)
        self.run_jobs(nightly=day.weekday() == 6)

    def _is_over(self, day):
        return (self.clinic.today - day).days > LEFT_TO_DO

    def _go_to(self, clock, day, hour):
        zone = self.zones[self.clinic.companies[0].key]
        moment = datetime.combine(day, hour, zone).astimezone(UTC)
        clock.move_to(moment.replace(tzinfo=None))

    def _resume(self):
        """A campaign pauses by itself when many addresses turn out not to exist. The
        manager reads why: those addresses are closed by then, the others are good."""
        paused = self.env["reactivation.campaign"].search([("state", "=", "paused")])
        for campaign in paused.with_user(self.env.ref("base.user_admin")):
            campaign.with_company(campaign.company_id).action_start()

    def _answer_replies(self, day):
        """Somebody answers who has written."""
        if not self._is_over(day):
            return
        replies = self.env["mail.activity"].search(
            [
                ("res_model", "=", "reactivation.enrollment"),
                ("date_deadline", "<=", day - timedelta(days=PATIENCE)),
                # What is called or posted is done in the work list.
                ("id", "not in", self._tasks().activity_id.ids),
            ]
        )
        for activity in replies:
            activity.with_user(activity.user_id).action_feedback()

    def _tasks(self, *channels):
        """The open tasks of the work list, as the front desk has them before them."""
        kinds = channels or ("call", "letter")
        return (
            self.env["reactivation.work"]
            .with_user(self.desk)
            .with_context(
                allowed_company_ids=[one.id for one in self.companies.values()]
            )
            .search([("kind", "in", kinds), ("due", "<=", datetime.utcnow())])
            .delivery_id
        )

    def _call(self, day):
        """The front desk works through the calls that are due."""
        facts = []
        for task in self._tasks("call"):
            if task.state == "todo" and task.action_take():
                facts += self._note_result(task, day)
        self._enter(facts)

    def _note_result(self, task, day):
        """Call a patient, and choose the button for what comes of it."""
        people = [
            self.clinic.lives[self.keys[partner.id]]
            for partner in task._with_members().partner_id
        ]
        result, facts = people[0].answer(day)
        if result == "booked":
            for relative in people[1:]:
                facts += relative.book_by_phone(day)
        values = {"call_at": self._call_again(day)} if result == "call_later" else {}
        getattr(task, f"action_result_{result}")(**values)
        return facts

    def _call_again(self, day):
        again = day + timedelta(days=2)
        while again.weekday() > FRIDAY:
            again += timedelta(days=1)
        zone = self.zones[self.clinic.companies[0].key]
        moment = datetime.combine(again, AGAIN, zone).astimezone(UTC)
        return moment.replace(tzinfo=None)

    def _mail_letters(self, day):
        """The letters of the week go to the post together."""
        letters = self._tasks("letter")
        if not letters:
            return
        letters.action_mark_letters_sent()
        arrives = day + timedelta(days=POST)
        posted = self.posted.setdefault(arrives, [])
        for letter in letters:
            if letter.state == "sent":
                posted += letter._with_members().partner_id.ids

    def _open_letters(self, day):
        for partner in self.posted.pop(day, ()):
            self.clinic.lives[self.keys[partner]].receive_letter(day)

    def _enter(self, facts):
        of_kind = {}
        for fact in facts:
            of_kind.setdefault(fact.kind, []).append(fact)
        visits = {
            kind: [fact.visit for fact in found] for kind, found in of_kind.items()
        }
        booked = visits.get("booked", [])
        self._book([visit for visit in booked if not visit.walk_in])
        self._call_off(visits.get("canceled", []) + visits.get("missed", []))
        walk_ins = [visit for visit in visits.get("kept", []) if visit.walk_in]
        self._import(walk_ins + visits.get("missed", []))
        for fact in of_kind.get("deceased", []):
            self._deceased(fact)
        self._note_reasons(of_kind.get("reason", []))

    def run_jobs(self, nightly=False):
        """What Odoo's scheduler would have run in the course of a day.

        The jobs commit where they must; each commit empties Odoo's cache.
        """
        patients = self.env["reactivation.patient"]
        outcomes = self.env["reactivation.outcome"]
        if nightly:
            patients._cron_refresh_full()
        else:
            patients._cron_refresh_incremental()
        outcomes._cron_refresh_all() if nightly else outcomes._cron_refresh()
        self.env["reactivation.decision"]._cron_decide()
        self.env["reactivation.feedback"]._cron_process()
        self.env["reactivation.route"]._cron_open()
        self.env["reactivation.enrollment"]._cron_enroll()
        self.env["reactivation.delivery"]._cron_run()
        self.env.cr.commit()

    # -------------------------------------------------------------------- e-mail

    def _open_mails(self, day):
        """Patients read what arrived since yesterday, and react."""
        opened, reasons = [], []
        for mail in self.mailbox.new():
            patients = self.address_book.patients(mail)
            if patients and self._draw(patients[0], mail) < AWAY:
                self._reply(patients[0], mail, away=True)
            for fact in self._read(patients, day):
                if fact.kind == "opened" and mail.mail_id:
                    opened.append(mail.mail_id)
                elif fact.kind == "replied":
                    self._reply(fact.patient, mail)
                elif fact.kind == "unsubscribed":
                    self._unsubscribe(mail)
                elif fact.kind == "reason":
                    reasons.append(fact)
            surveys.read(self, mail, day)
        if opened:
            # What the route of the pixel does.
            self.env["mailing.trace"].set_opened([("mail_mail_id_int", "in", opened)])
        self._note_reasons(reasons)

    def _read(self, patients, day):
        """:return: list of Fact: what everybody makes of a mail"""
        return [
            fact
            for patient in patients
            for fact in self.clinic.lives[patient.key].read(day)
        ]

    @staticmethod
    def _draw(patient, mail):
        """A number that is always the same for a patient and a mail."""
        return random.Random(f"{patient.key}/{mail.path.stem}").random()

    def _unsubscribe(self, mail):
        """What the route behind the button of the mail program does."""
        url = urlsplit(mail.unsubscribe)
        values = dict(parse_qsl(url.query))
        mailing = self.env["mailing.mailing"].browse(int(url.path.split("/")[2]))
        document, address = int(values["document_id"]), values["email"]
        token = mailing._generate_mailing_recipient_token(document, address)
        if token != values["hash_token"]:
            raise ValueError(f"{mail.path}: not the token of the message")
        pages = self.env["reactivation.unsubscribe"]
        link = pages._link(mailing, document, address)
        pages._choose(link, "stop", "List-Unsubscribe=One-Click")

    def _reply(self, patient, mail, away=False):
        """The patient's answer, or their machine's, comes in by the mail gateway;
        what goes to the clinic's own mailbox is read there."""
        gateways = self.env["mail.alias.domain"].search([]).mapped("catchall_email")
        if not mail.is_answered_to(gateways):
            return
        texts = (ABSENCES if away else REPLIES)[patient.lang[:2]]
        reply = email.message.EmailMessage()
        reply["From"] = email.utils.formataddr((patient.name, mail.address))
        reply["To"] = mail.reply_to
        reply["Subject"] = f"{'Auto' if away else 'Re'}: {mail.subject}"
        kind = "away" if away else "reply"
        reply["Message-Id"] = f"<{kind}.{mail.path.stem}.{patient.key}@example.com>"
        reply["In-Reply-To"] = reply["References"] = mail.message_id
        reply["Date"] = email.utils.format_datetime(datetime.utcnow())
        if away:
            reply["Auto-Submitted"] = "auto-replied"
        number = len(mail.path.stem + patient.key + mail.address)
        reply.set_content(texts[number % len(texts)])
        self.env["mail.thread"].message_process(None, reply.as_bytes())
