from datetime import date, datetime, timedelta

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import SQL

from .common import ClinicCase

CALIFORNIA_NUMBER = "+14155550123"
FLORIDA_NUMBER = "+13055550123"


class RuleCase(ClinicCase):
    """A clinic in New York and what is asked of the rules."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Rule = cls.env["reactivation.contact.rule"]

    @classmethod
    def living(cls, country=None, state=None, phone=None, name="Ada Sample", **values):
        """A contact at a place, with a number in E.164."""
        values.setdefault("tz", False)
        home = cls.env["res.country"].search([("code", "=", country)])
        return cls.person(
            name,
            country_id=home.id,
            state_id=home.state_ids.filtered(lambda item: item.code == state).id,
            phone=phone,
            **values,
        )

    @classmethod
    def rule(cls, **values):
        return cls.Rule.create({"name": "Test", **values})

    @classmethod
    def seen_by(cls, user, records):
        """Records as a user sees them, at all companies the user works for."""
        companies = user.company_ids.ids
        return records.with_user(user).with_context(allowed_company_ids=companies)

    @classmethod
    def state(cls, code, country="us"):
        states = cls.env.ref(f"base.{country}").state_ids
        return states.filtered(lambda state: state.code == code)

    def opens(self, partner, moment, channel="sms", purpose="service", company=None):
        """When a contact may be contacted: None is at once."""
        moment = fields.Datetime.to_datetime(moment)
        company = company or self.clinic
        found = self.Rule._next_allowed(partner, company, channel, purpose, moment)
        return found[partner.id]

    def assertOpens(self, partner, moment, expected, *args, **kwargs):
        expected = fields.Datetime.to_datetime(expected) if expected else None
        self.assertEqual(self.opens(partner, moment, *args, **kwargs), expected)

    def caps(self, partner, channel="sms", purpose="service", company=None):
        company = company or self.clinic
        now = fields.Datetime.now()
        return self.Rule._caps(partner, company, channel, purpose, now)[partner.id]

    def refusals(self, partners, channel, purpose, company=None, today=None):
        """:return: {contact: code or None} out of one statement"""
        company = company or self.clinic
        self.env.flush_all()
        sql = self.Rule._consent_refusal_sql(
            company, channel, purpose, today or company._reactivation_today()
        )
        rows = self.env.execute_query(
            SQL(
                """SELECT recipient.id, %s FROM res_partner recipient
                LEFT JOIN reactivation_patient patient
                       ON patient.partner_id = recipient.id
                      AND patient.company_id = %s
                    WHERE recipient.id IN %s""",
                sql,
                company.id,
                tuple(partners.ids),
            )
        )
        return {self.env["res.partner"].browse(key): code for key, code in rows}

    def assertConsent(self, partner, channel, purpose, needed=True, **kwargs):
        found = self.refusals(partner, channel, purpose, **kwargs)
        self.assertEqual(found, {partner: "no_consent" if needed else None})

    def grant(self, partner, channel, purpose, days=1, company=None):
        return self.env["reactivation.consent"].create(
            {
                "partner_id": partner.id,
                "company_id": (company or self.clinic).id,
                "channel": channel,
                "purpose": purpose,
                "date": self.days_ago(days),
                "source": "form",
            }
        )


@tagged("post_install", "-at_install")
class TestContactHours(RuleCase):
    """When: on the patient's clock, by the strictest of all rules."""

    def test_default_is_eight_to_eight(self):
        self.assertEqual(
            (self.clinic.reactivation_hour_from, self.clinic.reactivation_hour_to),
            (8, 20),
        )

    def test_clinic_in_new_york_patient_in_honolulu(self):
        """D1: at 9:00 in New York it is 4:00 in Honolulu."""
        ada = self.living("US", "HI")
        self.assertOpens(ada, "2026-03-02 14:00:00", "2026-03-02 18:00:00")
        self.assertOpens(ada, "2026-03-02 18:00:00", None)

    def test_change_of_the_clocks(self):
        """D2 D3: the patient's 8:00 before and after, whenever the cron runs."""
        ada = self.living("US", "GA")
        self.assertOpens(ada, "2026-03-07 05:00:00", "2026-03-07 13:00:00")
        self.assertOpens(ada, "2026-03-08 06:30:00", "2026-03-08 12:00:00")
        self.assertOpens(ada, "2026-11-01 05:30:00", "2026-11-01 13:00:00")

    def test_area_code_of_california_address_in_florida(self):
        """D4 T7: at 20:30 in Florida the rule of Florida holds, though the number
        would do; then both must be awake."""
        self.clinic.reactivation_hour_to = 22
        ada = self.living("US", "FL", CALIFORNIA_NUMBER)
        # 20:30 in New York and Miami, 19:30 in Pensacola, 17:30 in San Francisco.
        self.assertOpens(ada, "2026-03-03 01:30:00", "2026-03-03 16:00:00")
        # In Georgia the law of the country holds: until 21:00.
        cleo = self.living("US", "GA", CALIFORNIA_NUMBER, name="Cleo Sample")
        self.assertOpens(cleo, "2026-03-03 01:30:00", None)
        self.assertOpens(cleo, "2026-03-03 02:00:00", "2026-03-03 16:00:00")

    def test_area_code_of_florida_address_in_georgia(self):
        """T7: the strictest of address and area code, on calls and texts."""
        self.clinic.reactivation_hour_to = 22
        ada = self.living("US", "GA", FLORIDA_NUMBER)
        evening = "2026-03-03 01:30:00"
        self.assertOpens(ada, evening, "2026-03-03 13:00:00", "sms")
        self.assertOpens(ada, evening, "2026-03-03 13:00:00", "call")
        # The law of numbers does not speak of e-mails.
        self.assertOpens(ada, evening, None, "mail")

    def test_nothing_known_is_the_clinic_in_safe_hours(self):
        """D5: no time zone, no address, foreign or no number: 10:00 to 18:00."""
        for phone in (None, "+447700900123", "not a number"):
            ada = self.living(phone=phone)
            self.assertOpens(ada, "2026-03-02 14:00:00", "2026-03-02 15:00:00")
            self.assertOpens(ada, "2026-03-02 22:59:00", None)
            self.assertOpens(ada, "2026-03-02 23:00:00", "2026-03-03 15:00:00")

    def test_half_hours_and_the_date_line(self):
        """D9: St John's and Kolkata, and Samoa on the other side of the line."""
        ada = self.living("CA", "NL", tz="America/St_Johns")
        # Labrador, on Atlantic time, must be awake as well.
        self.assertOpens(ada, "2026-03-02 03:00:00", "2026-03-02 12:00:00", "mail")
        bob = self.living("IN", name="Bob Sample")
        self.assertOpens(bob, "2026-03-02 00:00:00", "2026-03-02 02:30:00", "mail")
        eve = self.living("WS", name="Eve Sample")
        self.assertOpens(eve, "2026-03-02 15:00:00", "2026-03-02 19:00:00", "mail")

    def test_own_time_zone_and_address(self):
        """T3: all that is known about the place must agree."""
        ada = self.living("US", "NY", tz="America/Los_Angeles")
        self.assertOpens(ada, "2026-03-02 14:00:00", "2026-03-02 16:00:00")

    def test_hints_without_a_common_hour(self):
        """The address stays when the number lies on the other side of the earth."""
        self.clinic.write({"reactivation_hour_from": 9, "reactivation_hour_to": 17})
        ada = self.living("US", "NY", "+81312345678")
        self.assertOpens(ada, "2026-03-02 15:00:00", None)

    def test_law_of_the_country(self):
        """T3: 8:00 to 21:00 on calls and texts, whatever the clinic would like."""
        self.clinic.write({"reactivation_hour_from": 6, "reactivation_hour_to": 23})
        ada = self.living("US", "NY")
        for channel in ("sms", "call"):
            self.assertOpens(ada, "2026-03-02 12:00:00", "2026-03-02 13:00:00", channel)
            self.assertOpens(ada, "2026-03-03 02:00:00", "2026-03-03 13:00:00", channel)
        self.assertOpens(ada, "2026-03-02 12:00:00", None, "mail")

    def test_rules_narrow_and_never_widen(self):
        self.rule(hour_from=5, hour_to=23.5)
        ada = self.living("US", "NY")
        self.assertOpens(ada, "2026-03-02 12:00:00", "2026-03-02 13:00:00")

    def test_no_sunday(self):
        self.rule(country_id=self.env.ref("base.us").id, no_sunday=True)
        ada = self.living("US", "NY")
        self.assertOpens(ada, "2026-03-01 15:00:00", "2026-03-02 13:00:00")

    def test_rules_have_a_beginning_and_an_end(self):
        """T7: dated, by the clinic's day."""
        self.rule(
            country_id=self.env.ref("base.us").id,
            hour_from=12,
            hour_to=14,
            date_from=date(2026, 3, 2),
            date_to=date(2026, 3, 3),
        )
        ada = self.living("US", "NY")
        self.assertOpens(ada, "2026-03-01 20:00:00", None)
        self.assertOpens(ada, "2026-03-02 16:00:00", "2026-03-02 17:00:00")
        self.assertOpens(ada, "2026-03-03 20:00:00", "2026-03-04 17:00:00")
        self.assertOpens(ada, "2026-03-04 16:00:00", None)

    def test_hours_that_contradict_the_law_never_open(self):
        """Nothing is sent, and it is asked again a day later."""
        self.clinic.write({"reactivation_hour_from": 21, "reactivation_hour_to": 23})
        ada = self.living("US", "NY")
        self.assertOpens(ada, "2026-03-02 15:00:00", "2026-03-03 15:00:00")

    def test_letters_have_no_hours(self):
        self.assertOpens(self.living("US", "NY"), "2026-03-02 06:00:00", None, "letter")

    def test_number_of_queries_is_constant(self):
        """L1: five contacts cost as many queries as fifty."""
        places = [("US", "FL"), ("US", "CA"), ("CA", "QC"), ("FR", None), (None, None)]
        people = self.env["res.partner"]
        for number in range(50):
            people |= self.living(
                *places[number % 5], f"+1415555{number:04d}", name=f"P {number}"
            )
        now = fields.Datetime.now()
        counts = []
        for batch in (people[:5], people):
            for method in (self.Rule._next_allowed, self.Rule._caps):
                self.env.flush_all()
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                answers = method(batch, self.clinic, "sms", "offer", now)
                counts.append(self.env.cr.sql_log_count - before)
                self.assertEqual(set(answers), set(batch.ids))
        self.assertEqual(counts[:2], counts[2:])
        self.assertLessEqual(max(counts), 15)


