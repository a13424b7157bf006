"""A clinic to tell stories about: factories, a clock, asserts."""

from contextlib import contextmanager
from datetime import datetime, timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.fields import Command
from odoo.tests import HttpCase, TransactionCase, new_test_user
from odoo.tools import SQL

from odoo.addons.mass_mailing.tests.common import MassMailCommon

# A Monday, half past ten in the clinic's morning.
NOW = datetime(2026, 3, 2, 15, 30)


def stay_in_transaction(case):
    """Let cron jobs run in the one transaction of a test class."""
    progress = patch.object(
        case.registry["ir.cron"],
        "_commit_progress",
        lambda self, processed=0, *, remaining=None, deactivate=False: float("inf"),
    )
    progress.start()
    case.addClassCleanup(progress.stop)


class Clinic:
    """Mixin: two companies, their staff, and factories for what happens there."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_clinic()

    def setUp(self):
        super().setUp()
        self.turn_back_the_clock()

    @classmethod
    def set_up_clinic(cls, now=NOW):
        cls.opening = now
        cls.clock = freeze_time(now)
        cls.frozen = cls.clock.start()
        cls.addClassCleanup(cls.clock.stop)
        cls.env = cls.env(
            context={
                **cls.env.context,
                "no_mail_to_attendees": True,
                "dont_notify": True,
                "tracking_disable": True,
                "no_reset_password": True,
            }
        )
        address = {
            "street": "1 Main Street",
            "city": "New York",
            "zip": "10001",
            "country_id": cls.env.ref("base.us").id,
            "email": "clinic@example.com",
        }
        cls.clinic = cls.env["res.company"].create(
            {
                "name": "Elm Street Clinic",
                "reactivation_tz": "America/New_York",
                **address,
            }
        )
        cls.other_clinic = cls.env["res.company"].create(
            {
                "name": "Lakeside Clinic",
                "reactivation_tz": "America/New_York",
                **address,
            }
        )
        both = [Command.set([cls.clinic.id, cls.other_clinic.id])]
        cls.env.user.write({"company_ids": [Command.link(cls.clinic.id)]})
        cls.env.user.write({"company_ids": [Command.link(cls.other_clinic.id)]})
        cls.env.user.company_id = cls.clinic
        cls.env = cls.env(
            context={
                **cls.env.context,
                "allowed_company_ids": [cls.clinic.id, cls.other_clinic.id],
            }
        )
        cls.doctor = cls._staff("doctor", cls.clinic, both)
        cls.other_doctor = cls._staff("other_doctor", cls.other_clinic, both)
        cls.desk = cls._staff(
            "desk",
            cls.clinic,
            [Command.set(cls.clinic.ids)],
            "patient_reactivation.group_reactivation_user,base.group_partner_manager",
        )
        cls.manager = cls._staff(
            "manager",
            cls.clinic,
            [Command.set(cls.clinic.ids)],
            "patient_reactivation.group_reactivation_manager",
        )
        cls.source = cls.env.ref(
            "patient_reactivation.reactivation_visit_source_calendar"
        )
        cls.external_source = cls.env.ref(
            "patient_reactivation.reactivation_visit_source_external"
        )
        cls.patients = cls.env["reactivation.patient"]
        stay_in_transaction(cls)

    @classmethod
    def _staff(cls, login, company, companies, groups="base.group_user"):
        return new_test_user(
            cls.env,
            login=f"{login}_{company.id}",
            name=login.replace("_", " ").title(),
            groups=groups,
            company_id=company.id,
            company_ids=companies,
            tz="America/New_York",
        )

    @classmethod
    def stranger(cls):
        """A manager of the other clinic, who works in that one only."""
        return cls._staff(
            "stranger",
            cls.other_clinic,
            [Command.set(cls.other_clinic.ids)],
            "patient_reactivation.group_reactivation_manager",
        )

    # ---------------------------------------------------------------- factories

    @classmethod
    def person(cls, name="Ada Sample", **values):
        """A contact; with an e-mail unless told otherwise."""
        values.setdefault("email", f"{name.lower().replace(' ', '.')}@example.com")
        return cls.env["res.partner"].create({"name": name, **values})

    @classmethod
    def days_ago(cls, days):
        return datetime.now() - timedelta(days=days)

    @classmethod
    def meet(cls, partners, when, doctor=None, **values):
        """A calendar meeting with patients, at a moment (UTC) or days ago."""
        start = when if isinstance(when, datetime) else cls.days_ago(when)
        doctor = doctor or cls.doctor
        return cls.env["calendar.event"].create(
            {
                "name": "Visit",
                "start": start,
                "stop": start + timedelta(minutes=30),
                "user_id": doctor.id,
                "partner_ids": [Command.set((doctor.partner_id | partners).ids)],
                **values,
            }
        )

    @classmethod
    def visit(cls, partner, when, **values):
        """An imported visit, at a moment (UTC) or days ago."""
        cls.visit_number = getattr(cls, "visit_number", 0) + 1
        return cls.env["reactivation.external.visit"].create(
            {
                "company_id": cls.clinic.id,
                "reference": f"V{cls.visit_number}",
                "partner_id": partner.id,
                "date": when if isinstance(when, datetime) else cls.days_ago(when),
                **values,
            }
        )

    @classmethod
    def lapsed(cls, name="Ada Sample", days=250, visits=1, **values):
        """A patient whose last visit was so many days ago."""
        partner = cls.person(name, **values)
        for number in range(visits):
            cls.visit(partner, days + number * 60)
        return partner

    @classmethod
    def campaign(cls, start=False, steps=1, control=0, **values):
        """A campaign with one segment, one method and e-mail steps."""
        campaign = cls.env["reactivation.campaign"].create(
            {
                "name": "Recall",
                "company_id": cls.clinic.id,
                "control_percent": control,
                "segment_ids": [Command.create({"name": "Everybody"})],
                "method_ids": [
                    Command.create(
                        {
                            "name": "E-mails",
                            "step_ids": [
                                Command.create(
                                    {
                                        "name": f"E-mail {number + 1}",
                                        "sequence": number,
                                        "delay_days": 7 if number else 0,
                                    }
                                )
                                for number in range(steps)
                            ],
                        }
                    )
                ],
                **values,
            }
        )
        for step in campaign.method_ids.step_ids:
            step._create_mailing("en_US")
        if start:
            cls.start(campaign)
        return campaign

    @classmethod
    def step_campaign(cls, channel, **values):
        """A campaign of one step, through a channel other than e-mail."""
        campaign = cls.campaign(steps=0)
        cls.env["reactivation.step"].create(
            {
                "name": channel.title(),
                "method_id": campaign.method_ids.id,
                "channel": channel,
                **values,
            }
        )
        return campaign

    @classmethod
    def start(cls, campaign):
        """Once it runs and has patients, its steps do not change any more."""
        cls.refresh()
        campaign.action_start()

    @classmethod
    def uninstall_language(cls, code):
        """As the settings leave a language, without Odoo's questions."""
        cls.env.cr.execute("UPDATE res_lang SET active = FALSE WHERE code = %s", [code])
        cls.env.registry.clear_cache()
        cls.env.registry.clear_cache("stable")
        cls.env.invalidate_all()

    # -------------------------------------------------------------------- clock

    @classmethod
    def refresh(cls):
        cls.env["reactivation.patient"]._refresh()
        cls.env.invalidate_all()

    def turn_back_the_clock(self):
        """Each test begins at the same moment."""
        self.frozen.move_to(self.opening)

    @classmethod
    def later(cls, days=0, hours=0):
        cls.frozen.tick(timedelta(days=days, hours=hours))

    @contextmanager
    def at(self, moment):
        """Another moment, for a while."""
        before = datetime.now()
        self.frozen.move_to(moment)
        try:
            yield
        finally:
            self.frozen.move_to(before)

    def run_crons(self):
        """What the server does by itself, once."""
        self.env["reactivation.patient"]._refresh()
        self.env["reactivation.enrollment"]._cron_enroll()
        self.env["reactivation.delivery"]._cron_run()
        self.env["reactivation.outcome"]._refresh()
        self.env.invalidate_all()

    def run_day(self, days=1):
        """Let days go by, with the crons of each."""
        for _day in range(days):
            # A day after the other, as the clock goes.
            self.later(days=1)
            self.run_crons()

    # ------------------------------------------------------------------ reading

    def env_of(self, user):
        """The environment of somebody at work, in their own companies."""
        companies = {"allowed_company_ids": user.company_ids.ids}
        return self.env(user=user.id, context={**self.env.context, **companies})

    def as_user(self, user, records):
        """Records as somebody sees them at work."""
        return records.with_user(user).with_context(
            allowed_company_ids=user.company_ids.ids
        )

    def refusal(self, partner, channel="mail", purpose="care", company=None):
        """:return: why the policy does not let a contact be reached, as the patient's
        form explains it, or None"""
        answers = self.env["reactivation.contact.policy"]._explain(
            partner, company or self.clinic
        )
        return answers[partner.id][channel, purpose]

    def row(self, partner, company=None):
        """The patient row of a contact at a company."""
        return self.patients.search(
            [
                ("partner_id", "=", partner.id),
                ("company_id", "=", (company or self.clinic).id),
            ]
        )

    def visits_of(self, partner, source=None):
        domain = [("partner_id", "=", partner.id)]
        if source:
            domain.append(("source_id", "=", source.id))
        return self.env["reactivation.visit"].search(domain)

    def enrollment(self, partner, campaign=None):
        domain = [("partner_id", "=", partner.id)]
        if campaign:
            domain.append(("campaign_id", "=", campaign.id))
        return self.env["reactivation.enrollment"].search(domain)

    # ------------------------------------------------------------------ asserts

    def assertPatient(self, partner, company=None, **facts):
        """A contact is a patient with these facts."""
        row = self.row(partner, company)
        self.assertEqual(len(row), 1, f"{partner.name} is not a patient")
        self.assertEqual({name: row[name] for name in facts}, facts)

    def assertNotPatient(self, partner):
        self.assertFalse(self.row(partner), f"{partner.name} is a patient")

    def assertDeliveries(self, partner, expected):
        """The deliveries of a patient: list of states, or (state, reason)."""
        deliveries = self.enrollment(partner).delivery_ids.sorted("id")
        found = [
            (item.state, item.reason) if item.reason else item.state
            for item in deliveries
        ]
        self.assertEqual(found, expected)

    def assertEnrolled(self, campaign, partners):
        self.assertEqual(
            sorted(campaign.enrollment_ids.partner_id.mapped("name")),
            sorted(partners.mapped("name")),
        )


