from datetime import date, datetime

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from ..hooks import uninstall_hook
from .common import ClinicCase


@tagged("post_install", "-at_install")
class TestVisitSource(ClinicCase):
    """A consultant describes where visits are; mistakes name their field."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Source = cls.env["reactivation.visit.source"]
        cls.meetings = cls.env["ir.model"]._get("calendar.event")

    def make(self, **values):
        return self.Source.create(
            {
                "name": "Meetings",
                "model_id": self.meetings.id,
                "partner_path": "partner_ids",
                "date_path": "start",
                "done_domain": "[('active', '=', True)]",
                **values,
            }
        )

    def assertMistake(self, field, *words, **values):
        with self.assertRaises(ValidationError) as caught:
            self.make(**values)
        message = str(caught.exception)
        label = self.Source._fields[field].string
        for word in (f"“{label}”", *words):
            self.assertIn(word, message)

    def test_many2many_path_yields_a_visit_for_each_patient(self):
        ada, bob = self.person("Ada One"), self.person("Bob Two")
        self.meet(ada | bob, 30)
        source = self.make()
        visits = self.env["reactivation.visit"].search([("source_id", "=", source.id)])
        self.assertIn(ada, visits.partner_id)
        self.assertIn(bob, visits.partner_id)
        self.assertEqual(len(set(visits.ids)), len(visits))

    def test_one2many_and_many2one_chain(self):
        ada = self.person()
        self.meet(ada, 30)
        source = self.make(
            partner_path="attendee_ids.partner_id",
            company_path="user_id.company_id",
            practitioner_path="user_id.partner_id",
        )
        visit = self.visits_of(ada, source)
        self.assertEqual(visit.company_id, self.clinic)
        self.assertEqual(visit.practitioner_id, self.doctor.partner_id)

    def test_related_field_is_followed_to_its_column(self):
        """`calendar.event.partner_id` is the organizer's contact, not stored."""
        source = self.make(partner_path="partner_id", practitioner_path="user_id")
        self.assertFalse(source.problem)

    def test_amount_is_summed(self):
        ada = self.person()
        self.visit(ada, 10, amount=120.5)
        self.assertEqual(self.visits_of(ada).amount, 120.5)

    def test_unknown_field_is_named(self):
        self.assertMistake("date_path", "begins_at", date_path="begins_at")

    def test_path_to_a_non_partner_is_named(self):
        self.assertMistake("partner_path", "user_id", partner_path="user_id")

    def test_path_through_a_plain_value_is_named(self):
        self.assertMistake("partner_path", "name", partner_path="name.partner_id")

    def test_date_path_to_text_is_named(self):
        self.assertMistake("date_path", "a text", "a date", date_path="name")

    def test_company_path_to_a_contact_is_named(self):
        self.assertMistake("company_path", "Companies", company_path="partner_ids")

    def test_unstored_field_is_named(self):
        self.assertMistake("date_path", "display_time", date_path="display_time")

    def test_domain_with_a_syntax_error_is_named(self):
        self.assertMistake("done_domain", done_domain="[('active', '=', True")

    def test_domain_on_an_unknown_field_is_named(self):
        self.assertMistake(
            "planned_domain", "status", planned_domain="[('status', '=', 1)]"
        )

    def test_domain_is_data_and_never_code(self):
        """F10: nothing in a domain is evaluated."""
        self.assertMistake(
            "done_domain", done_domain="[('id', 'in', __import__('os').getpid())]"
        )

    def test_metacharacters_in_a_domain_are_values(self):
        """F10: a quote in a value stays a value."""
        source = self.make(done_domain="[('name', '=', \"x'; DROP TABLE res_users\")]")
        self.assertFalse(source.problem)

    def test_mistake_keeps_what_was_there(self):
        source = self.make()
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            source.write({"date_path": "nowhere"})
        source.invalidate_recordset()
        self.assertEqual(source.date_path, "start")

    def test_uninstalled_model_takes_nothing_else_down(self):
        """A source whose addon is gone is left out, says so, and is kept."""
        ada = self.person()
        self.visit(ada, 40)
        source = self.make()
        self.env.cr.execute(
            "UPDATE reactivation_visit_source SET model = 'hms.appointment', "
            "model_id = NULL WHERE id = %s",
            (source.id,),
        )
        source.invalidate_recordset()
        self.assertIn("hms.appointment", source.problem)
        self.assertEqual(len(self.visits_of(ada)), 1)
        self.refresh()
        self.assertPatient(ada, visit_count=1)

    def test_date_field_without_time_is_that_day_everywhere(self):
        """A day without a time must not become the day before in New York."""
        ada = self.person(birth_date=date(2026, 1, 15))
        source = self.Source.create(
            {
                "name": "Birthdays",
                "model_id": self.env["ir.model"]._get("res.partner").id,
                "partner_path": "parent_id",
                "date_path": "birth_date",
                "company_id": self.clinic.id,
                "done_domain": "[]",
            }
        )
        child = self.person("Child", parent_id=ada.id, birth_date=date(2026, 2, 1))
        self.assertTrue(child)
        visit = self.visits_of(ada, source)
        self.assertEqual(visit.day, date(2026, 2, 1))
        self.assertEqual(visit.date, datetime(2026, 2, 1, 17, 0))

    def test_rows_without_a_date_are_no_visits(self):
        ada = self.person()
        source = self.Source.create(
            {
                "name": "Birthdays",
                "model_id": self.env["ir.model"]._get("res.partner").id,
                "partner_path": "parent_id",
                "date_path": "birth_date",
                "done_domain": "[]",
            }
        )
        self.person("Child", parent_id=ada.id)
        self.assertFalse(self.visits_of(ada, source))

    def test_company_without_a_path(self):
        ada = self.person()
        self.meet(ada, 30)
        source = self.make(company_id=self.other_clinic.id)
        self.assertEqual(self.visits_of(ada, source).company_id, self.other_clinic)

    def test_archived_source_yields_nothing(self):
        ada = self.person()
        self.meet(ada, 30)
        self.source.active = False
        self.assertFalse(self.visits_of(ada))

    def test_preview_shows_the_newest_visits_of_the_source(self):
        action = self.source.action_preview()
        self.assertEqual(action["domain"], [("source_id", "=", self.source.id)])
        self.assertEqual(action["res_model"], "reactivation.visit")

    def test_a_model_proposes_its_paths(self):
        source = self.Source.new({"model_id": self.meetings.id})
        source._onchange_model_id()
        self.assertEqual(source.partner_path, "partner_id")
        self.assertEqual(source.date_path, "start")
        self.assertEqual(source.practitioner_path, "user_id")

    def test_source_reads_no_visits_of_its_own(self):
        self.assertMistake(
            "model_id", model_id=self.env["ir.model"]._get("reactivation.visit").id
        )

    def test_indexes_are_made_and_dropped(self):
        source = self.make()
        names = tuple(source._index_specs())
        count = "SELECT count(*) FROM pg_indexes WHERE indexname IN %s"
        self.env.cr.execute(count, (names,))
        self.assertEqual(self.env.cr.fetchone()[0], len(names))
        source._drop_indexes()
        self.env.cr.execute(count, (names,))
        self.assertEqual(self.env.cr.fetchone()[0], 0)

    def test_uninstalling_leaves_no_index_behind(self):
        """L8: what Odoo does not know of. Declared ones it takes away itself."""
        self.make()
        uninstall_hook(self.env)
        declared = self.env["ir.model.constraint"].search(
            [("module.name", "=", "patient_reactivation"), ("type", "=", "i")]
        )
        self.env.cr.execute(
            "SELECT indexname FROM pg_indexes WHERE indexname LIKE '%%reactivation_%%'"
            " AND tablename NOT LIKE 'reactivation_%%'"
            " AND tablename NOT LIKE 'mailing_%%' AND tablename NOT LIKE 'survey_%%'"
            " AND indexname <> ALL (%s)",
            [declared.mapped("name")],
        )
        self.assertEqual(self.env.cr.fetchall(), [])
