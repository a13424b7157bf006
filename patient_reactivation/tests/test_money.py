"""What campaigns brought in and what they cost: figures, files, and who sees them."""

import io
import json
from zipfile import ZipFile

from odoo import http
from odoo.exceptions import AccessError
from odoo.tests import BaseCase, tagged
from odoo.tools import mute_logger

from ..tools.returns import beyond_control, per_patient, return_on_investment
from .common import TourCase
from .test_attribution import OutcomeCase
from .test_task_results import TaskCase

PARTS = ("message_cost", "letter_cost", "call_cost", "coupon_cost")


@tagged("post_install", "-at_install")
class TestReturns(BaseCase):
    def test_return_on_investment(self):
        self.assertEqual(return_on_investment(300, 100), 2)
        self.assertEqual(return_on_investment(0, 100), -1)
        self.assertEqual(return_on_investment(-50, 100), -1.5)
        self.assertIsNone(return_on_investment(300, 0))

    def test_beyond_the_control_group(self):
        self.assertEqual(per_patient(300, 4), 75)
        self.assertIsNone(per_patient(0, 0))
        # 80 patients with 50 each, where 30 each come by themselves.
        self.assertAlmostEqual(beyond_control(4000, 80, 600, 20), 1600)
        self.assertAlmostEqual(beyond_control(100, 10, 300, 10), -200)
        self.assertIsNone(beyond_control(4000, 80, 0, 0), "No control group")
        self.assertIsNone(beyond_control(0, 0, 600, 20), "Nobody but them")


class MoneyCase(OutcomeCase):
    def price(self, channel, price, **values):
        return self.env["reactivation.cost"].create(
            {
                "company_id": self.clinic.id,
                "channel": channel,
                "price": price,
                **values,
            }
        )