@tagged("post_install", "-at_install")
class TestContactCaps(RuleCase):
    """How often: the clinic's limits and those of the law."""

    def test_default_of_the_clinic(self):
        """T2: one in 24 hours, three in 7 days."""
        self.assertEqual(self.caps(self.living("FR"), "mail"), (1, 3))

    def test_law_of_texts(self):
        """T2: the caps of texts hold whatever the clinic allows."""
        self.clinic.write({"reactivation_cap_day": 9, "reactivation_cap_week": 20})
        ada = self.living("US", "NY")
        self.assertEqual(self.caps(ada), (1, 3))
        self.assertEqual(self.caps(ada, "mail"), (9, 20))

    def test_three_calls_in_florida_and_oklahoma(self):
        """T7: at most three in 24 hours, by address or area code."""
        self.clinic.write({"reactivation_cap_day": 9, "reactivation_cap_week": 20})
        for place in (("US", "FL"), ("US", "OK"), ("US", "NY", FLORIDA_NUMBER)):
            self.assertEqual(self.caps(self.living(*place), "call"), (3, 20), place)
        self.assertEqual(self.caps(self.living("US", "NY"), "call"), (9, 20))

    def test_clinic_may_be_stricter(self):
        self.rule(cap_day=5, cap_week=1)
        self.assertEqual(self.caps(self.living("US", "NY"), "call"), (1, 1))


