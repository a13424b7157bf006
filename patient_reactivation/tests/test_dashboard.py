"""The owner's page: the figures of a small story, counted by hand."""

from datetime import datetime

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from ..tools import lift, nps, rates
from .common import ClinicCase


class DashboardCase(ClinicCase):
    """A campaign of one method, whose enrollments are written as they turned out."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.enrollments = cls.env["reactivation.enrollment"]
        cls.dashboard = cls.env["reactivation.dashboard"]
        cls.number = 0

    @classmethod
    def begin(cls, **values):
        """A campaign that runs, with a control group of a fifth."""
        campaign = cls.campaign(control=20, **values)
        campaign.write({"state": "running", "date_start": datetime(2025, 1, 1)})
        cls.allocation = cls.env["reactivation.allocation"].create(
            {
                "campaign_id": campaign.id,
                "segment_id": campaign.segment_ids.id,
                "date": datetime(2025, 1, 1),
                "kind": "weighted",
                "control_percent": 20,
                "share_ids": [
                    Command.create({"method_id": campaign.method_ids.id, "share": 1})
                ],
            }
        )
        return campaign

    @classmethod
    def enroll(cls, campaign, count, on, control=False, **values):
        """Patients who were enrolled at a moment (UTC), with what came of it.

        Windows: 90 days to return, and 180 more to stay.
        """
        partners = cls.env["res.partner"].create(
            [
                {"name": f"Patient {cls.number + place}", "company_id": cls.clinic.id}
                for place in range(count)
            ]
        )
        cls.number += count
        return cls.enrollments.create(
            [
                {
                    "campaign_id": campaign.id,
                    "company_id": campaign.company_id.id,
                    "partner_id": partner.id,
                    "segment_id": campaign.segment_ids.id,
                    "method_id": False if control else campaign.method_ids.id,
                    "allocation_id": cls.allocation.id,
                    "is_control": control,
                    "episode_date": "2024-01-01",
                    "enrolled_on": on,
                    "return_closes": fields.Datetime.add(on, days=90),
                    "loyalty_closes": fields.Datetime.add(on, days=270),
                    "state": "done",
                    **values,
                }
                for partner in partners
            ]
        )

    @classmethod
    def tell(cls):
        """May: fifty whose windows have closed since. January and February: others,
        whose windows are open. It is the second of March."""
        campaign = cls.begin()
        may = datetime(2025, 5, 10, 15)
        came = {"returned_date": "2025-06-10"}
        stayed = {**came, "loyal_date": "2025-07-20", "revenue": 100}
        cls.enroll(campaign, 24, may, message_cost=1)
        cls.enroll(campaign, 6, may, **came, message_cost=1)
        cls.enroll(campaign, 10, may, **stayed, message_cost=1)
        cls.enroll(campaign, 8, may, control=True)
        cls.enroll(campaign, 2, may, control=True, **came)
        # In the clinic it is still the last evening of January.
        cls.enroll(campaign, 7, datetime(2026, 2, 1, 4))
        february = datetime(2026, 2, 10, 15)
        contacted = {"first_contact_date": datetime(2026, 2, 11, 15)}
        cls.enroll(campaign, 6, february, **contacted)
        cls.enroll(campaign, 5, february, **contacted, returned_date="2026-02-20")
        # Merged with another contact: it does not count.
        cls.enroll(campaign, 5, february, stop_reason="merged")
        return campaign

    def page_of(self, month=None, user=None):
        return self.as_user(user or self.manager, self.dashboard).read_dashboard(month)

    def events(self, month=None):
        """:return: {event: (of the month, of the month before)}"""
        return {
            row["key"]: (row["text"], row["before"])
            for row in self.page_of(month)["activity"]
        }


@tagged("post_install", "-at_install")
class TestDashboard(DashboardCase):
    # --------------------------------------------------------------------- events

    def test_what_happened_in_a_month_and_the_one_before(self):
        self.tell()
        self.assertEqual(
            self.events("2026-02"),
            {
                "enrolled": ("11", "7"),
                "contacted": ("11", "0"),
                "booked": ("0", "0"),
                "returned": ("5", "0"),
                "won_back": ("0", "0"),
            },
        )
        self.assertEqual(self.events()["enrolled"], ("0", "11"))
        self.assertEqual(self.events("2025-07")["won_back"], ("10", "0"))

    def test_booked_when_it_was_noticed(self):
        """Not when the appointment is: that may be months later."""
        campaign = self.tell()
        enrollments = campaign.enrollment_ids.filtered("first_contact_date")[:5]
        self.env["reactivation.outcome"].create(
            [
                {"enrollment_id": item.id, "kind": "booked", "date": "2026-05-01"}
                for item in enrollments
            ]
        )
        self.cr.execute(
            "UPDATE reactivation_outcome SET create_date = '2026-02-14'"
            " WHERE enrollment_id = ANY(%s)",
            [enrollments.ids],
        )
        # Moved in March: it was booked in February.
        enrollments.staff_booked_on = datetime(2026, 3, 1, 12)
        self.assertEqual(self.events("2026-02")["booked"], ("5", "0"))
        self.assertEqual(self.events()["booked"], ("0", "5"))
        action = self.as_user(self.manager, self.dashboard).open_figure(
            "event", "2026-02", "booked"
        )
        self.assertEqual(self.enrollments.search(action["domain"]), enrollments)

    def test_trend_of_twelve_months(self):
        self.tell()
        trend = self.page_of("2026-02")["trend"]
        months = {row["key"]: row for row in trend["months"]}
        self.assertEqual(len(months), 12)
        self.assertEqual(min(months), "2025-03")
        self.assertEqual(months["2025-05"]["enrolled"]["value"], 50)
        self.assertEqual(months["2025-06"]["returned"]["value"], 18)
        self.assertEqual(months["2026-01"]["enrolled"]["value"], 7)
        self.assertEqual(trend["top"], 50)

    # ---------------------------------------------------------------------- rates

    def rate(self, measure, month=None):
        return {row["key"]: row for row in self.page_of(month)["rates"]}[measure]

    def test_rates_of_closed_windows_beside_the_control_group(self):
        self.tell()
        row = self.rate("return")
        found = rates.wilson(16, 40)
        self.assertEqual(row["rate"]["value"], 0.4)
        self.assertAlmostEqual(row["rate"]["low"], found.low)
        self.assertAlmostEqual(row["rate"]["high"], found.high)
        self.assertEqual(
            (row["rate"]["text"], row["closed"]["text"]),
            ("40\N{NO-BREAK SPACE}%", "40"),
        )
        self.assertEqual(row["control"]["value"], 0.2)
        self.assertEqual(row["control_closed"]["text"], "10")
        self.assertEqual(self.rate("win_back")["rate"]["value"], 0.25)

    def test_so_far_is_apart(self):
        self.tell()
        row = self.rate("return")
        self.assertEqual((row["open"]["text"], row["so_far"]["text"]), ("18", "5"))

    def test_lift_over_all_campaigns_in_the_same_mix(self):
        """An easy campaign with few controls and a hard one with many: the plain
        difference would be made of the mix."""
        self.tell()
        row = self.rate("return")
        found = lift.compare([lift.Arm(0.8, 40, 16)], [lift.Arm(0.2, 10, 2)])
        self.assertAlmostEqual(row["lift"]["value"], found.difference.value)
        self.assertEqual(row["lift"]["text"], "+20.0 points")
        self.assertFalse(row["lift"]["is_sure"])
        other = self.begin(name="Hard")
        self.allocation.control_percent = 50
        may = datetime(2025, 5, 10, 15)
        self.enroll(other, 50, may)
        self.enroll(other, 50, may, control=True)
        row = self.rate("return")
        # Each group stands for the 150 of both: 16 / 0.8 and 2 / 0.2 of 150.
        self.assertAlmostEqual(row["lift"]["value"], (20 - 10) / 150)

    def test_no_control_group_no_lift(self):
        campaign = self.begin()
        self.allocation.control_percent = 0
        self.enroll(campaign, 30, datetime(2025, 5, 10))
        row = self.rate("return")
        self.assertIsNone(row["lift"])
        self.assertIsNone(row["control"])

    def test_windows_that_closed_longer_ago_are_not_in(self):
        campaign = self.tell()
        self.enroll(campaign, 30, datetime(2024, 1, 10))
        self.assertEqual(self.rate("return")["closed"]["text"], "40")
        self.assertEqual(self.rate("return", "2025-06")["closed"]["text"], "0")

    # --------------------------------------------------------------- what works

    def test_best_methods_and_decisions_that_wait(self):
        campaign = self.tell()
        self.env["reactivation.decision"].create(
            {
                "campaign_id": campaign.id,
                "segment_id": campaign.segment_ids.id,
                "method_id": campaign.method_ids.id,
                "date": datetime(2026, 2, 5),
                "count": 40,
                "win_back_rate": 0.25,
                "control_count": 10,
                "control_rate": 0.0,
                "lift": 0.25,
                "lift_low": 0.05,
                "lift_high": 0.45,
            }
        )
        works = self.page_of()["works"]
        self.assertEqual(works["waiting"], 1)
        row = works["rows"][0]
        self.assertEqual((row["segment"], row["method"]), ("Everybody", "E-mails"))
        self.assertEqual(
            (row["state"], row["rate"]["text"]), ("proposed", "25\N{NO-BREAK SPACE}%")
        )
        self.assertEqual(row["lift"]["range"], "+5.0 to +45.0")
        action = self.dashboard.open_figure("matrix", None, row["campaign_id"])
        self.assertEqual(action["context"]["reactivation_campaign"], campaign.id)

    # ---------------------------------------------------------------------- money

    def test_money_of_closed_windows(self):
        self.tell()
        self.env["reactivation.cost"].create(
            {"company_id": self.clinic.id, "channel": "mail", "price": 1}
        )
        money = self.page_of()["money"]
        closed, so_far = money["columns"]
        self.assertEqual(closed["revenue"], "$\N{NO-BREAK SPACE}1,000.00")
        self.assertEqual(closed["cost"], "$\N{NO-BREAK SPACE}40.00")
        self.assertEqual(closed["net"], "$\N{NO-BREAK SPACE}960.00")
        self.assertEqual(closed["roi"], "+2,400\N{NO-BREAK SPACE}%")
        self.assertEqual(so_far["patients"]["text"], "18")
        self.assertEqual((so_far["revenue"][-4:], so_far["roi"]), ("0.00", None))
        self.assertEqual(len(self.page_of("2026-02")["money"]["columns"]), 1)

    def test_another_currency(self):
        self.tell()
        self.clinic.currency_id = self.env.ref("base.CHF")
        self.assertEqual(self.page_of()["money"]["currency"], "CHF")
        self.assertIn("CHF", self.page_of()["money"]["columns"][0]["revenue"])

    def test_what_is_not_known_is_not_zero(self):
        """Nobody said what an e-mail costs, nor where revenue comes from."""
        self.tell().enrollment_ids.message_cost = 0
        self.clinic.reactivation_revenue_source = "none"
        money = self.page_of()["money"]
        self.assertEqual(money["missing"], ["Messages"])
        column = money["columns"][0]
        self.assertIsNone(column["parts"]["message"])
        self.assertIsNone(column["revenue"] or column["net"] or column["roi"])

    # ------------------------------------------------------------------- patients

    def test_lapsed_excluded_and_reasons_why_not(self):
        for number in range(7):
            self.lapsed(f"Recent {number}")
        for number in range(6):
            self.lapsed(f"Long {number}", days=500, email=False)
        for number in range(5):
            self.lapsed(f"Gone {number}", deceased_date="2026-01-01")
        self.campaign(start=True)
        data = self.page_of()
        lapsed = data["patients"]["lapsed"]
        self.assertEqual(lapsed["text"], "13")
        self.assertEqual([row["text"] for row in lapsed["rows"]], ["7", "6"])
        self.assertEqual(lapsed["in_campaign"]["text"], "7")
        self.assertEqual(lapsed["in_none"]["text"], "6")
        excluded = data["patients"]["excluded"]
        self.assertEqual([row["label"] for row in excluded["rows"]], ["Deceased"])
        why = self.as_user(self.manager, self.dashboard).read_no_contact()
        self.assertEqual(
            [(row["label"], row["text"]) for row in why["rows"]],
            [("No address or number", "6"), ("Deceased", "5")],
        )

    def test_every_figure_opens_what_it_counts(self):
        self.tell()
        page = self.as_user(self.manager, self.dashboard)
        for figure, month, key, count in (
            ("event", "2026-02", "enrolled", 11),
            ("event", "2026-02", "returned", 5),
            ("rate", None, "return", 40),
            ("control", None, "return", 10),
            ("money", None, "closed", 40),
            ("money", None, "open", 18),
            ("lapsed", None, None, 0),
            ("excluded", None, "deceased", 0),
            ("in_campaign", None, None, 0),
            ("no_contact", None, "no_address", 0),
            ("reason", None, 0, 0),
            ("nps", None, None, 0),
            ("decisions", None, None, 0),
            ("costs", None, None, 0),
        ):
            with self.subTest(figure=figure, key=key):
                action = page.open_figure(figure, month, key)
                model = self.as_user(self.manager, self.env[action["res_model"]])
                self.assertEqual(model.search_count(action["domain"]), count)

    # ---------------------------------------------------------------------- months

    def test_wrong_month(self):
        for month in ("March", "2026-13", "2026-04", "9999-12"):
            with self.assertRaisesRegex(UserError, "“Month” must be.*2026-03"):
                self.page_of(month)
        with self.assertRaises(UserError):
            self.dashboard.open_figure("unlink")

    def test_months_before_and_after(self):
        month = self.page_of("2026-02")["month"]
        self.assertEqual((month["before"], month["after"]), ("2026-01", "2026-03"))
        self.assertEqual(month["name"], "February 2026")
        self.assertFalse(self.page_of()["month"]["after"])

    def test_month_begins_at_the_clinics_midnight(self):
        self.frozen.move_to(datetime(2026, 3, 1, 3))
        self.assertEqual(self.page_of()["month"]["key"], "2026-02")

    # ----------------------------------------------------------------------- roles

    def test_who_sees_it(self):
        portal = new_test_user(self.env, "dash_portal", groups="base.group_portal")
        public = self.env.ref("base.public_user")
        for user in (self.desk, portal, public):
            page = self.dashboard.with_user(user)
            with self.assertRaises(AccessError):
                page.read_dashboard()
            with self.assertRaises(AccessError):
                page.read_no_contact()
            with self.assertRaises(AccessError):
                page.open_figure("lapsed")
            with self.assertRaises(AccessError):
                page.action_print()

    def test_other_clinic_sees_nothing_of_it(self):
        self.tell()
        data = self.page_of(user=self.stranger())
        self.assertEqual(data["company"]["name"], "Lakeside Clinic")
        self.assertTrue(data["is_new"])
        self.assertFalse(data["trend"]["top"])
        self.assertEqual(data["works"]["rows"], [])
        page = self.dashboard.with_user(self.manager)
        with self.assertRaises(AccessError):
            page.with_company(self.other_clinic).read_dashboard()

    def test_clinic_with_nothing(self):
        data = self.page_of()
        self.assertTrue(data["is_new"])
        self.assertEqual(data["patients"]["lapsed"]["text"], "0")
        self.assertIsNone(data["rates"][0]["rate"])
        self.assertIsNone(data["reasons"]["nps"]["score"])

    def test_words_with_the_thresholds_of_the_clinic(self):
        self.clinic.reactivation_lapse_months = 9
        self.begin().write({"attribution_days": 60, "loyalty_days": 120})
        words = {row["word"]: row["text"] for row in self.page_of()["words"]}
        self.assertIn("9 months", words["Lapsed"])
        self.assertIn("60 days", words["Returned"])
        self.assertIn("120 days", words["Loyalty window"])
        self.assertIn("95 %", words["Interval"])

    def test_number_of_queries_does_not_grow(self):
        """L3: a fixed number of queries, whatever there is to count."""
        campaign = self.tell()

        def queries():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self.dashboard.read_dashboard()
            return self.cr.sql_log_count - before

        queries()
        few = queries()
        self.enroll(campaign, 100, datetime(2025, 6, 10))
        self.enroll(campaign, 30, datetime(2026, 2, 10), returned_date="2026-02-20")
        self.assertEqual(queries(), few)
        self.assertLess(few, 30)


@tagged("post_install", "-at_install")
class TestDashboardHides(DashboardCase):
    """J9: figures of fewer than five patients, and those they could be had from."""

    def test_events_of_a_few(self):
        campaign = self.begin()
        self.enroll(campaign, 4, datetime(2026, 2, 10))
        self.assertEqual(self.events("2026-02")["enrolled"], ("< 5", "0"))
        self.assertEqual(self.events()["enrolled"], ("0", "< 5"))
        row = self.page_of("2026-02")["trend"]["months"][-1]
        self.assertEqual(
            (row["enrolled"]["value"], row["enrolled"]["hidden"]), (None, True)
        )

    def test_rates_of_a_few(self):
        campaign = self.begin()
        may = datetime(2025, 5, 10)
        self.enroll(campaign, 20, may)
        self.enroll(campaign, 4, may, control=True)
        row = self.page_of()["rates"][0]
        self.assertEqual(row["control_closed"]["text"], "< 5")
        self.assertIsNone(row["control"])
        self.assertIsNone(row["lift"])
        self.assertTrue(row["rate"])

    def test_tiers_that_the_sum_would_tell(self):
        for number in range(9):
            self.lapsed(f"Recent {number}")
        for number in range(3):
            self.lapsed(f"Long {number}", days=500)
        self.refresh()
        lapsed = self.page_of()["patients"]["lapsed"]
        self.assertEqual((lapsed["text"], lapsed["rows"]), ("12", []))
        self.assertEqual(lapsed["others"]["text"], "12")

    def test_who_is_in_a_campaign(self):
        """Of nine, seven in a campaign: two are not."""
        for number in range(7):
            self.lapsed(f"Ada {number}")
        for number in range(2):
            self.lapsed(f"Ben {number}", email=False)
        self.campaign(start=True)
        lapsed = self.page_of()["patients"]["lapsed"]
        self.assertTrue(lapsed["in_campaign"]["hidden"] and lapsed["in_none"]["hidden"])

    def test_revenue_of_a_few(self):
        """Nor is what could be subtracted: the net, and the return on it."""
        campaign = self.begin()
        self.env["reactivation.cost"].create(
            {"company_id": self.clinic.id, "channel": "mail", "price": 1}
        )
        may = datetime(2025, 5, 10)
        self.enroll(campaign, 16, may, message_cost=1)
        self.enroll(campaign, 4, may, message_cost=1, revenue=500)
        column = self.page_of()["money"]["columns"][0]
        self.assertEqual(column["cost"][-5:], "20.00")
        self.assertIsNone(column["revenue"] or column["net"] or column["roi"])

    def test_costs_of_a_few(self):
        """The coupons of three are put together with the letters."""
        campaign = self.begin()
        may = datetime(2025, 5, 10)
        self.enroll(campaign, 10, may, message_cost=1)
        self.enroll(campaign, 6, may, message_cost=1, letter_cost=2)
        self.enroll(campaign, 3, may, message_cost=1, coupon_cost=30)
        column = self.page_of()["money"]["columns"][0]
        self.assertEqual(column["parts"]["message"][-5:], "19.00")
        self.assertIsNone(column["parts"]["letter"] or column["parts"]["coupon"])
        self.assertEqual(column["parts"]["others"][-6:], "102.00")
        self.assertEqual(column["cost"][-6:], "121.00")

    def test_reasons_and_recommendations(self):
        campaign = self.begin()
        reasons = self.env["reactivation.reason"].search([], limit=3)
        sizes = zip(reasons, (6, 5, 2), strict=True)
        self.answer(campaign, [reason for reason, size in sizes for _n in range(size)])
        found = self.page_of()["reasons"]
        self.assertEqual(
            [(row["key"], row["text"]) for row in found["rows"]], [(reasons[0].id, "6")]
        )
        self.assertEqual(found["others"]["text"], "7")
        self.assertTrue(found["rows"][0]["route"])
        score = nps.score(13, 0, 0)
        self.assertEqual(found["nps"]["score"], "100")
        self.assertEqual(found["nps"]["range"], f"{score.low:.0f} to {score.high:.0f}")

    def test_score_of_a_few(self):
        campaign = self.begin()
        reason = self.env["reactivation.reason"].search([], limit=1)
        self.answer(campaign, [reason] * 4)
        found = self.page_of()["reasons"]
        self.assertIsNone(found["nps"]["score"])
        self.assertEqual((found["rows"], found["others"]["text"]), ([], "< 5"))

    def answer(self, campaign, reasons):
        enrollments = self.enroll(campaign, len(reasons), datetime(2026, 2, 1, 12))
        self.env["reactivation.feedback"].create(
            [
                {
                    "enrollment_id": enrollment.id,
                    "campaign_id": campaign.id,
                    "company_id": self.clinic.id,
                    "partner_id": enrollment.partner_id.id,
                    "state": "answered",
                    "invited_on": self.days_ago(5),
                    "deadline": self.days_ago(-5),
                    "answered_on": self.days_ago(2),
                    "nps": 10,
                    "nps_kind": "promoter",
                    "reason_id": reason.id,
                }
                for enrollment, reason in zip(enrollments, reasons, strict=True)
            ]
        )
