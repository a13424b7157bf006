"""The levels of a pivot, summed up from its finest: as Odoo itself counts them."""

from odoo.models import BaseModel
from odoo.tests import tagged

from ..report.reactivation_pivot import ReactivationPivot
from .test_experiment import ExperimentCase


@tagged("post_install", "-at_install")
class TestPivot(ExperimentCase):
    AGGREGATES = (
        "__count",
        "enrolled:sum",
        "returned:sum",
        "return_rate:avg",
        "win_back_rate:avg",
        "enrolled_on:max",
        "enrolled_on:min",
    )

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.crowd(40)
        cls.crowd(20, days=500)
        cls.start(cls.trial)
        cls.other = cls.campaign(name="A later one")
        cls.later(days=40)
        cls.crowd(10, days=700)
        cls.start(cls.other)
        cls.env.flush_all()
        cls.env.cr.execute(
            """UPDATE reactivation_enrollment
                  SET returned_date = enrolled_on::date + 3, stage = 'returned'
                WHERE id % 3 = 0"""
        )
        cls.env.cr.execute(
            """UPDATE reactivation_enrollment
                  SET return_closes = enrolled_on, segment_id = NULL WHERE id % 5 = 0"""
        )
        cls.env.invalidate_all()

    def levels(self, groups, aggregates=AGGREGATES, domain=()):
        """:return: (the levels as ours has them, as Odoo counts them)"""
        sets = [groups[:number] for number in range(len(groups) + 1)]
        report = self.as_user(self.manager, self.env["reactivation.report"])
        order = ", ".join(groups)
        plain = super(ReactivationPivot, report)
        return (
            report._read_grouping_sets(domain, sets, aggregates, order),
            plain._read_grouping_sets(domain, sets, aggregates, order),
        )

    def readable(self, levels):
        return [
            [
                tuple(
                    value.id
                    if isinstance(value, BaseModel)
                    else round(value, 6)
                    if isinstance(value, float)
                    else value
                    for value in row
                )
                for row in level
            ]
            for level in levels
        ]

    def test_as_odoo_counts_them(self):
        for groups in (
            ["campaign_id"],
            ["campaign_id", "method_id"],
            ["segment_id", "is_control", "enrolled_on:month"],
            ["stage", "visit_pattern"],
        ):
            ours, odoos = self.levels(groups)
            self.assertEqual(self.readable(ours), self.readable(odoos), groups)
            self.assertGreater(len(ours[-1]), 1)

    def test_nothing_found(self):
        ours, odoos = self.levels(["campaign_id"], domain=[("stage", "=", "loyal")])
        self.assertEqual(self.readable(ours), self.readable(odoos))

    def test_what_cannot_be_summed_up_is_left_to_odoo(self):
        ours, odoos = self.levels(["campaign_id"], ["segment_id:count_distinct"])
        self.assertEqual(self.readable(ours), self.readable(odoos))

    def test_one_query_for_all_levels(self):
        report = self.env["reactivation.report"]
        self.levels(["campaign_id", "method_id"])
        with self.assertQueryCount(8):
            report._read_grouping_sets(
                [], [["campaign_id"], []], ["__count"], "campaign_id"
            )
