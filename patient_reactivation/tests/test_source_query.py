from odoo.tests import TransactionCase, tagged

from ..tools.source_query import SourceError, SourceQuery


@tagged("post_install", "-at_install")
class TestSourceQuery(TransactionCase):
    """Paths become joins, each only once."""

    def test_two_paths_share_their_joins(self):
        compiled = SourceQuery(self.env["calendar.attendee"])
        compiled.column("date_path", "event_id.start")
        before = compiled.query.from_clause.code
        compiled.column("practitioner_path", "event_id.user_id")
        self.assertEqual(compiled.query.from_clause.code, before)

    def test_tables_with_visits_are_watched_and_contacts_are_not(self):
        compiled = SourceQuery(self.env["calendar.attendee"])
        compiled.column("date_path", "event_id.start")
        compiled.column("company_path", "event_id.user_id.company_id")
        tables = [table for table, _alias in compiled.watched]
        self.assertEqual(tables, ["calendar_attendee", "calendar_event"])

    def test_spaces_around_the_dots_do_not_matter(self):
        compiled = SourceQuery(self.env["calendar.attendee"])
        _sql, field = compiled.column("date_path", " event_id . start ")
        self.assertEqual(field.name, "start")

    def test_error_carries_the_field_of_the_form(self):
        compiled = SourceQuery(self.env["calendar.attendee"])
        with self.assertRaises(SourceError) as caught:
            compiled.column("amount_path", "event_id.nothing")
        self.assertEqual(caught.exception.field, "amount_path")
        self.assertIn("nothing", caught.exception.message(self.env))
