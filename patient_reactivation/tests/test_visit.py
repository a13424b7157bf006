from datetime import date, datetime

from odoo.tests import tagged

from .common import ClinicCase


@tagged("post_install", "-at_install")
class TestVisit(ClinicCase):
    """What counts as a visit, over all sources."""

    def test_past_meeting_took_place_and_future_one_is_planned(self):
        ada = self.person()
        self.meet(ada, 30)
        self.meet(ada, -30)
        self.assertEqual(self.visits_of(ada).mapped("state"), ["planned", "done"])

    def test_declined_meeting_is_no_visit_for_who_declined(self):
        ada, bob = self.person("Ada One"), self.person("Bob Two")
        meeting = self.meet(ada | bob, 30)
        attendee = meeting.attendee_ids.filtered(lambda item: item.partner_id == ada)
        attendee.state = "declined"
        self.assertFalse(self.visits_of(ada))
        self.assertEqual(self.visits_of(bob).state, "done")

    def test_canceled_meeting_is_no_visit(self):
        ada = self.person()
        self.meet(ada, 30).active = False
        self.assertFalse(self.visits_of(ada))

    def test_meeting_with_only_staff_yields_no_patient(self):
        """E5"""
        self.meet(self.env["res.partner"], 30)
        self.assertFalse(self.visits_of(self.doctor.partner_id))

    def test_meeting_without_attendees_yields_nothing(self):
        meeting = self.meet(self.env["res.partner"], 30, partner_ids=[])
        self.assertFalse(meeting.attendee_ids)
        self.assertFalse(
            self.env["reactivation.visit"].search(
                [("res_model", "=", "calendar.attendee")]
            )
            & self.env["reactivation.visit"].search([("res_id", "=", meeting.id)])
        )

    def test_staff_who_are_patients_count_when_marked(self):
        nurse = self.desk.partner_id
        self.meet(nurse, 30)
        self.assertFalse(self.visits_of(nurse))
        nurse.patient_mark = "patient"
        self.assertEqual(len(self.visits_of(nurse)), 1)

    def test_portal_user_is_a_patient(self):
        portal = self._staff(
            "portal", self.clinic, self.clinic.ids, "base.group_portal"
        )
        self.meet(portal.partner_id, 30)
        self.assertEqual(len(self.visits_of(portal.partner_id)), 1)

    def test_company_is_the_organizers(self):
        ada = self.person()
        self.meet(ada, 30, doctor=self.other_doctor)
        self.assertEqual(self.visits_of(ada).company_id, self.other_clinic)

    def test_day_is_the_clinics_calendar_day(self):
        """23:30 in New York is the next day in UTC."""
        ada = self.person()
        self.visit(ada, datetime(2026, 1, 10, 4, 30))
        self.assertEqual(self.visits_of(ada).day, date(2026, 1, 9))

    def test_day_follows_daylight_saving_time(self):
        """D2: midnight in New York is 04:00 UTC in summer and 05:00 in winter."""
        ada = self.person()
        self.visit(ada, datetime(2025, 7, 10, 4, 30))
        self.visit(ada, datetime(2026, 1, 10, 4, 30))
        self.assertEqual(
            self.visits_of(ada).mapped("day"), [date(2026, 1, 9), date(2025, 7, 10)]
        )

    def test_visits_dated_1900_or_in_the_future_are_to_be_checked(self):
        """E6"""
        ada = self.person()
        self.visit(ada, datetime(1900, 1, 1, 12, 0))
        self.visit(ada, -20, state="done")
        self.assertEqual(set(self.visits_of(ada).mapped("state")), {"suspect"})
        self.refresh()
        self.assertPatient(ada, visit_count=0, last_visit_date=False, status="active")

    def test_planned_visit_that_is_over_is_not_attended(self):
        ada = self.person()
        self.visit(ada, 20, state="planned")
        self.assertFalse(self.visits_of(ada))

    def test_pending_changes_are_seen(self):
        """Nothing is stale: not even what is not written yet."""
        ada = self.person()
        meeting = self.meet(ada, 30)
        meeting.start = self.days_ago(40)
        self.assertEqual(self.visits_of(ada).date, self.days_ago(40))

    def test_row_opens_its_meeting(self):
        ada = self.person()
        meeting = self.meet(ada, 30)
        action = self.visits_of(ada).action_open_document()
        self.assertEqual(
            (action["res_model"], action["res_id"]), ("calendar.event", meeting.id)
        )

    def test_row_opens_its_imported_visit(self):
        ada = self.person()
        visit = self.visit(ada, 30)
        action = self.visits_of(ada).action_open_document()
        self.assertEqual(
            (action["res_model"], action["res_id"]),
            ("reactivation.external.visit", visit.id),
        )

    def test_front_desk_opens_meetings_by_their_own_rights(self):
        ada = self.person()
        meeting = self.meet(ada, 30)
        visit = self.visits_of(ada).with_user(self.desk).with_company(self.clinic)
        visit = visit.with_context(allowed_company_ids=self.clinic.ids)
        self.assertEqual(visit.action_open_document()["res_id"], meeting.id)

    def test_pivot_and_graph_group_by_what_they_offer(self):
        ada = self.person()
        self.visit(ada, 30, amount=50)
        groups = self.env["reactivation.visit"].formatted_read_group(
            [("partner_id", "=", ada.id)],
            ["date:month", "practitioner_id", "state", "company_id"],
            ["amount:sum", "__count"],
        )
        self.assertEqual(groups[0]["amount:sum"], 50)
