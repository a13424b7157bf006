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
        self.answers([8] * 6, tier=early, reason="cost")
        self.answers([8] * 5, tier=early, reason="no_time")
        rows = report.search([])
        self.assertEqual(rows.tier_id, early)
        self.assertEqual(
            {row.reason_id.code: row.answers for row in rows}, {"cost": 6, "no_time": 5}
        )
        self.assertEqual(
            {row.reason_id.code: row.route for row in rows},
            {"cost": "payment", "no_time": "times"},
        )

    def reasons(self):
        report = self.as_user(self.manager, self.env["reactivation.reason.report"])
        return {row.label: row.answers for row in report.search([])}

    def test_rare_reasons_are_added_up(self):
        """J9: fewer than five patients of a reason are named with others, so many that
        the sum tells of nobody."""
        self.answers([8] * 9, reason="cost")
        self.answers([8] * 6, reason="no_time")
        self.answers([8] * 3, reason="dissatisfied")
        self.answers([8] * 2, reason="recovered")
        self.assertEqual(self.reasons(), {"Cost": 9, "No time": 6, "Other reasons": 5})

    def test_nor_can_rare_reasons_be_computed(self):
        """J9: one rare reason alone would be the rest of its group: the smallest of the
        others is added to it."""
        self.answers([8] * 9, reason="cost")
        self.answers([8] * 6, reason="no_time")
        self.answers([8] * 2, reason="dissatisfied")
        self.assertEqual(self.reasons(), {"Cost": 9, "Other reasons": 8})
        row = self.env["reactivation.reason.report"].search([("reason_id", "=", False)])
        self.assertEqual((row.answers, row.route), (8, False))

    def test_only_rare_reasons(self):
        self.answers([8] * 3, reason="cost")
        self.answers([8] * 2, reason="no_time")
        self.assertEqual(self.reasons(), {"Other reasons": 5})

    def test_reasons_in_the_language_of_the_reader(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.reason["cost"].with_context(lang="fr_FR").name = "Coût"
        self.answers([8] * 6, reason="cost")
        report = self.env["reactivation.reason.report"].with_context(lang="fr_FR")
        self.assertEqual(report.search([]).label, "Coût")
        groups = report.formatted_read_group([], ["label"], ["answers:sum"])
        self.assertEqual([group["label"] for group in groups], ["Coût"])

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
