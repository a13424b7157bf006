"""Before it starts: who would be enrolled, who not and why, and how many a day."""

from datetime import datetime, timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from .common import ClinicCase

PAYERS = [
    Command.create({"name": "Cash", "sequence": 1, "payer_cash": True}),
    Command.create({"name": "Twice", "sequence": 2, "visit_pattern": "repeat"}),
]


@tagged("post_install", "-at_install")
class TestPreview(ClinicCase):
    def preview(self, campaign, user=None):
        user = user or self.manager
        return (
            self.env["reactivation.audience.preview"]
            .with_env(self.env_of(user))
            .create({"campaign_id": campaign.id})
        )

    def names(self, action):
        audience = self.env["reactivation.audience"].with_env(self.env_of(self.manager))
        rows = audience.with_context(**action["context"]).search(action["domain"])
        return sorted(rows.partner_id.mapped("name"))

    def test_each_left_out_patient_is_counted_with_a_reason_and_a_name(self):
        self.lapsed("Ready", payer_class="cash")
        self.lapsed("Both", payer_class="cash", visits=2)
        self.lapsed("Mute", payer_class="cash", email=False)
        self.lapsed("Dead", visits=2, deceased_date="2026-01-01")
        self.lapsed("Nobody's")
        self.lapsed("Asked", visits=2, do_not_contact=True)
        self.refresh()
        campaign = self.campaign(segment_ids=PAYERS)
        preview = self.preview(campaign)
        self.assertEqual(
            (preview.lapsed_count, preview.enroll_count, preview.excluded_count),
            (6, 2, 4),
        )
        cash, twice = preview.result["segments"]
        self.assertEqual(
            (cash["name"], cash["contact"], cash["left_out"]), ("Cash", 2, 1)
        )
        self.assertEqual((twice["contact"], twice["left_out"]), (0, 2))
        self.assertEqual(twice["taken"], [{"name": "Cash", "count": 1}])
        reasons = {row["code"]: row["count"] for row in preview.result["reasons"]}
        self.assertEqual(
            reasons,
            {"no_address": 1, "deceased": 1, "no_segment": 1, "do_not_contact": 1},
        )
        texts = {row["text"] for row in preview.result["reasons"]}
        self.assertIn("No address or number", texts)
        self.assertEqual(
            self.names(preview.action_open(refusal="no_address")), ["Mute"]
        )
        self.assertEqual(
            self.names(preview.action_open(refusal="no_segment")), ["Nobody's"]
        )
        self.assertEqual(
            self.names(preview.action_open(segment=cash["id"], fate="enroll")),
            ["Both", "Ready"],
        )
        self.assertEqual(
            self.names(preview.action_open(segment=twice["id"], fate="left_out")),
            ["Asked", "Dead"],
        )
        self.assertEqual(campaign.state, "draft")
        self.assertFalse(campaign.enrollment_ids)

    def test_what_the_preview_says_is_what_happens(self):
        """The control group too: the same patients are drawn."""
        for number in range(40):
            self.lapsed(f"Patient {number}", visits=1 + number % 2)
        self.lapsed("Mute", email=False)
        self.refresh()
        campaign = self.campaign(
            control=30,
            segment_ids=[
                Command.create({"name": "Twice", "visit_pattern": "repeat"}),
                Command.create({"name": "Rest", "sequence": 20}),
            ],
        )
        preview = self.preview(campaign)
        control = self.names(preview.action_open(fate="control"))
        self.assertEqual(len(control), preview.control_count)
        self.assertTrue(control)
        campaign.action_start()
        enrolled = campaign.enrollment_ids
        self.assertEqual(
            sorted(enrolled.filtered("is_control").partner_id.mapped("name")), control
        )
        for row in preview.result["segments"]:
            own = enrolled.filtered(
                lambda item, row=row: item.segment_id.id == row["id"]
            )
            self.assertEqual(len(own), row["contact"] + row["control"])
            self.assertEqual(len(own.filtered("is_control")), row["control"])

    def test_names_are_for_managers(self):
        """I1"""
        self.lapsed("Mute", email=False)
        self.refresh()
        campaign = self.campaign()
        with self.assertRaises(AccessError):
            self.preview(campaign, self.desk)
        preview = self.preview(campaign)
        with self.assertRaises(AccessError):
            preview.with_env(self.env_of(self.desk)).action_open(refusal="no_address")

    def test_names_of_another_clinic_are_not_shown(self):
        """H5"""
        stranger = self.person("Stranger")
        self.visit(stranger, 300, company_id=self.other_clinic.id)
        self.refresh()
        theirs = self.campaign(company_id=self.other_clinic.id)
        with self.assertRaises(AccessError):
            self.preview(theirs)

    def test_an_empty_campaign_has_a_preview(self):
        """Before the first segment: everybody is in none."""
        self.lapsed()
        self.refresh()
        campaign = self.env["reactivation.campaign"].create(
            {"name": "Empty", "company_id": self.clinic.id}
        )
        preview = self.preview(campaign)
        self.assertEqual(preview.result["segments"], [])
        self.assertEqual(preview.result["reasons"][0]["code"], "no_segment")


