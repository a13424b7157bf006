"""The matrix of segment and method: its figures, what it hides, what it warns of."""

from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from .test_experiment import ExperimentCase


class MatrixCase(ExperimentCase):
    def given_to(self, crowd, method):
        """:return: the patients of a method; of none, the control group"""
        return crowd.filtered(
            lambda partner: self.enrollment(partner).method_id == method
        )

    def delete(self, partners):
        """Somebody deletes what the draw has made."""
        self.trial.enrollment_ids.filtered(
            lambda item: item.partner_id in partners
        ).unlink()

    def groups(self, crowd):
        return {
            method: self.given_to(crowd, method)
            for method in (self.letters, self.mails, self.letters.browse())
        }

    def matrix(self, measure="win_back", user=None):
        matrix = self.env["reactivation.matrix"]
        if user:
            matrix = self.as_user(user, matrix)
        return matrix.read_matrix(self.trial.id, measure)

    def cell(self, segment, method=None, measure="win_back"):
        """The cell of a method; without one, of the control group."""
        for row in self.matrix(measure)["rows"]:
            for cell in row["cells"]:
                wanted = (segment.id, method.id if method else 0)
                if (row["id"], cell["method"]) == wanted:
                    return cell
        return None


@tagged("post_install", "-at_install")
class TestMatrix(MatrixCase):
    def test_rates_and_lift_of_closed_windows(self):
        crowd = self.crowd(200)
        self.start(self.trial)
        groups = self.groups(crowd)
        for method, share in ((self.letters, 0.6), (self.mails, 0.2)):
            self.end(groups[method], round(share * len(groups[method])))
        control = groups[self.letters.browse()]
        self.end(control, round(0.1 * len(control)))
        cell, none = self.cell(self.recent, self.letters), self.cell(self.recent)
        self.assertEqual(cell["closed"], len(groups[self.letters]))
        self.assertEqual(cell["open"], 0)
        self.assertAlmostEqual(cell["rate"], 0.6, 1)
        self.assertTrue(cell["low"] < cell["rate"] < cell["high"])
        self.assertAlmostEqual(cell["lift"], cell["rate"] - none["rate"])
        self.assertTrue(cell["sure"])
        self.assertFalse(self.cell(self.recent, self.mails)["sure"])
        self.assertIsNone(none["lift"], "It is not compared with itself.")

    def test_agrees_with_the_report(self):
        crowd = self.crowd(120)
        self.start(self.trial)
        for group in self.groups(crowd).values():
            self.end(group, len(group) // 3)
        self.crowd(60, days=260)
        self.env["reactivation.enrollment"]._enroll(self.trial)
        self.env.flush_all()
        rows = self.env["reactivation.report"]._read_group(
            [("campaign_id", "=", self.trial.id)],
            ["segment_id", "method_id"],
            ["enrolled:sum", "win_back_rate:avg", "win_back_rate:count"],
        )
        self.assertTrue(rows)
        for segment, method, enrolled, rate, closed in rows:
            cell = self.cell(segment, method)
            self.assertEqual((cell["enrolled"], cell["closed"]), (enrolled, closed))
            self.assertAlmostEqual(cell["rate"], rate / 100)

    def test_open_windows_are_so_far(self):
        crowd = self.crowd(100)
        self.start(self.trial)
        letters = self.given_to(crowd, self.letters)
        self.end(letters, 7, days=10)
        cell = self.cell(self.recent, self.letters)
        self.assertEqual((cell["closed"], cell["rate"]), (0, None))
        self.assertEqual((cell["open"], cell["so_far"]), (len(letters), 7))
        self.assertIn("windows", " ".join(self.matrix()["warnings"]))

    def test_returned_has_its_own_window(self):
        """Ninety days after the enrollment, when the loyalty window is still open."""
        crowd = self.crowd(100)
        self.start(self.trial)
        letters = self.given_to(crowd, self.letters)
        self.end(letters, 10, days=100)
        cell = self.cell(self.recent, self.letters, "return")
        self.assertEqual(cell["closed"], len(letters))
        self.assertAlmostEqual(cell["rate"], 10 / len(letters))
        self.assertIsNone(self.cell(self.recent, self.letters)["rate"])

    def test_groups_under_five_are_hidden(self):
        """J9: no rate, no number, and no sum that tells it."""
        crowd = self.crowd(100)
        few = self.crowd(4, days=500)
        self.start(self.trial)
        for group in self.groups(crowd).values():
            self.end(group, len(group) // 2)
        self.end(few, 1)
        data = self.matrix()
        (row,) = [row for row in data["rows"] if row["id"] == self.long_gone.id]
        for cell in row["cells"]:
            self.assertIsNone(cell["rate"])
            self.assertEqual(cell["enrolled"], 0)
        self.assertTrue(any(cell["hidden"] for cell in row["cells"]))
        self.assertEqual(sum(one["enrolled"] for one in data["total"]), 100)

    def test_one_patient_all_and_none(self):
        """Rates of 0 and 1 are no certainty, and one patient is no rate."""
        crowd = self.crowd(90)
        self.start(self.trial)
        groups = self.groups(crowd)
        self.end(groups[self.letters], len(groups[self.letters]))
        self.end(groups[self.mails], 0)
        cell = self.cell(self.recent, self.letters)
        self.assertEqual((cell["rate"], cell["high"]), (1, 1))
        self.assertLess(cell["low"], 0.95)
        cell = self.cell(self.recent, self.mails)
        self.assertEqual((cell["rate"], cell["low"]), (0, 0))
        self.assertGreater(cell["high"], 0.05)

    def test_methods_and_segments_of_before_are_shown_with_their_patients(self):
        crowd = self.crowd(60)
        self.start(self.trial)
        for group in self.groups(crowd).values():
            self.end(group, 3)
        self.recent.inactive_from = 7
        rows = {row["id"]: row for row in self.matrix()["rows"]}
        self.assertFalse(rows[self.recent.id]["in_use"])
        self.assertIn("(version 1)", rows[self.recent.id]["name"])
        self.assertEqual(len(rows), 3)

    def test_cell_opens_its_patients(self):
        crowd = self.crowd(60)
        self.start(self.trial)
        matrix = self.as_user(self.manager, self.env["reactivation.matrix"])
        for method in (self.letters, self.letters.browse()):
            action = matrix.open_cell(self.trial.id, self.recent.id, method.id or 0)
            found = self.env[action["res_model"]].search(action["domain"])
            self.assertEqual(found.partner_id, self.given_to(crowd, method))
        self.assertIn("Control group", action["display_name"])

    def test_who_sees_it(self):
        """H5, I3: managers of the clinic."""
        self.crowd(5)
        self.start(self.trial)
        self.assertTrue(self.matrix(user=self.manager)["rows"])
        matrix = self.env["reactivation.matrix"]
        stranger = self.stranger()
        self.assertFalse(self.as_user(stranger, matrix).read_campaigns())
        portal = new_test_user(self.env, "matrix_portal", groups="base.group_portal")
        public = self.env.ref("base.public_user")
        for user in (stranger, self.desk, portal, public):
            with self.assertRaises(AccessError):
                self.as_user(user, matrix).read_matrix(self.trial.id)

    def test_measure_that_is_none(self):
        with self.assertRaises(ValueError):
            self.matrix("opened")

    def test_number_of_queries_does_not_grow(self):
        """L1, L3: with patients, nor with months of allocations."""

        def queries():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.matrix()
            return self.env.cr.sql_log_count - before

        self.crowd(30)
        self.start(self.trial)
        queries()
        few = queries()
        for number in range(6):
            self.crowd(20, days=260 + number)
            self.trial.control_percent = 10 + number
            self.env["reactivation.enrollment"]._enroll(self.trial)
        self.assertEqual(queries(), few)


@tagged("post_install", "-at_install")
class TestWarnings(MatrixCase):
    def warned(self, words):
        return [text for text in self.matrix()["warnings"] if words in text]

    def finished(self, count=200):
        crowd = self.crowd(count)
        self.start(self.trial)
        for group in self.groups(crowd).values():
            self.end(group, len(group) // 4)
        return crowd

    def test_too_few_patients(self):
        self.finished(60)
        (text,) = self.warned("Too few patients")
        self.assertIn("A year needs", text)

    def test_large_lift_needs_fewer_patients(self):
        """All methods stand out from the control group, none from the other one."""
        self.tried(0.75, 0.7, 0.05)
        self.assertFalse(self.env["reactivation.decision"]._decide(self.trial))
        self.assertFalse(self.warned("Too few patients"))

    def test_best_method_needs_no_more_patients(self):
        self.tried(0.75, 0.1, 0.05)
        self.assertTrue(self.warned("Too few patients"))
        self.assertTrue(self.env["reactivation.decision"]._decide(self.trial))
        self.assertFalse(self.warned("Too few patients"))

    def test_no_control_group(self):
        self.trial.control_percent = 0
        self.finished(60)
        self.assertTrue(self.warned("no control group"))

    def test_shares_that_drifted_from_the_plan(self):
        """Sample-ratio mismatch: somebody has deleted enrollments."""
        crowd = self.finished(300)
        self.assertFalse(self.warned("as planned"))
        letters = self.given_to(crowd, self.letters)
        self.delete(letters[:80])
        self.assertTrue(self.warned("as planned"))

    def test_enrollments_of_before_have_no_plan_to_drift_from(self):
        crowd = self.finished(200)
        self.trial.allocation_ids.sudo().kind = "before"
        self.delete(self.given_to(crowd, self.letters)[:60])
        self.assertFalse(self.warned("as planned"))

    def test_unequal_mix(self):
        """Simpson: letters are better in each segment and worse in the sum, since they
        went to those who are hard to win back."""
        crowd = self.crowd(200)
        old = self.crowd(200, days=500)
        self.start(self.trial)
        for people, mails, letters, shares in (
            (crowd, 80, 20, (0.6, 0.7)),
            (old, 20, 80, (0.1, 0.2)),
        ):
            groups = self.groups(people)
            for method, count, share in (
                (self.mails, mails, shares[0]),
                (self.letters, letters, shares[1]),
            ):
                kept = groups[method][:count]
                self.delete(groups[method] - kept)
                self.end(kept, round(len(kept) * share))
        (text,) = self.warned("other way round")
        self.assertIn("E-mails is better than Letters", text)

    def test_one_of_many_segments_stands_out_by_chance(self):
        """Holm: sure if it were the only one, not among twelve."""
        self.trial.segment_ids = [
            Command.create({"name": f"Year {number}", "inactive_from": 12 * number})
            for number in range(3, 13)
        ]
        crowd = self.crowd(280)
        self.start(self.trial)
        groups = self.groups(crowd)
        self.end(groups[self.mails], len(groups[self.mails]) // 10)
        self.end(groups[self.letters.browse()], 5)
        letters = groups[self.letters]
        self.end(letters, len(letters) // 10)
        experiment = self.env["reactivation.experiment"]
        for returned in range(len(letters) // 10, len(letters)):
            self.end(letters, returned, days=0)
            found = experiment._verdicts(self.trial).get(self.recent)
            if found and found[0].p_value <= 0.05:
                break
        level = found[1]
        self.assertGreater(level, 0.05)
        self.assertIn("A year", self.warned("would stand out")[0])
        self.assertFalse(self.env["reactivation.decision"]._decide(self.trial))
        self.trial.segment_ids = self.recent | self.long_gone
        self.end(letters, len(letters), days=0)
        self.assertFalse(self.warned("would stand out"))

    def test_nothing_to_warn_of(self):
        self.trial.segment_ids = self.recent
        worthwhile = "odoo.addons.patient_reactivation.report.reactivation_matrix"
        with patch(f"{worthwhile}.WORTHWHILE_LIFT", 0.7):
            self.finished(200)
            self.assertEqual(self.matrix()["warnings"], [])
