"""Segment × method: who gets what, by chance that can be drawn again."""

import hashlib
from collections import Counter
from datetime import timedelta

from psycopg2.errors import CheckViolation

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL, html2plaintext, mute_logger

from .common import ClinicCase


class Crowd:
    """Mixin: many patients, and what becomes of them when their windows are over."""

    @classmethod
    def crowd(cls, count, days=250):
        """Lapsed patients, many at once."""
        partners = cls.env["res.partner"].create(
            [
                {
                    "name": f"Patient {days} {number}",
                    "email": f"patient.{days}.{number}@example.com",
                    "company_id": cls.clinic.id,
                }
                for number in range(count)
            ]
        )
        cls.env["reactivation.external.visit"].create(
            [
                {
                    "partner_id": partner.id,
                    "company_id": cls.clinic.id,
                    "reference": f"{days}-{partner.id}",
                    "date": fields.Datetime.now() - timedelta(days=days),
                    "state": "done",
                }
                for partner in partners
            ]
        )
        cls.env["reactivation.patient"]._refresh()
        cls.env.invalidate_all()
        return partners

    def end(self, partners, returned, days=1000):
        """Their windows are over, and so many of the first of them have returned."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_enrollment
                      SET enrolled_on = enrolled_on - make_interval(days => %(days)s),
                          return_closes = return_closes
                              - make_interval(days => %(days)s),
                          loyalty_closes = loyalty_closes
                              - make_interval(days => %(days)s),
                          state = 'done', next_date = NULL
                    WHERE partner_id = ANY(%(partners)s)""",
                days=days,
                partners=partners.ids,
            )
        )
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_enrollment
                      SET returned_date = enrolled_on::date + 10,
                          loyal_date = enrolled_on::date + 40
                    WHERE partner_id = ANY(%s)""",
                partners[:returned].ids,
            )
        )
        self.env.invalidate_all()


class ExperimentCase(Crowd, ClinicCase):
    """A campaign of e-mails and letters, for those away less and more than a year."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trial = cls.campaign(control=20)
        cls.mails = cls.trial.method_ids
        cls.letters = cls.mails.copy({"name": "Letters", "campaign_id": cls.trial.id})
        cls.trial.segment_ids.write({"name": "A year", "inactive_to": 12})
        cls.recent = cls.trial.segment_ids
        cls.long_gone = cls.env["reactivation.segment"].create(
            {"name": "Longer", "campaign_id": cls.trial.id, "inactive_from": 12}
        )

    def given(self, partners):
        """:return: Counter of the methods that patients got; None: control group"""
        return Counter(
            self.enrollment(partner).method_id.name or None for partner in partners
        )

    def tried(self, letters=0.7, mails=0.2, control=0.1, count=300):
        """A trial whose windows are over."""
        crowd = self.crowd(count)
        self.start(self.trial)
        for method, share in (
            (self.letters, letters),
            (self.mails, mails),
            (self.letters.browse(), control),
        ):
            group = crowd.filtered(
                lambda item, method=method: self.enrollment(item).method_id == method
            )
            self.end(group, round(len(group) * share))
        return crowd