@tagged("post_install", "-at_install")
class TestCampaignMoney(MoneyCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ada, cls.ben = cls.lapsed("Ada"), cls.lapsed("Ben")
        cls.recall = cls.campaign(start=True)

    def figures(self, *names):
        self.env.invalidate_all()
        return tuple(self.recall[name] for name in names)

    def test_parts_are_visible(self):
        self.price("mail", 0.5)
        self.run_crons()
        self.later(days=10)
        self.visit(self.ada, 0, amount=120)
        self.go(1)
        self.env.cr.execute(
            """UPDATE reactivation_enrollment
                  SET letter_cost = 2, call_cost = 3, coupon_cost = 4
                WHERE partner_id = %s""",
            [self.ada.id],
        )
        self.assertEqual(self.figures(*PARTS), (1, 2, 3, 4))
        self.assertEqual(
            self.figures("revenue", "total_cost", "net_revenue"), (120, 10, 110)
        )
        self.assertEqual(self.figures("return_on_investment"), (11,))
        self.assertEqual(self.recall.currency_id, self.clinic.currency_id)

    def test_nothing_spent_is_no_return(self):
        self.later(days=10)
        self.visit(self.ada, 0, amount=120)
        self.go(1)
        self.assertEqual(
            self.figures("revenue", "total_cost", "return_on_investment"), (120, 0, 0)
        )

    def test_visit_that_is_taken_back(self):
        self.later(days=10)
        visit = self.visit(self.ada, 0, amount=120)
        self.go(1)
        self.assertEqual(self.figures("revenue"), (120,))
        visit.unlink()
        self.go(1)
        self.assertEqual(self.figures("revenue", "net_revenue"), (0, 0))
        self.assertIn("corrected", self.story(self.recall).outcome_ids.mapped("kind"))

    def test_credit_notes_outweigh(self):
        self.price("mail", 1)
        self.run_crons()
        self.later(days=10)
        self.visit(self.ada, 0, amount=20)
        self.visit(self.ada, -1, amount=-120)
        self.go(2)
        self.assertEqual(self.figures("revenue", "net_revenue"), (-100, -102))
        self.assertEqual(self.figures("return_on_investment"), (-51,))

    def test_beside_the_control_group(self):
        """What would have come anyway is no merit of the campaign."""
        self.price("mail", 10)
        self.story(self.recall, self.ben).is_control = True
        self.run_crons()
        self.later(days=10)
        self.visit(self.ada, 0, amount=120)
        self.visit(self.ben, 0, amount=70)
        self.go(1)
        self.assertEqual(
            self.figures(
                "has_control",
                "revenue",
                "campaign_patients",
                "revenue_per_patient",
                "control_patients",
                "control_revenue_per_patient",
                "incremental_revenue",
            ),
            (True, 120, 1, 120, 1, 70, 50),
        )
        cost = self.recall.total_cost
        self.assertEqual(self.figures("incremental_return"), ((50 - cost) / cost,))

    def test_without_control_group(self):
        self.assertEqual(self.figures("has_control", "incremental_revenue"), (False, 0))
        draft = self.campaign(name="Draft")
        self.assertEqual((draft.revenue, draft.has_control), (0, False))

    def test_one_query_for_all_campaigns(self):
        campaigns = self.recall
        for number in range(5):
            campaigns |= self.campaign(name=f"Other {number}")
        self.env.flush_all()
        self.env.invalidate_all()
        campaigns.mapped("state")
        before = self.env.cr.sql_log_count
        campaigns.mapped("net_revenue")
        self.assertEqual(self.env.cr.sql_log_count - before, 1)

    def test_managers_only(self):
        self.run_crons()
        story = self.story(self.recall)
        for name in ("revenue", *PARTS):
            for record in (story, self.recall):
                with self.subTest(name=name, model=record._name):
                    self.assertEqual(self.as_user(self.manager, record)[name], 0)
                    with self.assertRaises(AccessError):
                        self.as_user(self.desk, record).read([name])
        desk = self.env_of(self.desk)
        for model in ("reactivation.report", "reactivation.cost"):
            with self.assertRaises(AccessError):
                desk[model].search([])
        with self.assertRaises(AccessError):
            desk["reactivation.enrollment"].formatted_read_group(
                [], [], ["revenue:sum"]
            )
        with self.assertRaises(AccessError):
            desk["reactivation.enrollment"].search([("revenue", ">", 0)])

    def test_front_desk_works_on(self):
        """What it may not see does not stand in its way."""
        desk = self.env_of(self.desk)
        for model in ("reactivation.enrollment", "reactivation.campaign"):
            for kind in ("form", "list", "kanban"):
                arch = desk[model].get_view(view_type=kind)["arch"]
                for name in ("revenue", *PARTS):
                    self.assertNotIn(f'name="{name}"', arch)
        self.as_user(self.desk, self.story(self.recall)).read()

    def test_other_company(self):
        """H1"""
        stranger = self.stranger()
        self.run_crons()
        self.later(days=10)
        self.visit(self.ada, 0, amount=120)
        self.go(1)
        report = self.env["reactivation.report"]
        self.assertFalse(self.as_user(stranger, report).search([]))
        with self.assertRaises(AccessError):
            self.as_user(stranger, self.recall).read(["revenue"])
        own = self.as_user(self.manager, report).search([("revenue", ">", 0)])
        self.assertEqual(own.campaign_id, self.recall)


@tagged("post_install", "-at_install")
class TestReportMoney(MoneyCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ada = cls.lapsed("Ada")
        cls.recall = cls.campaign(start=True)

    def test_sums(self):
        self.price("mail", 0.5)
        self.run_crons()
        self.later(days=10)
        self.visit(self.ada, 0, amount=120)
        self.go(1)
        report = self.env_of(self.manager)["reactivation.report"]
        (row,) = report.formatted_read_group(
            [("campaign_id", "=", self.recall.id)],
            ["campaign_id", "method_id"],
            [
                "revenue:sum_currency",
                "total_cost:sum",
                "net_revenue:sum",
                "currency_id:array_agg_distinct",
            ],
        )
        self.assertEqual(row["revenue:sum_currency"], 120)
        self.assertEqual(row["total_cost:sum"], 0.5)
        self.assertEqual(row["net_revenue:sum"], 119.5)
        self.assertEqual(
            row["currency_id:array_agg_distinct"], self.clinic.currency_id.ids
        )

    def test_currencies_are_told_apart(self):
        """Clinics of two currencies: each row has its own, and Odoo knows both."""
        euro = self.env.ref("base.EUR")
        euro.active = True
        self.other_clinic.currency_id = euro
        theirs = self.person("Theirs")
        self.visit(theirs, 250, company_id=self.other_clinic.id)
        self.campaign(start=True, name="Other", company_id=self.other_clinic.id)
        rows = self.env["reactivation.report"].formatted_read_group(
            [], ["company_id"], ["currency_id:array_agg_distinct"]
        )
        found = {
            row["company_id"][0]: row["currency_id:array_agg_distinct"] for row in rows
        }
        self.assertEqual(found[self.clinic.id], self.clinic.currency_id.ids)
        self.assertEqual(found[self.other_clinic.id], euro.ids)

    def test_export_is_for_managers_and_no_formula(self):
        """F3"""
        self.recall.name = "=cmd|' /C calc'!A0"
        report = self.env["reactivation.report"]
        rows = self.as_user(self.manager, report).search([])
        ((name, revenue),) = rows.export_data(["campaign_id/name", "revenue"])["datas"]
        self.assertEqual((name, revenue), ("'=cmd|' /C calc'!A0", 0))
        with self.assertRaises(AccessError):
            self.as_user(self.desk, rows).export_data(["revenue"])


@tagged("post_install", "-at_install")
class TestFamilyMoney(TaskCase):
    def test_call_to_a_family_is_paid_once(self):
        """E4: one call names mother and child."""
        self.env["reactivation.cost"].create(
            {
                "company_id": self.clinic.id,
                "channel": "call",
                "price": 2,
                "unit": "minute",
                "minutes": 5,
            }
        )
        mother = self.callee("Mary Sample")
        child = self.callee("Carl Sample", phone=mother.phone)
        campaign = self.calls()
        self.run_crons()
        tasks = self.task(mother) | self.task(child)
        (lead,) = tasks.filtered(lambda item: not item.lead_id)
        self.at_desk(lead).action_take()
        self.at_desk(lead).action_result_booked()
        self.later(days=1)
        self.run_crons()
        self.assertEqual(
            sorted(tasks.enrollment_id.mapped("call_cost")), [0, 10], "Once."
        )
        self.assertEqual(campaign.call_cost, 10)


@tagged("post_install", "-at_install")
class TestFiles(TourCase):
    """F3: names in lists, groups and pivots are no formulas, in CSV and XLSX."""

    NAME = "=HYPERLINK(A1)"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = cls.staff("money_boss")
        cls.clerk = cls.staff("money_clerk", "user", "base.group_allow_export")
        cls.patient("Ada", phone="+1 212-555-0143")
        cls.env["reactivation.patient"]._refresh()
        cls.recall = cls.new_campaign(
            cls.boss,
            name=cls.NAME,
            method_ids=cls.method("@SUM(A1)", name="Call", channel="call", script="Hi"),
        )
        cls.recall.action_start()

    def fetch(self, path, **values):
        data = json.dumps({"model": "reactivation.report", **values})
        token = http.Request.csrf_token(self)
        return self.url_open(path, data={"data": data, "csrf_token": token})

    def export(self, kind, groupby=()):
        fields = [
            {"name": name, "label": name, "type": field}
            for name, field in (
                ("campaign_id", "many2one"),
                ("method_id", "many2one"),
                ("revenue", "monetary"),
            )
        ]
        return self.fetch(
            f"/web/export/{kind}",
            fields=fields,
            ids=False,
            domain=[("campaign_id", "=", self.recall.id)],
            import_compat=False,
            groupby=list(groupby),
            context={"allowed_company_ids": self.clinic.ids},
        )

    def sheet(self, response):
        """:return: (XML of the cells, texts of the file)"""
        self.assertEqual(response.status_code, 200, response.text[:300])
        with ZipFile(io.BytesIO(response.content)) as book:
            return (
                book.read("xl/worksheets/sheet1.xml").decode(),
                book.read("xl/sharedStrings.xml").decode(),
            )

    def assertTexts(self, response, *texts):
        cells, strings = self.sheet(response)
        self.assertNotIn("<f>", cells, "A formula")
        for text in texts:
            self.assertIn(f"'{text}", strings)

    def test_list(self):
        self.authenticate(self.boss.login, self.boss.login)
        csv = self.export("csv").text
        self.assertIn(f"'{self.NAME}", csv)
        self.assertNotIn(f'"{self.NAME}', csv)
        self.assertTexts(self.export("xlsx"), self.NAME, "@SUM(A1)")

    def test_groups(self):
        self.authenticate(self.boss.login, self.boss.login)
        response = self.export("xlsx", ["campaign_id", "method_id"])
        self.assertTexts(response, self.NAME, "@SUM(A1)")

    def test_pivot(self):
        self.authenticate(self.boss.login, self.boss.login)
        header = {"title": self.NAME, "width": 1, "height": 1}
        response = self.fetch(
            "/web/pivot/export_xlsx",
            title="Money",
            measure_count=1,
            col_group_headers=[[header]],
            measure_headers=[{"title": "+Revenue", "is_bold": True}],
            origin_measure_count=0,
            rows=[
                {"title": "-1+1", "indent": 0, "values": [{"value": 12.5}]},
                {"title": "Text", "indent": 1, "values": [{"value": "=A1"}]},
            ],
        )
        self.assertTexts(response, self.NAME, "+Revenue", "-1+1", "=A1")
        self.assertIn("<v>12.5</v>", self.sheet(response)[0])

    @mute_logger("odoo.addons.web.controllers.export", "odoo.http")
    def test_front_desk_gets_no_file(self):
        self.authenticate(self.clerk.login, self.clerk.login)
        self.assertNotEqual(self.export("csv").status_code, 200)
        self.assertNotEqual(self.export("xlsx").status_code, 200)
