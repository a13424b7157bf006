"""A manager decides what works, at the desk and on a phone."""

from odoo.tests import tagged

from .common import TourCase
from .test_experiment import Crowd


class MatrixTourCase(Crowd, TourCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls.staff("tour_matrix_manager")
        crowd = cls.crowd(260)
        trial = cls.new_campaign(
            cls.manager,
            name="Matrix tour",
            control_percent=25,
            # The same draw in every database.
            assignment_key="tour",
            method_ids=cls.method("E-mails", name="E-mail 1"),
        )
        trial.method_ids.step_ids._create_mailing("en_US")
        cls.letters = trial.method_ids.copy(
            {"name": "Letters", "campaign_id": trial.id}
        )
        trial.action_start()
        found = trial.enrollment_ids
        for method, share in ((cls.letters, 0.7), (trial.method_ids[0], 0.2)):
            group = found.filtered(lambda item, m=method: item.method_id == m)
            cls.end(cls, group.partner_id & crowd, round(share * len(group)))
        control = found.filtered("is_control").partner_id
        cls.end(cls, control, len(control) // 10)
        cls.trial = trial
        cls.decision = cls.env["reactivation.decision"]._decide(trial)
        cls.env.flush_all()


@tagged("post_install", "-at_install")
class TestToursMatrix(MatrixTourCase):
    def test_manager_uses_what_works_and_takes_it_back(self):
        self.assertEqual(self.decision.method_id, self.letters)
        self.start_tour(
            "/odoo/reactivation-campaigns",
            "reactivation_matrix",
            login=self.manager.login,
            timeout=120,
        )
        self.assertEqual(self.decision.state, "taken_back")
        self.assertFalse(self.trial.segment_ids.adopted_method_id)


@tagged("post_install", "-at_install")
class TestToursMatrixPhone(MatrixTourCase):
    browser_size = "390x844"
    touch_enabled = True

    def test_manager_decides_on_a_phone(self):
        self.start_tour(
            "/odoo/reactivation-matrix",
            "reactivation_matrix_phone",
            login=self.manager.login,
            timeout=120,
        )
        self.assertEqual(self.decision.state, "refused")