@tagged("post_install", "-at_install")
class TestAllocationOfPatients(ExperimentCase):
    def test_equal_and_by_weight(self):
        crowd = self.crowd(400)
        self.letters.weight = 3
        self.start(self.trial)
        given = self.given(crowd)
        self.assertAlmostEqual(given[None], 80, delta=30)
        self.assertAlmostEqual(given["Letters"], 3 * given["E-mails"], delta=130)
        self.trial.allocation = "equal"
        others = self.crowd(400, days=260)
        self.env["reactivation.enrollment"]._enroll(self.trial)
        given = self.given(others)
        self.assertAlmostEqual(given["Letters"], given["E-mails"], delta=70)

    def test_anybody_can_draw_again(self):
        """The hash of key, campaign and patient says who gets what."""
        crowd = self.crowd(60)
        self.start(self.trial)
        key = f"{self.trial.sudo().assignment_key}:{self.trial.id}"
        for partner in crowd:
            enrollment = self.enrollment(partner)
            drawn = hashlib.md5(f"{key}:{partner.id}".encode()).hexdigest()
            is_control = int(drawn[:8], 16) / 2**32 < 0.2
            self.assertEqual(enrollment.is_control, is_control)
            if not is_control:
                shares = enrollment.allocation_id.share_ids
                number, low = int(drawn[8:16], 16) / 2**32, 0
                for line in shares:
                    if low <= number < low + line.share:
                        self.assertEqual(enrollment.method_id, line.method_id)
                    low += line.share

    def test_one_allocation_until_something_changes(self):
        self.crowd(4)
        self.start(self.trial)
        self.env["reactivation.enrollment"]._enroll(self.trial)
        self.assertEqual(len(self.trial.allocation_ids), 2, "One per segment.")
        self.assertEqual(set(self.trial.allocation_ids.mapped("kind")), {"weighted"})
        self.trial.control_percent = 50
        self.env["reactivation.enrollment"]._enroll(self.trial)
        self.assertEqual(len(self.trial.allocation_ids), 4)

    def test_adaptive_gives_more_to_what_works(self):
        """In the segment where it works; the control group stays as it is."""
        self.trial.write({"allocation": "adaptive", "least_share": 15})
        crowd = self.crowd(200)
        self.start(self.trial)
        letters = crowd.filtered(
            lambda item: self.enrollment(item).method_id == self.letters
        )
        mails = crowd.filtered(
            lambda item: self.enrollment(item).method_id == self.mails
        )
        self.end(letters, len(letters) // 2)
        self.end(mails, len(mails) // 10)
        new = self.crowd(200, days=260)
        old = self.crowd(60, days=500)
        self.env["reactivation.enrollment"]._enroll(self.trial)
        given = self.given(new)
        self.assertAlmostEqual(given[None], 40, delta=20)
        self.assertGreater(given["Letters"], 3 * given["E-mails"])
        self.assertGreater(given["E-mails"], 5, "The least share.")
        allocation = self.enrollment(new[0]).allocation_id
        shares = {line.method_id: line.share for line in allocation.share_ids}
        self.assertEqual(shares, {self.letters: 0.85, self.mails: 0.15})
        self.assertEqual(
            sum(allocation.share_ids.mapped("closed")), len(letters) + len(mails)
        )
        given = self.given(old)
        self.assertAlmostEqual(given["Letters"], given["E-mails"], delta=25)

    def test_open_windows_say_nothing_yet(self):
        self.trial.allocation = "adaptive"
        crowd = self.crowd(100)
        self.start(self.trial)
        letters = crowd.filtered(
            lambda item: self.enrollment(item).method_id == self.letters
        )
        self.end(letters, len(letters), days=10)
        self.env["reactivation.enrollment"]._enroll(self.trial)
        self.assertEqual(
            set(self.trial.allocation_ids.share_ids.mapped("share")), {0.5}
        )

    def test_adopted_method_for_all_new_ones_but_the_control_group(self):
        self.recent.adopted_method_id = self.letters
        crowd, old = self.crowd(60), self.crowd(60, days=500)
        self.start(self.trial)
        self.assertEqual(set(self.given(crowd)), {None, "Letters"})
        self.assertEqual(set(self.given(old)), {None, "Letters", "E-mails"})

    def test_later_version_of_an_adopted_method(self):
        self.crowd(10)
        self.start(self.trial)
        self.recent.adopted_method_id = self.letters
        draft = self.letters.browse(self.letters.action_new_version()["res_id"])
        draft.action_use()
        new = self.crowd(20, days=260)
        self.env["reactivation.enrollment"]._enroll(self.trial)
        methods = {self.enrollment(partner).method_id for partner in new}
        self.assertEqual(methods - {self.env["reactivation.method"]}, {draft})

    def test_method_nobody_begins_with(self):
        reason = self.env.ref("patient_reactivation.reactivation_reason_cost")
        self.letters.reason_ids = reason
        crowd = self.crowd(30)
        self.start(self.trial)
        self.assertEqual(set(self.given(crowd)), {None, "E-mails"})

    @mute_logger("odoo.sql_db")
    def test_least_share_that_cannot_be(self):
        with self.assertRaises(CheckViolation), self.cr.savepoint():
            self.trial.least_share = 80
            self.env.flush_all()

    def test_who_sees_and_who_changes(self):
        self.crowd(5)
        self.start(self.trial)
        found = self.trial.allocation_ids
        self.assertTrue(self.as_user(self.manager, found).mapped("control_percent"))
        with self.assertRaises(AccessError):
            self.as_user(self.manager, found).write({"control_percent": 0})
        with self.assertRaises(AccessError):
            self.as_user(self.desk, found).mapped("control_percent")

    def test_rows_are_commanded_by_nobody(self):
        with self.assertRaises(AccessError):
            self.as_user(self.manager, self.trial).write(
                {"allocation_ids": [Command.create({"kind": "equal"})]}
            )


@tagged("post_install", "-at_install")
class TestDecision(ExperimentCase):
    """The best method of a segment is found, proposed, adopted, and taken back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trial.user_id = cls.manager
        cls.decisions = cls.env["reactivation.decision"]

    def test_best_method_is_proposed(self):
        self.tried()
        decision = self.decisions._decide(self.trial)
        self.assertRecordValues(
            decision,
            [
                {
                    "segment_id": self.recent.id,
                    "method_id": self.letters.id,
                    "state": "proposed",
                }
            ],
        )
        self.assertAlmostEqual(decision.win_back_rate, 0.7, delta=0.01)
        self.assertAlmostEqual(decision.lift, 0.6, 1)
        self.assertGreater(decision.lift_low, 0.3)
        self.assertLess(decision.level, 0.001)
        self.assertEqual(decision.rivals[0]["name"], "E-mails")
        body = html2plaintext(self.trial.message_ids[0].body)
        self.assertIn("is the best method", body)
        rate = f"{decision.win_back_rate * 100:.1f}\N{NO-BREAK SPACE}%"
        self.assertIn(rate, body)
        activity = self.trial.activity_ids
        self.assertEqual(activity.user_id, self.manager)
        self.assertIn("Letters", activity.summary)
        self.assertFalse(self.recent.adopted_method_id)
        self.assertFalse(self.decisions._decide(self.trial), "Once.")

    def test_manager_adopts_and_takes_back(self):
        self.tried()
        decision = self.as_user(self.manager, self.decisions._decide(self.trial))
        decision.action_adopt()
        self.assertEqual(self.recent.adopted_method_id, self.letters)
        self.assertEqual(decision.user_id, self.manager)
        self.assertFalse(self.trial.activity_ids)
        new = self.crowd(40, days=260)
        self.env["reactivation.enrollment"]._enroll(self.trial)
        self.assertEqual(set(self.given(new)), {None, "Letters"})
        with self.assertRaisesRegex(UserError, "already"):
            decision.action_adopt()
        decision.action_take_back()
        newer = self.crowd(40, days=270)
        self.env["reactivation.enrollment"]._enroll(self.trial)
        self.assertEqual(set(self.given(newer)), {None, "Letters", "E-mails"})
        self.assertFalse(self.decisions._decide(self.trial), "It was taken back.")
        decision.action_adopt()
        self.assertEqual(self.recent.adopted_method_id, self.letters)

    def test_manager_refuses(self):
        self.tried()
        decision = self.as_user(self.manager, self.decisions._decide(self.trial))
        decision.action_refuse()
        self.assertFalse(self.recent.adopted_method_id)
        self.assertFalse(self.trial.activity_ids)
        self.assertFalse(self.decisions._decide(self.trial))

    def test_automatic(self):
        self.trial.adoption = "automatic"
        self.tried()
        self.decisions._cron_decide()
        self.assertEqual(self.recent.adopted_method_id, self.letters)
        self.assertEqual(self.trial.decision_ids.state, "adopted")
        self.assertIn("From now on", self.trial.message_ids[0].body)

    def test_nothing_is_adopted_without_a_difference(self):
        self.tried(letters=0.2)
        self.assertFalse(self.decisions._decide(self.trial))

    def test_better_than_the_other_but_not_than_nothing(self):
        self.tried(control=0.7)
        self.assertFalse(self.decisions._decide(self.trial))

    def test_open_windows_decide_nothing(self):
        self.crowd(300)
        self.start(self.trial)
        self.env.cr.execute(
            "UPDATE reactivation_enrollment SET loyal_date = now()"
            " WHERE method_id = %s",
            (self.letters.id,),
        )
        self.env.invalidate_all()
        self.assertFalse(self.decisions._decide(self.trial))

    def test_zero_controls(self):
        """Without a control group methods are compared with each other."""
        self.trial.control_percent = 0
        self.tried()
        decision = self.decisions._decide(self.trial)
        self.assertEqual(decision.method_id, self.letters)
        self.assertIn("no control group", self.trial.message_ids[0].body)

    def test_one_patient_all_and_none(self):
        for count, share in ((1, 1), (40, 1), (40, 0)):
            campaign = self.trial
            self.env["reactivation.enrollment"].search([]).unlink()
            self.tried(share, share, share, count=count)
            self.assertFalse(self.decisions._decide(campaign))

    def test_new_method_is_a_rival_nobody_knows(self):
        self.tried()
        calls = self.mails.copy({"name": "Calls", "campaign_id": self.trial.id})
        calls.action_use()
        self.assertFalse(self.decisions._decide(self.trial))

    def test_segment_that_changes_is_tried_again(self):
        self.tried()
        self.decisions._decide(self.trial).action_adopt()
        self.recent.inactive_from = 7
        new = self.trial.segment_ids.filtered(lambda item: item.name == "A year")
        self.assertEqual(new.version, 2)
        self.assertFalse(new.adopted_method_id)
        self.assertFalse(self.decisions._decide(self.trial))

    def test_who_decides(self):
        self.tried()
        decision = self.decisions._decide(self.trial)
        for user in (self.desk, self.stranger()):
            with self.assertRaises(AccessError):
                self.as_user(user, decision).action_adopt()
        with self.assertRaises(AccessError):
            self.as_user(self.manager, decision).write({"state": "adopted"})
