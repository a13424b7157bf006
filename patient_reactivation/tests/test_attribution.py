"""A return counts once, windows that change measure everybody anew, and money."""

from psycopg2.errors import CheckViolation

from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MailClinicCase


class OutcomeCase(MailClinicCase):
    def story(self, campaign, partner=None):
        self.env.invalidate_all()
        return self.enrollment(partner or self.ada, campaign)

    def go(self, days):
        self.later(days=days)
        self.run_crons()


@tagged("post_install", "-at_install")
class TestAttribution(OutcomeCase):
    """L4: the enrollment that was running when the patient came."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ada = cls.lapsed("Ada")

    def three_campaigns(self):
        """Ada is taken out of two campaigns, and a third one has her now."""
        campaigns = self.env["reactivation.campaign"]
        for number in range(3):
            campaign = self.campaign(start=True, name=f"Recall {number + 1}")
            campaigns |= campaign
            self.run_crons()
            if number < 2:
                self.story(campaign).action_stop()
            self.later(days=10)
        return campaigns

    def test_three_campaigns_one_return(self):
        first, second, third = self.three_campaigns()
        self.visit(self.ada, 0)
        self.go(1)
        self.assertEqual(self.story(third).stage, "returned")
        self.assertFalse(self.story(first).returned_date)
        self.assertFalse(self.story(second).returned_date)
        campaigns = first | second | third
        self.assertEqual(sum(campaigns.mapped("returned_count")), 1)

    def test_visit_before_the_next_campaign_is_the_first_ones(self):
        """Entered late, when another campaign has the patient already."""
        first, second, _third = self.three_campaigns()
        # On the fifth of thirty days.
        self.visit(self.ada, 25)
        self.go(1)
        self.assertTrue(self.story(first).returned_date)
        self.assertFalse(self.story(second).returned_date)

    def test_visit_that_is_moved_moves_the_return(self):
        first, _second, third = self.three_campaigns()
        visit = self.visit(self.ada, 25)
        self.go(1)
        self.assertTrue(self.story(first).returned_date)
        visit.date = self.days_ago(1)
        self.go(1)
        self.assertFalse(self.story(first).returned_date)
        self.assertEqual(self.story(third).returned_date, self.days_ago(2).date())
        self.assertIn("corrected", self.story(first).outcome_ids.mapped("kind"))

    def test_won_back_again_is_not_loyal_to_the_first(self):
        """A clinic that looks after a month: back, away, and back for another
        campaign."""
        self.clinic.reactivation_lapse_months = 1
        first = self.campaign(start=True, name="First")
        self.run_crons()
        self.visit(self.ada, -1)
        self.go(2)
        self.assertEqual(self.story(first).stage, "returned")
        first.action_done()
        self.go(60)
        second = self.campaign(start=True, name="Second")
        self.run_crons()
        self.assertTrue(self.story(second))
        self.visit(self.ada, -1)
        self.go(2)
        self.assertEqual(self.story(second).stage, "returned")
        self.assertFalse(self.story(first).loyal_date)

    def test_what_a_merge_left_behind_takes_nothing(self):
        """A11"""
        first = self.campaign(start=True, name="First")
        self.run_crons()
        self.story(first).action_stop()
        self.later(days=1)
        second = self.campaign(start=True, name="Second")
        self.run_crons()
        self.story(second)._stop("merged")
        self.visit(self.ada, -1)
        self.go(2)
        self.assertEqual(self.story(first).stage, "returned")


@tagged("post_install", "-at_install")
class TestWindows(OutcomeCase):
    """Windows that change: everybody is measured anew, and it is on record."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ada = cls.lapsed("Ada")
        cls.recall = cls.campaign(start=True)

    def notes(self):
        return self.recall.message_ids.filtered(lambda item: "windows" in item.body)

    def test_longer_window_finds_a_return(self):
        self.run_crons()
        self.later(days=100)
        self.visit(self.ada, 0)
        self.go(1)
        self.assertEqual(self.story(self.recall).stage, "not_returned")
        self.recall.attribution_days = 120
        self.assertEqual(self.story(self.recall).stage, "returned")
        (note,) = self.notes()
        self.assertIn("from 90 and 180 days to 120 and 180", note.body)
        self.assertIn("returned 0 → 1", note.body)

    def test_shorter_window_takes_it_back(self):
        self.later(days=40)
        self.visit(self.ada, 0)
        self.go(1)
        self.assertEqual(self.story(self.recall).stage, "returned")
        self.recall.write({"attribution_days": 30, "loyalty_days": 60})
        self.assertEqual(self.story(self.recall).stage, "not_returned")
        self.assertIn("corrected", self.story(self.recall).outcome_ids.mapped("kind"))
        self.assertEqual(self.recall.return_closed_count, 1)

    def test_shorter_loyalty_window(self):
        self.later(days=10)
        self.visit(self.ada, 0)
        self.go(50)
        self.visit(self.ada, 0)
        self.go(1)
        self.assertEqual(self.story(self.recall).stage, "loyal")
        self.recall.loyalty_days = 30
        self.assertEqual(self.story(self.recall).stage, "one_time")

    def test_nothing_is_said_where_nothing_changes(self):
        self.recall.write({"attribution_days": 90, "loyalty_days": 180})
        draft = self.campaign(name="Draft")
        draft.attribution_days = 30
        self.assertFalse(self.notes())
        self.assertFalse(
            draft.message_ids.filtered(lambda item: "windows" in item.body)
        )


