"""What the clinic learns from the answers: figures of groups, never of a person."""

from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..tools import nps
from .test_survey import SurveyClinic


@tagged("post_install", "-at_install")
class TestFeedbackReports(SurveyClinic):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.recall = cls.survey_campaign()
        cls.number = 0

    def answers(self, scores, practitioner=None, reason="cost", tier=None):
        """Patients who answered, about a practitioner."""
        for score in scores:
            type(self).number += 1
            partner = self.lapsed(f"Patient {self.number}")
            enrollment = self.env["reactivation.enrollment"].create(
                {
                    "campaign_id": self.recall.id,
                    "company_id": self.clinic.id,
                    "partner_id": partner.id,
                }
            )
            self.feedback.create(
                {
                    "enrollment_id": enrollment.id,
                    "campaign_id": self.recall.id,
                    "company_id": self.clinic.id,
                    "partner_id": partner.id,
                    "practitioner_id": practitioner and practitioner.partner_id.id,
                    "tier_id": tier and tier.id,
                    "state": "answered",
                    "invited_on": self.days_ago(3),
                    "deadline": self.days_ago(-3),
                    "answered_on": self.days_ago(1),
                    "nps": score,
                    "nps_kind": nps.kind(score),
                    "reason_id": self.reason[reason].id,
                }
            )

    def scores(self, user=None):
        rows = self.as_user(user or self.manager, self.env["reactivation.nps"])
        return {
            row.display_name: (row.answers, round(row.score), row.hidden)
            for row in rows.search([])
        }

    def test_score_of_the_clinic_and_its_practitioners(self):
        self.answers([10, 9, 9, 7, 3, 0], self.doctor)
        self.answers([10] * 8, self.other_doctor)
        self.assertEqual(
            self.scores(),
            {
                "Elm Street Clinic": (14, 64, 0),
                "Doctor": (6, 17, 0),
                "Other Doctor": (8, 100, 0),
            },
        )
        row = self.env["reactivation.nps"].search([("is_whole", "=", True)])
        found = nps.score(11, 1, 2)
        self.assertEqual(row.interval, f"{found.low:.0f} … {found.high:.0f}")

    def test_small_groups_are_hidden(self):
        """J9: fewer than five answers are no figure."""
        self.answers([0, 0, 10, 10], self.doctor)
        self.assertEqual(self.scores(), {})
        self.answers([9], self.doctor)
        self.assertEqual(
            self.scores(), {"Elm Street Clinic": (5, 20, 0), "Doctor": (5, 20, 0)}
        )

    def test_nor_can_they_be_computed(self):
        """J9: the whole less the others would be the figure of a few."""
        self.answers([10] * 6, self.doctor)
        self.answers([10] * 9, self.other_doctor)
        self.answers([0, 0], self.manager)
        self.assertEqual(
            self.scores(),
            {"Elm Street Clinic": (17, 76, 8), "Other Doctor": (9, 100, 0)},
        )
        # Once the rest is large enough by itself, everything else is shown.
        self.answers([0, 0, 0])
        self.assertEqual(
            set(self.scores()), {"Elm Street Clinic", "Doctor", "Other Doctor"}
        )

    def test_reasons_of_small_groups_are_hidden(self):
        """J9: by tier and segment, from five answers on."""
        late, early = (
            self.env.ref(f"patient_reactivation.reactivation_tier_{n}") for n in (12, 6)
        )
        self.answers([8] * 4, tier=late)
        report = self.as_user(self.manager, self.env["reactivation.reason.report"])
        self.assertFalse(report.search([]))
        self.answers([8] * 3, tier=early, reason="cost")
        self.answers([8] * 2, tier=early, reason="no_time")
        rows = report.search([])
        self.assertEqual(rows.tier_id, early)
        self.assertEqual(
            {row.reason_id.code: row.answers for row in rows}, {"cost": 3, "no_time": 2}
        )
        self.assertEqual(
            {row.reason_id.code: row.route for row in rows},
            {"cost": "payment", "no_time": "times"},
        )

    def test_who_may_see_them(self):
        """Managers, of their own clinic."""
        self.answers([10] * 6, self.doctor)
        for name in ("reactivation.nps", "reactivation.reason.report"):
            with self.assertRaises(AccessError):
                self.as_user(self.desk, self.env[name]).search([])
            self.assertFalse(
                self.as_user(self.stranger_of_ours, self.env[name]).search([])
            )
            self.assertTrue(self.as_user(self.manager, self.env[name]).search([]))

    @property
    def stranger_of_ours(self):
        cls = type(self)
        if not hasattr(cls, "_known_stranger"):
            cls._known_stranger = self.stranger()
        return cls._known_stranger

    def test_opening_the_answers_behind_a_score(self):
        self.answers([10] * 6, self.doctor)
        self.answers([0] * 5, self.other_doctor)
        row = self.env["reactivation.nps"].search(
            [("practitioner_id", "=", self.doctor.partner_id.id)]
        )
        action = row.action_open_feedback()
        self.assertEqual(self.feedback.search_count(action["domain"]), 6)