@tagged("post_install", "-at_install")
class TestDays(ClinicCase):
    """From which day on, and how many a day."""

    def test_nobody_is_enrolled_before_the_first_day(self):
        self.lapsed()
        campaign = self.campaign(start=True, date_from=datetime(2026, 3, 4).date())
        self.assertFalse(campaign.enrollment_ids)
        self.run_day()
        self.assertFalse(campaign.enrollment_ids)
        self.run_day()
        self.assertEqual(campaign.enrolled_count, 1)

    def test_the_first_day_is_the_clinics(self):
        """Two o'clock in the night in UTC is still the evening before in New York."""
        self.lapsed()
        campaign = self.campaign(start=True, date_from=datetime(2026, 3, 3).date())
        with self.at(datetime(2026, 3, 3, 2)):
            self.env["reactivation.enrollment"]._cron_enroll()
            self.assertFalse(campaign.enrollment_ids)
        with self.at(datetime(2026, 3, 3, 5, 1)):
            self.env["reactivation.enrollment"]._cron_enroll()
            self.assertEqual(campaign.enrolled_count, 1)

    def test_so_many_a_day_who_lapsed_last_first(self):
        for number in range(5):
            self.lapsed(f"Patient {number}", days=300 - number * 10)
        campaign = self.campaign(start=True, daily_limit=2)
        self.assertEqual(
            sorted(campaign.enrollment_ids.partner_id.mapped("name")),
            ["Patient 3", "Patient 4"],
        )
        # The same day, however often the cron comes by.
        for _hour in range(3):
            self.later(hours=2)
            self.run_crons()
        self.assertEqual(campaign.enrolled_count, 2)
        self.run_day()
        self.assertEqual(campaign.enrolled_count, 4)
        self.run_day()
        self.assertEqual(campaign.enrolled_count, 5)

    def test_a_day_ends_at_the_clinics_midnight(self):
        for number in range(3):
            self.lapsed(f"Patient {number}")
        campaign = self.campaign(start=True, daily_limit=1)
        enroll = self.env["reactivation.enrollment"]._enroll
        with self.at(datetime(2026, 3, 3, 4, 59)):
            self.assertEqual(enroll(campaign), 0)
        with self.at(datetime(2026, 3, 3, 5, 0)):
            self.assertEqual(enroll(campaign), 1)

    def test_the_limit_leaves_the_control_group_as_it_was_drawn(self):
        for number in range(30):
            self.lapsed(f"Patient {number}", days=250 + number)
        self.refresh()
        campaign = self.campaign(control=50, daily_limit=7)
        preview = self.env["reactivation.audience.preview"].create(
            {"campaign_id": campaign.id}
        )
        drawn = preview.control_count
        self.assertEqual((preview.enroll_count, preview.day_count), (30, 5))
        campaign.action_start()
        for _day in range(5):
            self.later(days=1)
            self.env["reactivation.enrollment"]._cron_enroll()
        self.assertEqual(len(campaign.enrollment_ids), 30)
        self.assertEqual(len(campaign.enrollment_ids.filtered("is_control")), drawn)

    def test_only_chosen_contacts_and_still_by_the_rules(self):
        """What a server action enrolls passes the audience and the policy."""
        ada, bob = self.lapsed("Ada"), self.lapsed("Bob")
        mute, active = self.lapsed("Mute", email=False), self.lapsed("Active", days=20)
        campaign = self.campaign(daily_limit=1)
        self.refresh()
        campaign.state = "running"
        enroll = self.env["reactivation.enrollment"]._enroll
        self.assertEqual(enroll(campaign, partners=mute | active), 0)
        self.assertEqual(enroll(campaign, partners=self.env["res.partner"]), 0)
        self.assertEqual(enroll(campaign, partners=bob), 1)
        self.assertEqual(enroll(campaign, partners=ada), 0)
        self.assertEnrolled(campaign, bob)

    def test_a_campaign_that_fails_does_not_keep_the_others_from_it(self):
        """Whatever goes wrong for one campaign, the cron goes on with the next."""
        self.lapsed("Ada")
        failing = self.campaign(name="Failing", start=True, date_from="2026-03-03")
        other = self.campaign(name="Other", start=True, date_from="2026-03-03")
        plan = self.registry["reactivation.enrollment"]
        audience = plan._audience_sql

        def broken(self, campaign, *arguments, **options):
            if campaign == failing:
                raise ValueError("no such function")
            return audience(self, campaign, *arguments, **options)

        self.later(days=1)
        with (
            patch.object(plan, "_audience_sql", broken),
            mute_logger(
                "odoo.addons.patient_reactivation.models.reactivation_enrollment_audience"
            ),
        ):
            self.env["reactivation.enrollment"]._cron_enroll()
        self.assertEqual((failing.state, other.state), ("paused", "running"))
        self.assertIn("no such function", failing.pause_reason)
        self.assertEqual(other.enrolled_count, 1)

    def test_a_limit_is_not_negative(self):
        campaign = self.campaign()
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaisesRegex(Exception, "daily_limit"),
            self.env.cr.savepoint(),
        ):
            campaign.daily_limit = -1
            campaign.flush_recordset()

    def test_enrolled_in_the_future_counts_for_today(self):
        """D8: a clock that was ahead does not allow more."""
        for number in range(3):
            self.lapsed(f"Patient {number}")
        campaign = self.campaign(start=True, daily_limit=1)
        campaign.enrollment_ids.enrolled_on += timedelta(days=1)
        self.assertEqual(self.env["reactivation.enrollment"]._enroll(campaign), 0)