@tagged("post_install", "-at_install")
class TestMoney(OutcomeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ada = cls.lapsed("Ada")
        cls.recall = cls.campaign(start=True)

    def price(self, channel, price, **values):
        return self.env["reactivation.cost"].create(
            {
                "company_id": self.clinic.id,
                "channel": channel,
                "price": price,
                **values,
            }
        )

    def test_revenue_from_the_return_to_the_end_of_the_loyalty_window(self):
        self.visit(self.ada, 20, amount=999)
        self.later(days=10)
        self.visit(self.ada, 0, amount=120)
        self.go(30)
        self.visit(self.ada, 0, amount=80)
        self.go(180)
        self.visit(self.ada, 0, amount=500)
        self.env["reactivation.outcome"]._cron_refresh_all()
        self.assertEqual(self.story(self.recall).revenue, 200)

    def test_negative_amounts_are_taken_off(self):
        self.later(days=10)
        self.visit(self.ada, 0, amount=120)
        self.visit(self.ada, -1, amount=-150)
        self.go(2)
        self.assertEqual(self.story(self.recall).revenue, -30)

    def test_who_did_not_return_brought_nothing(self):
        self.later(days=100)
        self.visit(self.ada, 0, amount=120)
        self.go(1)
        self.assertEqual(self.story(self.recall).revenue, 0)

    def test_clinic_that_counts_nothing(self):
        self.clinic.reactivation_revenue_source = "none"
        self.later(days=10)
        self.visit(self.ada, 0, amount=120)
        self.go(1)
        self.assertEqual(self.story(self.recall).revenue, 0)
        self.clinic.reactivation_revenue_source = "visits"
        self.go(1)
        self.assertEqual(self.story(self.recall).revenue, 120)

    def test_message_costs_what_it_costs(self):
        self.price("mail", 0.04)
        self.run_crons()
        self.go(1)
        self.assertAlmostEqual(self.story(self.recall).message_cost, 0.04)

    def test_calls_cost_minutes(self):
        """Unanswered ones, too."""
        self.price("call", 0.5, unit="minute", minutes=4)
        bob = self.lapsed("Bob", phone="+1 212 555 0137")
        self.ada.action_archive()
        calls = self.start(self.step_campaign("call", script="<p>Hello</p>"))
        self.run_crons()
        story = self.story(calls, bob)
        task = story.delivery_ids
        task.call_attempts = 2
        self.go(1)
        self.assertEqual(self.story(calls, bob).call_cost, 1, "Two minutes so far.")
        task.write({"state": "sent"})
        self.go(1)
        self.assertEqual(self.story(calls, bob).call_cost, 3)
        task.minutes = 10
        self.go(1)
        self.assertEqual(self.story(calls, bob).call_cost, 6)

    @mute_logger("odoo.sql_db")
    def test_prices_that_cannot_be(self):
        for values in ({"price": -1}, {"unit": "minute", "minutes": 0}):
            with self.assertRaises(CheckViolation), self.cr.savepoint():
                self.price("letter", **({"price": 1} | values))

    def test_price_of_another_clinic(self):
        """H1"""
        self.price("mail", 7, company_id=self.other_clinic.id)
        self.run_crons()
        self.go(1)
        self.assertEqual(self.story(self.recall).message_cost, 0)
