from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged

from .common import ClinicCase


@tagged("post_install", "-at_install")
class TestRefresh(ClinicCase):
    """Full and incremental passes give the same, and touch only what differs."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Rows are stamped by the database's clock, which no test can move.
        cls.opening = cls.database_now()
        cls.frozen.move_to(cls.opening)
        cls.people = cls.env["res.partner"]
        for number in range(5):
            cls.people |= cls.lapsed(f"Patient {number}", days=200 + number, visits=2)

    @classmethod
    def database_now(cls):
        cls.env.cr.execute("SELECT now() AT TIME ZONE 'UTC'")
        return cls.env.cr.fetchone()[0]

    def facts(self):
        self.patients.flush_model()
        self.env.cr.execute(
            """SELECT partner_id, company_id, first_visit_date, last_visit_date,
                      next_visit_date, visit_count, missed_visit_count, status, tier_id,
                      exclusion, visit_pattern, last_practitioner_id
                 FROM reactivation_patient ORDER BY partner_id, company_id"""
        )
        return self.env.cr.fetchall()

    def incremental(self):
        """The cron's pass, with what was written before told apart from after."""
        moment = fields.Datetime.now()
        counts = self.patients._refresh_changed(moment)
        return counts

    def forget_the_past(self):
        """Everything so far was written an hour ago."""
        self.env.flush_all()
        hour = timedelta(hours=1)
        for table in ("reactivation_external_visit", "res_partner", "calendar_event"):
            self.env.cr.execute(
                f"UPDATE {table} SET write_date = write_date - %s", (hour,)
            )
        self.env.cr.execute(
            "UPDATE calendar_attendee SET write_date = write_date - %s", (hour,)
        )
        self.env.invalidate_all()
        self.env["reactivation.visit.source"]._set_watermark(fields.Datetime.now())

    def assertSameAsFull(self):
        found = self.facts()
        self.patients._refresh()
        self.assertEqual(found, self.facts())

    def test_first_incremental_pass_reads_everything(self):
        self.env["reactivation.visit.source"]._reset_watermark()
        inserted, _updated, _deleted = self.incremental()
        self.assertGreaterEqual(inserted, 5)
        self.assertSameAsFull()

    def test_nothing_changed_writes_nothing(self):
        self.refresh()
        self.assertEqual(self.patients._refresh(), (0, 0, 0))

    def test_write_date_tells_what_changed(self):
        self.refresh()
        before = self.row(self.people[0]).write_date
        self.later(days=1)
        self.refresh()
        self.assertEqual(self.row(self.people[0]).write_date, before)

    def test_incremental_pass_sees_a_new_visit(self):
        self.refresh()
        self.forget_the_past()
        self.visit(self.people[0], 3)
        self.assertEqual(self.incremental(), (0, 1, 0))
        self.assertPatient(self.people[0], status="active", visit_count=3)
        self.assertSameAsFull()

    def test_incremental_pass_sees_a_moved_meeting(self):
        """The date is on the meeting, the patient on the attendee."""
        meeting = self.meet(self.people[0], 20)
        self.refresh()
        self.forget_the_past()
        meeting.start = self.days_ago(40)
        meeting.stop = self.days_ago(39)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE calendar_attendee SET write_date = write_date - interval '1 hour'"
        )
        self.assertEqual(self.incremental(), (0, 1, 0))
        self.assertSameAsFull()

    def test_incremental_pass_sees_a_declined_meeting(self):
        meeting = self.meet(self.people[0], 20)
        self.refresh()
        self.forget_the_past()
        meeting.attendee_ids.filtered(
            lambda item: item.partner_id == self.people[0]
        ).state = "declined"
        self.assertEqual(self.incremental()[1], 1)
        self.assertSameAsFull()

    def test_incremental_pass_sees_a_planned_visit_go_by(self):
        self.meet(self.people[0], -1)
        self.refresh()
        self.assertPatient(self.people[0], status="booked")
        self.forget_the_past()
        self.later(days=2)
        self.env["reactivation.visit.source"]._set_watermark(fields.Datetime.now())
        self.assertEqual(self.incremental(), (0, 1, 0))
        self.assertPatient(self.people[0], status="active", next_visit_date=False)

    def test_deleted_visit_is_caught_by_the_full_pass(self):
        visit = self.visit(self.people[0], 3)
        self.refresh()
        visit.unlink()
        self.patients._cron_refresh_full()
        self.assertPatient(self.people[0], visit_count=2)

    def test_changed_source_is_read_again_whole(self):
        self.patients._cron_refresh_full()
        self.assertTrue(self.env["reactivation.visit.source"]._get_watermark())
        self.external_source.missed_domain = "[]"
        self.assertFalse(self.env["reactivation.visit.source"]._get_watermark())
        self.patients._cron_refresh_incremental()
        self.assertPatient(self.people[0], missed_visit_count=2, visit_count=0)

    def test_archived_source_is_forgotten(self):
        self.patients._cron_refresh_full()
        self.external_source.active = False
        self.patients._cron_refresh_incremental()
        self.assertNotPatient(self.people[0])

    def test_some_contacts_only(self):
        self.patients._refresh(self.people[:2].ids)
        self.assertPatient(self.people[0], visit_count=2)
        self.assertNotPatient(self.people[3])

    def test_pass_that_finds_another_one_running_does_nothing(self):
        """Two real passes at once are in the black-box tests."""
        taken = patch.object(
            type(self.patients), "_try_refresh_lock", lambda patients: False
        )
        before = self.facts()
        with taken:
            self.patients._cron_refresh_full()
            self.patients._cron_refresh_incremental()
        self.assertEqual(self.facts(), before)
        self.patients._cron_refresh_full()
        self.assertPatient(self.people[0], visit_count=2)

    def test_number_of_queries_does_not_grow(self):
        """L1: not with the patients."""

        def queries(days):
            for number in range(days):
                self.lapsed(f"More {days} {number}", days=300)
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            self.patients._refresh()
            return self.env.cr.sql_log_count - before

        queries(1)
        self.assertEqual(queries(2), queries(30))