@tagged("post_install", "-at_install")
class TestConsentRules(RuleCase):
    """Whether: which consent a message needs where the patient lives."""

    def patient(self, days, *place, **values):
        partner = self.living(*place, **values)
        self.visit(partner, days)
        self.refresh()
        return partner

    def test_offers_by_text_in_the_us(self):
        """T1: a text with an offer needs express consent; no row, no text."""
        ada = self.patient(200, "US", "NY")
        self.assertConsent(ada, "sms", "offer")
        self.assertConsent(ada, "sms", "service", needed=False)
        self.assertConsent(ada, "sms", "care", needed=False)
        self.grant(ada, "mail", "offer")
        self.assertConsent(ada, "sms", "offer")
        self.grant(ada, "sms", "offer")
        self.assertConsent(ada, "sms", "offer", needed=False)

    def test_without_consent_calls_and_letters_remain(self):
        """T1: no row: the text is skipped, a call or a letter is not."""
        ada = self.patient(200, "US", "NY")
        for channel in ("call", "letter", "mail"):
            self.assertConsent(ada, channel, "offer", needed=False)

    def test_texts_in_texas_and_connecticut(self):
        """T7: written consent; Texas from 2025-09-01 on."""
        for place in (("US", "TX"), ("US", "CT"), ("US", "NY", "+12145550123")):
            ada = self.patient(200, *place)
            self.assertConsent(ada, "sms", "service")
            self.assertConsent(ada, "sms", "care", needed=False)
            self.assertConsent(ada, "mail", "service", needed=False)
        texan = self.patient(200, "US", "TX")
        day = date(2025, 8, 31)
        self.assertConsent(texan, "sms", "service", needed=False, today=day)
        day += timedelta(days=1)
        self.assertConsent(texan, "sms", "service", today=day)

    def test_implied_consent_in_canada(self):
        """D10 CA1: allowed up to and including the same day two years later: 729
        and 730 days are, 731 are not."""
        for purpose, channel in (("offer", "mail"), ("service", "sms")):
            for days, needed in ((729, False), (730, False), (731, True)):
                ada = self.patient(days, "CA", "ON")
                self.assertConsent(ada, channel, purpose, needed)
        self.assertConsent(ada, "mail", "care", needed=False)
        self.grant(ada, "mail", "offer")
        self.assertConsent(ada, "mail", "offer", needed=False)

    def test_implied_consent_over_a_leap_day(self):
        """D10: two years with a leap day are 731 days; a visit on 29 February
        ends with the month two years later."""
        noon = datetime(2024, 2, 29, 17)
        ada = self.living("CA", "ON")
        self.visit(ada, noon)
        bob = self.living("CA", "ON", name="Bob Sample")
        self.visit(bob, datetime(2023, 3, 2, 17))
        self.refresh()
        for partner, last in ((ada, date(2026, 2, 28)), (bob, date(2025, 3, 2))):
            after = last + timedelta(days=1)
            self.assertConsent(partner, "mail", "offer", needed=False, today=last)
            self.assertConsent(partner, "mail", "offer", today=after)
        self.assertEqual((date(2025, 3, 2) - date(2023, 3, 2)).days, 731)

    def test_implied_consent_needs_a_visit(self):
        """CA1: who never came has implied nothing."""
        self.assertConsent(self.living("CA", "ON"), "mail", "offer")

    def test_quebec(self):
        """CA3: offers need express consent, by address or, in texts, area code."""
        ada = self.patient(100, "CA", "QC")
        self.assertConsent(ada, "mail", "offer")
        self.assertConsent(ada, "mail", "service", needed=False)
        bob = self.patient(100, "CA", "ON", "+15145550123", name="Bob Sample")
        self.assertConsent(bob, "sms", "offer")
        self.assertConsent(bob, "mail", "offer", needed=False)

    def test_europe(self):
        """G2 G3 G5: offers need express consent for each channel, reminders none."""
        for country in ("FR", "GB", "NO", "IS", "LI", "CH"):
            ada = self.patient(100, country)
            for channel in ("mail", "sms", "call"):
                self.assertConsent(ada, channel, "offer")
                self.assertConsent(ada, channel, "care", needed=False)
            self.grant(ada, "mail", "offer")
            self.assertConsent(ada, "mail", "offer", needed=False)
            self.assertConsent(ada, "sms", "offer")

    def test_country_without_a_rule(self):
        """Offers need express consent, everything else needs none."""
        ada = self.patient(100, "JP")
        self.assertConsent(ada, "mail", "offer")
        self.assertConsent(ada, "mail", "service", needed=False)
        # The law of the number asks for more, and never for less.
        bob = self.patient(100, "JP", phone=CALIFORNIA_NUMBER, name="Bob Sample")
        self.assertConsent(bob, "call", "offer")
        self.rule(country_id=self.env.ref("base.jp").id, consent="none")
        self.assertConsent(ada, "mail", "offer", needed=False)

    def test_foreign_number(self):
        """A French number is under French law, wherever its owner lives."""
        ada = self.patient(100, "US", "NY", "+33612345678")
        self.assertConsent(ada, "call", "offer")
        self.assertConsent(ada, "mail", "offer", needed=False)

    def test_rule_that_says_nothing_about_consent(self):
        """Hours of a country do not make its offers free of consent."""
        self.rule(country_id=self.env.ref("base.jp").id, hour_from=9, hour_to=17)
        self.assertConsent(self.living("JP"), "mail", "offer")

    def test_without_an_address_the_clinics_law(self):
        ada = self.patient(100)
        self.assertConsent(ada, "mail", "offer", needed=False)
        self.clinic.partner_id.state_id = self.state("TX")
        self.assertConsent(ada, "sms", "service")
        self.clinic.partner_id.write({"country_id": False, "state_id": False})
        self.assertConsent(ada, "mail", "offer")
        self.assertConsent(ada, "mail", "care", needed=False)

    def test_clinic_that_always_wants_consent(self):
        """Offers and news need express consent at once, reminders do not."""
        self.clinic.reactivation_consent_required = True
        ada = self.patient(100, "US", "NY")
        self.assertConsent(ada, "mail", "service")
        self.assertConsent(ada, "mail", "care", needed=False)
        self.grant(ada, "mail", "service")
        self.assertConsent(ada, "mail", "service", needed=False)
        self.assertConsent(ada, "mail", "offer")

    def test_old_consent(self):
        """A rule may say for how long a consent lasts."""
        self.rule(consent="express", purpose="offer", consent_months=12)
        ada = self.patient(100, "US", "NY")
        self.grant(ada, "mail", "offer", days=400)
        self.assertConsent(ada, "mail", "offer")
        self.grant(ada, "mail", "offer", days=300)
        self.assertConsent(ada, "mail", "offer", needed=False)

    def test_strictest_consent_wins(self):
        """Express over implied over none, in whichever order they stand."""
        country = self.env.ref("base.jp").id
        self.rule(country_id=country, consent="none")
        self.rule(country_id=country, consent="implied", implied_months=6)
        ada = self.patient(100, "JP")
        self.assertConsent(ada, "mail", "offer", needed=False)
        bob = self.patient(300, "JP", name="Bob Sample")
        self.assertConsent(bob, "mail", "offer")
        self.rule(country_id=country, consent="express", sequence=99)
        self.assertConsent(ada, "mail", "offer")

    def test_one_statement_for_many_patients(self):
        people = self.living("US", "TX") | self.living("US", "NY", name="Bob")
        people |= self.living("FR", name="Cleo") | self.living(name="Dan")
        codes = self.refusals(people, "mail", "offer")
        self.assertEqual(
            [codes[person] for person in people], [None, None, "no_consent", None]
        )