class TwoClinics:
    """Mixin: a campaign at each clinic, and a patient of each."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ada = cls.lapsed("Ada")
        cls.theirs = cls.person("Theirs")
        cls.visit(cls.theirs, 250, company_id=cls.other_clinic.id)
        cls.recall = cls.campaign(start=True)
        cls.other_recall = cls.campaign(
            start=True, name="Other", company_id=cls.other_clinic.id
        )


class Untouched:
    """Mixin: what a rehearsal or a test leaves as it was."""

    def counts(self):
        """:return: dict: number of rows and last id of what would be written"""
        self.env.flush_all()
        found = {}
        for table in (
            "reactivation_enrollment",
            "reactivation_delivery",
            "reactivation_outcome",
            "mail_mail",
            "mail_message",
            "mail_activity",
            "mailing_trace",
            "link_tracker",
            "reactivation_consent",
            "reactivation_suppression",
        ):
            ((found[table], found[f"last of {table}"]),) = self.env.execute_query(
                SQL("SELECT count(*), max(id) FROM %s", SQL.identifier(table))
            )
        return found


class ClinicCase(Clinic, TransactionCase):
    """The clinic, without mails."""


class MailClinicCase(Clinic, MassMailCommon):
    """With Odoo's mail gateway mocked: what would leave is kept in a list."""

    def setUp(self):
        super().setUp()
        gateway = self.mock_mail_gateway()
        gateway.__enter__()
        self.addCleanup(gateway.__exit__, None, None, None)

    def mails_to(self, address):
        """Messages handed to the mail server for an address."""
        return [mail for mail in self._mails if address in str(mail["email_to"])]


