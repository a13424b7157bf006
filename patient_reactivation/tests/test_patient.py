from datetime import date, datetime

from dateutil.relativedelta import relativedelta

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import NOW, ClinicCase


@tagged("post_install", "-at_install")
class TestPatient(ClinicCase):
    """Facts of the visits, one row per patient and company."""

    def test_facts_of_a_regular(self):
        ada = self.person()
        self.visit(ada, 400)
        self.visit(ada, 300, practitioner_id=self.doctor.partner_id.id)
        self.visit(ada, 350, practitioner_id=self.other_doctor.partner_id.id)
        self.visit(ada, 200, state="missed")
        self.refresh()
        self.assertPatient(
            ada,
            first_visit_date=self.days_ago(400).date(),
            last_visit_date=self.days_ago(300).date(),
            next_visit_date=False,
            visit_count=3,
            missed_visit_count=1,
            last_practitioner_id=self.doctor.partner_id,
            visit_pattern="repeat",
            status="lapsed",
        )

    def test_single_visit(self):
        ada = self.lapsed()
        self.refresh()
        self.assertPatient(ada, visit_count=1, visit_pattern="single")

    def test_rows_of_one_day_are_one_visit(self):
        """A blood sample at nine and the doctor at ten: the patient came once."""
        ada = self.person()
        self.visit(ada, datetime(2025, 6, 2, 13, 0))
        self.visit(ada, datetime(2025, 6, 2, 14, 0))
        self.meet(ada, datetime(2025, 6, 2, 15, 0))
        self.refresh()
        self.assertPatient(ada, visit_count=1, visit_pattern="single")

    def test_same_utc_day_can_be_two_local_days(self):
        ada = self.person()
        self.visit(ada, datetime(2025, 6, 2, 3, 30))  # still June 1 in New York
        self.visit(ada, datetime(2025, 6, 2, 14, 0))
        self.refresh()
        self.assertPatient(ada, visit_count=2)

    def test_missed_and_attended_on_one_day_is_attended(self):
        ada = self.person()
        self.visit(ada, datetime(2025, 6, 2, 13, 0), state="missed")
        self.visit(ada, datetime(2025, 6, 2, 15, 0))
        self.refresh()
        self.assertPatient(ada, visit_count=1, missed_visit_count=0)

    def test_only_missed_visits(self):
        ada = self.person()
        self.visit(ada, 20, state="missed")
        self.refresh()
        self.assertPatient(
            ada,
            visit_count=0,
            missed_visit_count=1,
            last_visit_date=False,
            visit_pattern=False,
            status="active",
        )

    def test_lapsed_on_the_day_and_not_before(self):
        six_months = NOW - relativedelta(months=6)
        ada, bob = self.person("Ada One"), self.person("Bob Two")
        self.visit(ada, six_months)
        self.visit(bob, six_months + relativedelta(days=1))
        self.refresh()
        self.assertPatient(ada, status="lapsed")
        self.assertPatient(bob, status="active")

    def test_threshold_is_the_companys(self):
        ada = self.lapsed(days=120)
        self.refresh()
        self.assertPatient(ada, status="active")
        self.clinic.reactivation_lapse_months = 3
        self.refresh()
        self.assertPatient(ada, status="lapsed")

    def test_booked_patient_is_not_lapsed(self):
        """E7"""
        ada = self.lapsed()
        self.meet(ada, -10)
        self.refresh()
        self.assertPatient(ada, status="booked", next_visit_date=self.days_ago(-10))

    def test_lapsed_here_and_active_there(self):
        """E4/H1: the facts are of one company."""
        ada = self.lapsed()
        self.visit(ada, 5, company_id=self.other_clinic.id)
        self.refresh()
        self.assertPatient(ada, status="lapsed", visit_count=1)
        self.assertPatient(ada, self.other_clinic, status="active", visit_count=1)

    def test_who_is_excluded_and_why(self):
        """E5"""
        cases = {
            "deceased": {"deceased_date": date(2026, 1, 1)},
            "not_patient": {"patient_mark": "not_patient"},
            "archived": {"active": False},
            "other_company": {"company_id": self.other_clinic.id},
        }
        people = {}
        for code, values in cases.items():
            people[code] = self.lapsed(f"Case {code}")
            people[code].write(values)
        self.refresh()
        for code, partner in people.items():
            self.assertPatient(partner, status="excluded", exclusion=code)

    def test_death_still_to_come_does_not_exclude(self):
        ada = self.lapsed(deceased_date=date(2026, 6, 1))
        self.refresh()
        self.assertPatient(ada, status="lapsed")

    def test_patient_who_joins_the_staff(self):
        """E5"""
        ada = self.lapsed()
        self.refresh()
        self.env["res.users"].create(
            {"name": "Ada", "login": "ada", "partner_id": ada.id}
        )
        self.refresh()
        self.assertNotPatient(ada)

    def test_reason_that_forbids_excludes_at_once(self):
        ada = self.lapsed()
        self.refresh()
        moved = self.env.ref("patient_reactivation.reactivation_reason_moved")
        self.row(ada).reason_id = moved
        self.assertPatient(ada, status="excluded", exclusion="reason")
        self.row(ada).reason_id = False
        self.assertPatient(ada, status="lapsed", exclusion=False)

    def test_archived_contact_is_kept(self):
        ada = self.lapsed()
        self.refresh()
        ada.active = False
        self.assertPatient(ada, visit_count=1, status="excluded")

    def test_marked_contact_who_never_came(self):
        """E6: missing last visit is not lapsed."""
        ada = self.person(patient_mark="patient")
        self.assertPatient(ada, visit_count=0, status="active", tier_id=self.no_tier)

    @property
    def no_tier(self):
        return self.env["reactivation.tier"]

    def test_marking_a_known_patient_changes_nothing(self):
        ada = self.lapsed()
        self.refresh()
        ada.patient_mark = "patient"
        self.assertPatient(ada, visit_count=1, status="lapsed")

    def test_contact_of_a_company_is_marked_there(self):
        ada = self.person(patient_mark="patient", company_id=self.other_clinic.id)
        self.assertFalse(self.row(ada))
        self.assertTrue(self.row(ada, self.other_clinic))

    def test_patient_whose_visits_are_gone(self):
        ada = self.person()
        visit = self.visit(ada, 30)
        self.refresh()
        visit.unlink()
        self.refresh()
        self.assertNotPatient(ada)

    def test_reason_keeps_a_patient_whose_visits_are_gone(self):
        """Nothing a person typed is lost."""
        ada = self.person()
        visit = self.visit(ada, 30)
        self.refresh()
        self.row(ada).reason_id = self.env.ref(
            "patient_reactivation.reactivation_reason_cost"
        )
        visit.unlink()
        self.refresh()
        self.assertPatient(ada, visit_count=0)

    def test_deleted_contact_leaves_the_visit_without_a_name(self):
        ada = self.person()
        visit = self.visit(ada, 30)
        self.refresh()
        ada.unlink()
        self.assertTrue(visit.exists())
        self.assertFalse(visit.partner_id)
        self.assertFalse(
            self.env["reactivation.visit"].search([("res_id", "=", visit.id)])
        )
        self.refresh()

    def test_facts_cannot_be_typed(self):
        ada = self.lapsed()
        self.refresh()
        with self.assertRaises(UserError):
            self.row(ada).with_user(self.desk).write({"visit_count": 9})

    def test_inactivity_counts_from_the_clinics_today(self):
        ada = self.lapsed(days=100)
        self.refresh()
        row = self.row(ada)
        self.assertEqual(row.inactivity_days, 100)
        with self.at(datetime(2026, 3, 3, 4, 0)):  # March 2, 23:00 in New York
            row.invalidate_recordset()
            self.assertEqual(row.inactivity_days, 100)

    def test_inactivity_can_be_searched(self):
        ada = self.lapsed("Ada One", days=100)
        bob = self.lapsed("Bob Two", days=200)
        eve = self.person("Eve New", patient_mark="patient")
        self.refresh()
        cases = [
            (">", 100, bob),
            (">=", 100, ada | bob),
            ("<", 200, ada),
            ("<=", 200, ada | bob),
            ("=", 100, ada),
            ("in", [100, 200], ada | bob),
        ]
        everybody = [("partner_id", "in", (ada | bob | eve).ids)]
        for operator, value, expected in cases:
            found = self.patients.search(
                [("inactivity_days", operator, value), *everybody]
            )
            self.assertEqual(found.partner_id, expected, f"{operator} {value}")
