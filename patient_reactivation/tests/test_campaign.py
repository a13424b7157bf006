from datetime import date

from psycopg2 import IntegrityError

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MailClinicCase


@tagged("post_install", "-at_install")
class TestCampaign(MailClinicCase):
    """Who is enrolled, once per lapse episode, and who is not and why."""

    def left_out(self, campaign):
        """{reason: number} of the preview."""
        preview = self.env["reactivation.audience.preview"].create(
            {"campaign_id": campaign.id}
        )
        return {line.refusal: line.count for line in preview.line_ids if line.refusal}

    def test_lapsed_patients_are_enrolled(self):
        ada, bob = self.lapsed("Ada"), self.lapsed("Bob", days=500)
        self.lapsed("Cleo", days=20)
        campaign = self.campaign(start=True)
        self.assertEnrolled(campaign, ada | bob)
        enrollment = self.enrollment(ada)
        self.assertEqual(enrollment.episode_date, self.days_ago(250).date())
        self.assertEqual(enrollment.segment_id, campaign.segment_ids)
        self.assertEqual(enrollment.method_id, campaign.method_ids)
        self.assertEqual(enrollment.next_step_id, campaign.method_ids.step_ids)

    def test_enrolling_again_adds_nobody(self):
        self.lapsed()
        campaign = self.campaign(start=True)
        self.assertEqual(self.env["reactivation.enrollment"]._enroll(campaign), 0)
        self.assertEqual(campaign.enrolled_count, 1)

    def test_who_lapses_later_is_enrolled_then(self):
        ada = self.lapsed(days=150)
        campaign = self.campaign(start=True)
        self.assertEnrolled(campaign, self.env["res.partner"])
        self.run_day(40)
        self.assertEnrolled(campaign, ada)

    def test_new_episode_is_a_new_enrollment(self):
        """Coming back and lapsing again."""
        ada = self.lapsed()
        campaign = self.campaign(start=True)
        self.run_day()
        self.visit(ada, 0)
        self.run_day(2)
        self.assertEqual(self.enrollment(ada).stage, "returned")
        self.run_day(200)
        self.assertEqual(len(self.enrollment(ada, campaign)), 2)

    def test_who_may_not_be_contacted_is_never_enrolled(self):
        """E5: deceased, minor, archived, staff, blocked, do not contact."""
        self.env["mail.blacklist"]._add("blocked@example.com")
        self.lapsed("Dead", deceased_date=date(2026, 1, 1))
        self.lapsed("Minor", birth_date=date(2015, 1, 1))
        self.lapsed("Archived").active = False
        self.lapsed("Blocked", email="blocked@example.com")
        self.lapsed("Silent", do_not_contact=True)
        self.lapsed("Supplier", patient_mark="not_patient")
        self.lapsed("Moved")
        self.refresh()
        self.row(
            self.env["res.partner"].search([("name", "=", "Moved")])
        ).reason_id = self.env.ref("patient_reactivation.reactivation_reason_moved")
        campaign = self.campaign()
        self.assertEqual(
            self.left_out(campaign),
            {
                "deceased": 1,
                "minor": 1,
                "blacklisted": 1,
                "do_not_contact": 1,
                "excluded": 3,
            },
        )
        campaign.action_start()
        self.assertEnrolled(campaign, self.env["res.partner"])

    def test_minor_is_reached_through_the_guardian(self):
        """E5"""
        mother = self.person("Mother")
        child = self.lapsed(
            "Child", birth_date=date(2015, 1, 1), guardian_id=mother.id, email=False
        )
        campaign = self.campaign(start=True)
        self.assertEnrolled(campaign, child)
        self.run_crons()
        self.assertEqual(len(self.mails_to("mother@example.com")), 1)

    def test_of_age_on_the_birthday(self):
        adult = self.lapsed("Adult", birth_date=date(2008, 3, 2))
        self.lapsed("Nearly", birth_date=date(2008, 3, 3))
        self.assertEnrolled(self.campaign(start=True), adult)

    def test_addresses_that_cannot_be_used(self):
        """E1: empty, n/a, broken, too long."""
        self.lapsed("Empty", email=False)
        self.lapsed("Na", email="n/a")
        self.lapsed("Two", email="a@b@c")
        self.lapsed("Space", email="   ")
        self.refresh()
        campaign = self.campaign()
        self.assertEqual(
            self.left_out(campaign), {"no_address": 2, "invalid_address": 2}
        )

    def test_second_address_is_checked_too(self):
        """E2"""
        self.env["mail.blacklist"]._add("second@example.com")
        self.lapsed("Two", email="first@example.com, second@example.com")
        self.refresh()
        self.assertEqual(self.left_out(self.campaign()), {"blacklisted": 1})

    def test_booked_patient_is_left_out(self):
        """E7"""
        ada = self.lapsed()
        self.meet(ada, -10)
        self.refresh()
        self.assertEqual(self.left_out(self.campaign()), {"booked": 1})

    def test_visits_with_wrong_dates_make_nobody_lapsed(self):
        """E6"""
        ada = self.person()
        self.visit(ada, -300, state="done")
        self.person("Never", patient_mark="patient")
        self.refresh()
        self.assertEqual(self.left_out(self.campaign()), {})

    def test_other_companys_patients_are_never_enrolled(self):
        """H1: run as the superuser, as crons do."""
        self.lapsed("Theirs", company_id=self.other_clinic.id)
        stranger = self.person("Stranger")
        self.visit(stranger, 250, company_id=self.other_clinic.id)
        ours = self.lapsed("Ours")
        campaign = self.campaign(start=True)
        self.env["reactivation.enrollment"].sudo()._cron_enroll()
        self.assertEnrolled(campaign, ours)

    def test_patient_of_a_running_campaign_is_left_to_it(self):
        """A10"""
        self.lapsed()
        self.campaign(start=True)
        second = self.campaign(name="Second")
        self.assertEqual(self.left_out(second), {"other_campaign": 1})

    def test_two_running_enrollments_cannot_exist(self):
        """A10: the database refuses, whoever asks."""
        ada = self.lapsed()
        self.campaign(start=True)
        first = self.enrollment(ada)
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"):
            first.copy({"campaign_id": self.campaign(name="Second").id})
            self.env.flush_all()

    def test_first_segment_that_matches(self):
        single = self.lapsed("Single")
        repeat = self.lapsed("Repeat", days=400, visits=3)
        campaign = self.campaign(
            segment_ids=[
                Command.create({"name": "Lost regulars", "visit_pattern": "repeat"}),
                Command.create({"name": "Rest", "sequence": 20}),
            ]
        )
        self.refresh()
        campaign.action_start()
        self.assertEqual(self.enrollment(single).segment_id.name, "Rest")
        self.assertEqual(self.enrollment(repeat).segment_id.name, "Lost regulars")

    def test_segment_by_tier_reason_and_any_condition(self):
        cost = self.env.ref("patient_reactivation.reactivation_reason_cost")
        match = self.lapsed("Match", days=400, payer_class="cash")
        self.lapsed("Insured", days=400, payer_class="private")
        self.lapsed("Recent", days=200, payer_class="cash")
        self.refresh()
        for row in self.patients.search([("company_id", "=", self.clinic.id)]):
            row.reason_id = cost
        campaign = self.campaign(
            segment_ids=[
                Command.create(
                    {
                        "name": "Cash payers",
                        "tier_ids": [
                            Command.link(
                                self.env.ref(
                                    "patient_reactivation.reactivation_tier_12"
                                ).id
                            )
                        ],
                        "reason_ids": [Command.link(cost.id)],
                        "domain": "[('partner_id.payer_class', '=', 'cash')]",
                    }
                )
            ]
        )
        self.assertEqual(self.left_out(campaign), {"no_segment": 2})
        campaign.action_start()
        self.assertEnrolled(campaign, match)

    def test_segment_with_a_wrong_condition_is_refused(self):
        """F10"""
        campaign = self.campaign()
        for domain in ("[('nothing', '=', 1)]", "[(", "__import__('os')"):
            with self.assertRaises(ValidationError), self.env.cr.savepoint():
                campaign.segment_ids.domain = domain

    def test_control_group_is_drawn_and_stays(self):
        for number in range(60):
            self.lapsed(f"Patient {number}")
        campaign = self.campaign(start=True, control=50)
        control = campaign.enrollment_ids.filtered("is_control")
        self.assertTrue(15 < len(control) < 45, len(control))
        self.assertFalse(control.method_id)
        self.assertFalse(control.filtered("next_date"))
        key = campaign.sudo().assignment_key
        self.env.cr.execute(
            "SELECT partner_id, ('x' || substr(md5(%s || ':' || partner_id), 1, 8))"
            "::bit(32)::bigint < 0.5 * 4294967296, is_control "
            "FROM reactivation_enrollment WHERE campaign_id = %s",
            (f"{key}:{campaign.id}", campaign.id),
        )
        for partner, drawn, is_control in self.env.cr.fetchall():
            self.assertEqual(drawn, is_control, partner)

    def test_start_names_everything_that_is_missing(self):
        """E12: no steps, no text; E1: no postal address."""
        campaign = self.env["reactivation.campaign"].create(
            {"name": "Empty", "company_id": self.clinic.id}
        )
        self.clinic.write({"street": False, "zip": False})
        with self.assertRaises(UserError) as caught:
            campaign.action_start()
        for word in ("Street", "Zip", "segment", "method"):
            self.assertIn(word, str(caught.exception))

    def test_start_refuses_a_step_without_e_mail_or_unsubscribe(self):
        """E12"""
        campaign = self.campaign()
        step = campaign.method_ids.step_ids
        step.mailing_ids.body_html = "<p>Come back</p>"
        with self.assertRaises(UserError) as caught:
            campaign.action_start()
        self.assertIn("unsubscribe", str(caught.exception))
        step.mailing_ids.unlink()
        with self.assertRaises(UserError) as caught:
            campaign.action_start()
        self.assertIn("E-mail 1", str(caught.exception))

    def test_paused_campaign_enrolls_nobody(self):
        campaign = self.campaign(start=True)
        campaign.action_pause()
        self.lapsed()
        self.run_crons()
        self.assertEqual(campaign.enrolled_count, 0)

    def test_nobody_is_enrolled_after_the_last_day(self):
        campaign = self.campaign(start=True, date_end=date(2026, 3, 5))
        self.run_day(5)
        self.lapsed()
        self.run_day()
        self.assertEqual(campaign.enrolled_count, 0)

    def test_started_campaign_with_patients_cannot_be_deleted(self):
        self.lapsed()
        campaign = self.campaign(start=True)
        with self.assertRaises(UserError):
            campaign.unlink()

    def test_copy_has_its_own_e_mails(self):
        campaign = self.campaign()
        copied = campaign.copy()
        first, second = campaign.method_ids.step_ids, copied.method_ids.step_ids
        self.assertEqual(len(second.mailing_ids), 1)
        self.assertNotEqual(first.mailing_ids, second.mailing_ids)
        self.assertEqual(second.mailing_ids.reactivation_step_id, second)
        self.assertEqual(copied.state, "draft")

    def test_preview_counts_everybody(self):
        self.lapsed("Ada")
        self.lapsed("Bob", email=False)
        self.refresh()
        preview = self.env["reactivation.audience.preview"].create(
            {"campaign_id": self.campaign(control=50).id}
        )
        self.assertRecordValues(
            preview, [{"lapsed_count": 2, "enroll_count": 1, "excluded_count": 1}]
        )

    def test_consent_without_date_or_source_is_no_consent(self):
        """E9"""
        ada = self.lapsed("Ada")
        bob = self.lapsed("Bob")
        self.clinic.reactivation_consent_required = True
        Consent = self.env["reactivation.consent"]
        Consent.create({"partner_id": ada.id, "company_id": self.clinic.id})
        Consent.create(
            {
                "partner_id": bob.id,
                "company_id": self.clinic.id,
                "date": self.days_ago(30),
                "source": "form",
            }
        )
        self.refresh()
        campaign = self.campaign(purpose="offer")
        self.assertEqual(self.left_out(campaign), {"no_consent": 1})
        campaign.action_start()
        self.assertEnrolled(campaign, bob)

    def test_withdrawal_after_consent_counts(self):
        ada = self.lapsed("Ada")
        self.clinic.reactivation_consent_required = True
        values = {"partner_id": ada.id, "company_id": self.clinic.id, "source": "form"}
        self.env["reactivation.consent"].create(
            [
                {**values, "date": self.days_ago(30)},
                {**values, "date": self.days_ago(10), "state": "withdrawn"},
            ]
        )
        self.refresh()
        self.assertEqual(
            self.left_out(self.campaign(purpose="offer")), {"opted_out": 1}
        )
        self.assertEqual(self.left_out(self.campaign(purpose="care")), {})

    def test_consents_are_only_ever_added(self):
        consent = self.env["reactivation.consent"].create(
            {"partner_id": self.person().id}
        )
        with self.assertRaises(UserError):
            consent.with_user(self.manager).write({"date": self.days_ago(1)})
        with self.assertRaises(UserError):
            consent.unlink()

    def test_number_of_queries_does_not_grow(self):
        """L1: not with the patients."""
        campaign = self.campaign(start=True, steps=5)

        def queries(count):
            for number in range(count):
                self.lapsed(f"Patient {count} {number}")
            self.refresh()
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            self.assertEqual(
                self.env["reactivation.enrollment"]._enroll(campaign), count
            )
            return self.env.cr.sql_log_count - before

        queries(1)
        self.assertEqual(queries(2), queries(40))