# A clinic that calls whenever the test runs.
ANY_HOUR = {
    "reactivation_tz": "America/New_York",
    "reactivation_hour_from": 0,
    "reactivation_hour_to": 24,
}


class TourCase(HttpCase):
    """A small clinic for a real browser: no frozen clock, one company, its staff."""

    clinic_values = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("en_US")
        cls.clinic = cls.env["res.company"].create(
            {
                "name": "Tour Clinic",
                "street": "1 Main Street",
                "city": "New York",
                "zip": "10001",
                "country_id": cls.env.ref("base.us").id,
                "email": "clinic@example.com",
                **cls.clinic_values,
            }
        )

    @classmethod
    def staff(cls, login, role="manager", *groups):
        """Somebody who works at the clinic: user (front desk) or manager."""
        return new_test_user(
            cls.env,
            login=login,
            name=login.replace("_", " ").title(),
            groups=",".join(
                [f"patient_reactivation.group_reactivation_{role}", *groups]
            ),
            company_id=cls.clinic.id,
            company_ids=cls.clinic.ids,
            lang="en_US",
        )

    @classmethod
    def patient(cls, name, whens=(300,), **values):
        """A contact who came at these moments (UTC), or so many days ago."""
        partner = cls.env["res.partner"].create(
            {"name": name, "lang": "en_US", **values}
        )
        now = fields.Datetime.now()
        moments = [
            when if isinstance(when, datetime) else now - timedelta(days=when)
            for when in whens
        ]
        cls.env["reactivation.external.visit"].create(
            [
                {
                    "company_id": cls.clinic.id,
                    "reference": f"TOUR-{name}-{number}",
                    "partner_id": partner.id,
                    "date": moment,
                }
                for number, moment in enumerate(moments)
            ]
        )
        return partner

    @classmethod
    def new_campaign(cls, user, **values):
        """A campaign of one segment that the user looks after."""
        return cls.env["reactivation.campaign"].create(
            {
                "name": "Tour recall",
                "company_id": cls.clinic.id,
                "user_id": user.id,
                "segment_ids": [Command.create({"name": "Everybody"})],
                **values,
            }
        )

    @staticmethod
    def method(name, /, **step):
        """:return: value of `method_ids`: one method of one step"""
        return [Command.create({"name": name, "step_ids": [Command.create(step)]})]