@tagged("post_install", "-at_install")
class TestCrowds(ClinicCase):
    """Many are asked about in other words than one: the answers are the same."""

    def test_asking_all_at_once_gives_the_same_answers(self):
        ledger = self.env["reactivation.consent"]
        suppression = self.env["reactivation.suppression"]
        people = {
            "Plain": self.lapsed("Plain", phone="+1 212-555-0101"),
            "Said no": self.lapsed("Said no"),
            "Said no and yes": self.lapsed("Said no and yes"),
            "Address": self.lapsed("Address", email="shared@example.com"),
            "Two": self.lapsed("Two", email="two@example.com, b@example.com"),
            "Two free": self.lapsed("Two free", email="c@example.com, d@example.com"),
            "Number": self.lapsed("Number", phone="+1 212-555-0102"),
            "Mute": self.lapsed("Mute", email=False),
            "Odd": self.lapsed("Odd", email="nobody"),
            "Child": self.lapsed("Child", birth_date="2015-01-01"),
            "Gone": self.lapsed("Gone", email="gone@example.com"),
            "Blocked": self.lapsed("Blocked", email="blocked@example.com"),
        }
        for reason in ("bounced", "complaint", "erased", "wrong_number"):
            people[reason] = self.lapsed(reason, phone="+1 212-555-0188")
            suppression._add("mail", [people[reason].email], reason)
        guarded = self.lapsed("Guarded", birth_date="2015-01-01")
        guarded.guardian_id = people["Said no"]
        people["Guarded"] = guarded
        everybody = self.env["res.partner"].union(*people.values())
        for name in ("Said no", "Said no and yes"):
            ledger._withdraw(people[name], self.clinic, "all", "all", "form")
        self.later(hours=1)
        for name in ("Said no and yes", "Plain"):
            ledger._grant(people[name], self.clinic, "all", "all", "page")
        ledger._withdraw(
            self.person("Stranger"),
            self.clinic,
            "mail",
            "all",
            "form",
            address="shared@example.com",
        )
        suppression._add("mail", ["b@example.com", "gone@example.com"], "bounced")
        suppression._add("phone", ["+1 212-555-0102"], "wrong_number", self.clinic)
        self.env["mail.blacklist"]._add("blocked@example.com")
        self.refresh()
        self.clinic.reactivation_consent_required = True
        policy = self.env["reactivation.contact.policy"]
        seen = set()
        for channels in (["mail"], ["call"], ["mail", "call"], ["letter"]):
            for purpose, paid in (("care", False), ("offer", False), ("care", True)):
                with self.subTest(channels, purpose=purpose, paid=paid):
                    question = (self.clinic, channels, purpose, None, paid)
                    single = SQL(
                        "LEFT JOIN res_partner recipient ON recipient.id = %s",
                        policy._recipient_sql(self.clinic),
                    )
                    one = self.ask(policy, single, SQL("TRUE"), question, everybody)
                    self.assertEqual(len(one), len(everybody))
                    many = []
                    for crowd in policy._crowds(self.clinic):
                        many += self.ask(*crowd, question, everybody)
                    self.assertEqual(sorted(many, key=str), sorted(one, key=str))
                    seen |= {refusal for _partner, refusal in one}
        # Otherwise nothing was compared.
        self.assertLessEqual(
            {"opted_out", "blacklisted", "bounced", "erased", "no_consent", None}, seen
        )

    def ask(self, policy, join, meant, question, partners):
        return self.env.execute_query(
            SQL(
                """SELECT partner.id, %s FROM reactivation_patient patient
                     JOIN res_partner partner ON partner.id = patient.partner_id
                       %s WHERE %s AND partner.id IN %s""",
                policy._refusal_sql(*question),
                join,
                meant,
                tuple(partners.ids),
            )
        )
