from datetime import date, datetime

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .common import ClinicCase


@tagged("post_install", "-at_install")
class TestTier(ClinicCase):
    """Bands of inactivity: no overlap, gaps are said, per company or shared."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Tier = cls.env["reactivation.tier"]
        cls.six = cls.env.ref("patient_reactivation.reactivation_tier_6")
        cls.twelve = cls.env.ref("patient_reactivation.reactivation_tier_12")

    def test_patients_fall_into_their_tier(self):
        days = {"Ada": 100, "Bob": 200, "Cleo": 400}
        people = {name: self.lapsed(name, days=count) for name, count in days.items()}
        self.refresh()
        self.assertPatient(people["Ada"], tier_id=self.Tier)
        self.assertPatient(people["Bob"], tier_id=self.six)
        self.assertPatient(people["Cleo"], tier_id=self.twelve)
        self.assertEqual((self.six.patient_count, self.twelve.patient_count), (1, 1))

    def test_a_year_to_the_day_is_in_the_next_tier(self):
        people = {}
        for name, day in (("Eve", date(2025, 3, 2)), ("Fay", date(2025, 3, 3))):
            people[name] = self.person(name)
            self.visit(people[name], datetime.combine(day, self.noon))
        self.refresh()
        self.assertPatient(people["Eve"], tier_id=self.twelve)
        self.assertPatient(people["Fay"], tier_id=self.six)

    noon = datetime(2025, 1, 1, 17, 0).time()

    def test_overlap_is_refused_and_named(self):
        with self.assertRaises(ValidationError) as caught:
            self.Tier.create({"name": "Middle", "months_from": 9, "months_to": 15})
        self.assertIn("Middle", str(caught.exception))
        self.assertIn("6 to 12 months", str(caught.exception))

    def test_open_tier_before_another_is_refused(self):
        with self.assertRaises(ValidationError):
            self.six.months_to = 0

    def test_gap_is_said_and_allowed(self):
        self.six.months_to = 10
        self.assertIn("10", self.six.gap_warning)
        self.assertIn("12", self.six.gap_warning)
        self.assertFalse(self.twelve.gap_warning)

    def test_end_without_a_next_tier_is_said(self):
        self.twelve.months_to = 24
        self.assertIn("24", self.twelve.gap_warning)

    def test_company_with_tiers_of_its_own_uses_only_those(self):
        own = self.Tier.create(
            {"name": "Ours", "months_from": 3, "company_id": self.clinic.id}
        )
        ada = self.lapsed(days=400)
        self.visit(ada, 400, company_id=self.other_clinic.id)
        self.refresh()
        self.assertPatient(ada, tier_id=own)
        self.assertPatient(ada, self.other_clinic, tier_id=self.twelve)

    def test_tier_moves_with_time(self):
        ada = self.lapsed(days=200)
        self.refresh()
        self.assertPatient(ada, tier_id=self.six)
        self.later(days=200)
        self.refresh()
        self.assertPatient(ada, tier_id=self.twelve)

    def test_kanban_shows_empty_tiers(self):
        ada = self.lapsed(days=200)
        self.refresh()
        groups = self.patients.formatted_read_group(
            [("partner_id", "=", ada.id)], ["tier_id"], ["__count"]
        )
        self.assertEqual(len(groups), 1)
        expanded = self.patients._group_expand_tier_id(self.six, [])
        self.assertEqual(expanded, self.six | self.twelve)

    def test_reasons_of_the_mission_are_there(self):
        codes = self.env["reactivation.reason"].search([]).mapped("code")
        self.assertEqual(
            set(codes),
            {
                "cost",
                "coverage_changed",
                "coverage_lost",
                "moved",
                "dissatisfied",
                "recovered",
                "no_time",
                "hard_to_reach",
                "other_provider",
                "asked",
                "deceased",
                "unknown",
            },
        )