@tagged("post_install", "-at_install")
class TestContactRuleRecord(RuleCase):
    """Rules as records: data, companies, roles, mistakes."""

    def test_every_rule_names_its_source(self):
        data = self.env["ir.model.data"].search(
            [
                ("module", "=", "patient_reactivation"),
                ("model", "=", "reactivation.contact.rule"),
            ]
        )
        rules = self.Rule.browse(data.mapped("res_id"))
        self.assertGreater(len(rules), 25)
        for rule in rules:
            self.assertTrue(rule.legal_source, rule.name)
            self.assertTrue(rule.summary, rule.name)
            self.assertTrue(rule.country_id or rule.country_group_id, rule.name)
        self.assertTrue(all(data.mapped("noupdate")))

    def test_states_of_the_rules(self):
        hours = self.env.ref(
            "patient_reactivation.reactivation_contact_rule_us_states_hours_sms"
        )
        self.assertEqual(set(hours.state_ids.mapped("code")), {"FL", "OK", "WA"})
        self.assertEqual(hours.summary, "8:00 to 20:00")

    def test_mistakes_are_refused_and_named(self):
        us, france = self.env.ref("base.us"), self.env.ref("base.fr")
        europe = self.env.ref("base.europe")
        mistakes = [
            {"hour_from": 20, "hour_to": 8},
            {"hour_from": 8, "hour_to": 25},
            {"hour_from": -1, "hour_to": 8},
            {"hour_from": 8},
            {"country_id": us.id, "country_group_id": europe.id},
            {
                "country_id": france.id,
                "state_ids": [Command.set(self.state("FL").ids)],
            },
            {"state_ids": [Command.set(self.state("FL").ids)]},
            {"date_from": "2026-03-02", "date_to": "2026-03-01"},
            {"consent": "implied"},
        ]
        for values in mistakes:
            with self.assertRaises(ValidationError, msg=values) as caught:
                self.rule(**values)
            self.assertIn("“Test”", str(caught.exception))

    def test_settings_are_checked(self):
        for values in (
            {"reactivation_hour_from": 20, "reactivation_hour_to": 8},
            {"reactivation_hour_to": 25},
            {"reactivation_hour_from": 8, "reactivation_hour_to": 8},
            {"reactivation_cap_day": 0},
            {"reactivation_cap_week": -1},
        ):
            with self.assertRaises(ValidationError, msg=values):
                self.clinic.write(values)

    def test_settings_name_the_rules_of_the_country(self):
        note = self.Rule._note(self.clinic)
        self.assertIn("United States", note)
        self.assertIn("US: hours of texts (8:00 to 21:00)", note)
        self.assertIn("Florida", note)
        self.assertNotIn("Quebec", note)
        self.assertNotIn("leaves none", note)
        self.clinic.write({"reactivation_hour_from": 21, "reactivation_hour_to": 23})
        self.assertIn("“US: hours of texts” leaves none", self.Rule._note(self.clinic))
        self.clinic.partner_id.country_id = self.env.ref("base.jp")
        self.assertIn("Japan", self.Rule._note(self.clinic))
        self.clinic.partner_id.country_id = False
        self.assertTrue(self.Rule._note(self.clinic))

    def test_copy_is_told_from_the_original(self):
        rule = self.rule(legal_source="Act 1", hour_from=8, hour_to=20)
        self.assertEqual(rule.copy().name, "Test (copy)")
        self.assertEqual(rule.copy({"name": "Next"}).name, "Next")

    def test_rule_of_another_company(self):
        """H8: a rule holds for its company and its branches, for nobody else."""
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.clinic.id}
        )
        branch.write({"reactivation_tz": "America/New_York"})
        self.rule(company_id=self.clinic.id, hour_from=12, hour_to=14)
        ada = self.living("US", "NY")
        morning = "2026-03-02 15:00:00"
        for company in (self.clinic, branch):
            self.assertOpens(ada, morning, "2026-03-02 17:00:00", company=company)
        self.assertOpens(ada, morning, None, company=self.other_clinic)

    def test_archived_rule_does_not_hold(self):
        self.rule(hour_from=12, hour_to=14).active = False
        self.assertOpens(self.living("US", "NY"), "2026-03-02 15:00:00", None)

    def test_front_desk_reads(self):
        """I1: the front desk reads the rules, a manager keeps them."""
        rule = self.seen_by(self.desk, self.rule())
        self.assertEqual(rule.name, "Test")
        with self.assertRaises(AccessError):
            rule.write({"cap_day": 100})
        with self.assertRaises(AccessError):
            rule.unlink()
        with self.assertRaises(AccessError):
            self.seen_by(self.desk, self.Rule).create({"name": "Mine"})
        manager = self.seen_by(self.manager, rule)
        manager.write({"cap_day": 2})
        manager.copy({"company_id": self.clinic.id}).unlink()

    def test_rules_of_another_company_are_not_seen(self):
        """H5: neither read nor changed; a branch reads those above it."""
        other = self.seen_by(self.manager, self.rule(company_id=self.other_clinic.id))
        with self.assertRaises(AccessError):
            other.read(["name"])
        with self.assertRaises(AccessError):
            self.seen_by(self.manager, self.Rule).create(
                {"name": "Theirs", "company_id": self.other_clinic.id}
            )
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.clinic.id}
        )
        self.manager.write(
            {"company_ids": [Command.set(branch.ids)], "company_id": branch.id}
        )
        above = self.seen_by(self.manager, self.rule(company_id=self.clinic.id))
        self.assertEqual(above.name, "Test")
        with self.assertRaises(AccessError):
            above.write({"hour_to": 0})

    def test_answers_do_not_depend_on_who_asks(self):
        """The runner, the desk and a manager get the same answer."""
        self.rule(company_id=self.clinic.id, hour_from=12, hour_to=14, cap_week=2)
        ada = self.living("US", "NY")
        now = fields.Datetime.now()
        for user in (self.desk, self.manager, self.env.ref("base.user_root")):
            rules = self.seen_by(user, self.Rule)
            person = self.seen_by(user, ada)
            company = self.seen_by(user, self.clinic)
            opens = rules._next_allowed(person, company, "sms", "offer", now)
            self.assertEqual(opens[ada.id], datetime(2026, 3, 2, 17))
            caps = rules._caps(person, company, "sms", "offer", now)
            self.assertEqual(caps[ada.id], (1, 2))

    def test_form(self):
        with Form(self.seen_by(self.manager, self.Rule)) as form:
            form.name = "Ohio"
            form.country_id = self.env.ref("base.us")
            form.hour_from, form.hour_to = 9, 18.5
            form.legal_source = "Revised Code"
        self.assertEqual(form.record.summary, "9:00 to 18:30")
