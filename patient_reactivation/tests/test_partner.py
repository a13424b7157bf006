from datetime import date

from odoo.tests import tagged

from .common import ClinicCase


@tagged("post_install", "-at_install")
class TestPartner(ClinicCase):
    """Contacts can be searched, sorted and grouped by what their visits say."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ada = cls.lapsed("Ada One", days=250)
        cls.bob = cls.lapsed("Bob Two", days=500, visits=2)
        cls.cleo = cls.lapsed("Cleo Three", days=10)
        cls.dan = cls.person("Dan Stranger")
        cls.everybody = cls.ada | cls.bob | cls.cleo | cls.dan
        cls.refresh()

    def find(self, *domain):
        return self.env["res.partner"].search(
            [("id", "in", self.everybody.ids), *domain]
        )

    def test_facts_are_shown_on_the_contact(self):
        self.assertRecordValues(
            self.ada,
            [
                {
                    "is_patient": True,
                    "last_visit_date": self.days_ago(250).date(),
                    "visit_count": 1,
                    "inactivity_days": 250,
                    "patient_status": "lapsed",
                    "visit_pattern": "single",
                }
            ],
        )
        self.assertFalse(self.dan.is_patient)
        self.assertFalse(self.dan.last_visit_date)

    def test_facts_are_the_current_companys(self):
        there = self.ada.with_company(self.other_clinic)
        self.assertFalse(there.is_patient)
        self.visit(self.ada, 3, company_id=self.other_clinic.id)
        self.refresh()
        self.assertEqual(there.patient_status, "active")
        self.assertEqual(self.ada.patient_status, "lapsed")

    def test_search_each_field(self):
        tier = self.env.ref("patient_reactivation.reactivation_tier_6")
        cases = [
            (("patient_status", "=", "lapsed"), self.ada | self.bob),
            (("patient_status", "in", ["active", "lapsed"]), self.everybody - self.dan),
            (("patient_status", "!=", "lapsed"), self.cleo | self.dan),
            (("patient_status", "=", False), self.dan),
            (("patient_status", "!=", False), self.everybody - self.dan),
            (("is_patient", "=", True), self.everybody - self.dan),
            (("is_patient", "=", False), self.dan),
            (("is_patient", "in", [True, False]), self.everybody),
            (("visit_pattern", "=", "repeat"), self.bob),
            (("visit_count", ">=", 2), self.bob),
            (("visit_count", "=", 1), self.ada | self.cleo),
            (("inactivity_days", ">", 250), self.bob),
            (("inactivity_days", ">=", 250), self.ada | self.bob),
            (("inactivity_days", "<", 100), self.cleo),
            (("last_visit_date", "<", "today -300d"), self.bob),
            (("last_visit_date", "=", False), self.dan),
            (("next_visit_date", "=", False), self.everybody),
            (("inactivity_tier_id", "=", tier.id), self.ada),
            (("inactivity_tier_id", "ilike", "6 to 12"), self.ada),
            (("lapse_reason_id", "=", False), self.everybody),
            (("first_visit_date", "<", "today -550d"), self.bob),
            (("missed_visit_count", "=", 0), self.everybody - self.dan),
        ]
        for leaf, expected in cases:
            self.assertEqual(self.find(leaf), expected.sorted(), leaf)

    def test_sort_by_last_visit(self):
        found = self.env["res.partner"].search(
            [("id", "in", (self.everybody - self.dan).ids)], order="last_visit_date"
        )
        self.assertEqual(found.mapped("name"), ["Bob Two", "Ada One", "Cleo Three"])

    def test_group_by_each_field(self):
        def groups(spec, aggregate="__count"):
            return {
                key: count
                for key, count in self.env["res.partner"]._read_group(
                    [("id", "in", self.everybody.ids)], [spec], [aggregate]
                )
            }

        self.assertEqual(groups("patient_status"), {"lapsed": 2, "active": 1, False: 1})
        self.assertEqual(groups("visit_pattern"), {"single": 2, "repeat": 1, False: 1})
        self.assertEqual(len(groups("inactivity_tier_id")), 3)
        self.assertIn(
            self.days_ago(10).date().replace(day=1), groups("last_visit_date:month")
        )
        self.assertEqual(groups("patient_status", "visit_count:sum")["lapsed"], 3)

    def test_the_web_client_offers_grouping(self):
        described = self.env["res.partner"].fields_get(
            ["patient_status", "inactivity_tier_id", "last_visit_date"],
            ["groupable", "sortable"],
        )
        for name, attributes in described.items():
            self.assertTrue(attributes["groupable"], name)
            self.assertTrue(attributes["sortable"], name)

    def test_who_has_no_role_sees_nothing(self):
        """I3: grouping must not tell what reading does not."""
        clerk = self._staff("clerk", self.clinic, self.clinic.ids)
        partner = self.ada.with_user(clerk).with_context(
            allowed_company_ids=self.clinic.ids
        )
        self.assertFalse(partner.last_visit_date)
        described = partner.fields_get(["patient_status"], ["groupable"])
        self.assertFalse(described["patient_status"]["groupable"])

    def test_reason_can_be_set_on_the_contact(self):
        cost = self.env.ref("patient_reactivation.reactivation_reason_cost")
        self.ada.with_user(self.desk).with_context(
            allowed_company_ids=self.clinic.ids
        ).lapse_reason_id = cost
        self.assertEqual(self.row(self.ada).reason_id, cost)
        self.assertEqual(self.find(("lapse_reason_id", "=", cost.id)), self.ada)

    def test_marking_excludes_at_once(self):
        self.ada.patient_mark = "not_patient"
        self.assertEqual(self.ada.patient_status, "excluded")
        self.ada.patient_mark = False
        self.assertEqual(self.ada.patient_status, "lapsed")

    def test_death_excludes_at_once(self):
        self.ada.deceased_date = date(2026, 2, 1)
        self.assertEqual(self.ada.patient_status, "excluded")

    def test_saved_filters_with_relative_dates(self):
        """A filter kept for next month is still right then."""
        leaf = ("last_visit_date", "<", "-300d")
        self.assertEqual(self.find(leaf), self.bob)
        self.later(days=100)
        self.assertEqual(self.find(leaf), (self.ada | self.bob).sorted())

    def test_smart_button_opens_the_visits(self):
        action = self.ada.action_open_reactivation_visits()
        found = self.env["reactivation.visit"].search(action["domain"])
        self.assertEqual(len(found), 1)
