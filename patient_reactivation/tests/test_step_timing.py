from datetime import datetime, timedelta

from odoo.tests import BaseCase, tagged

from ..tools.quiet_hours import next_allowed
from .common import NOW, MailClinicCase

NEW_YORK = ("America/New_York",)
WORKDAYS = frozenset(range(5))
EVERY_DAY = frozenset(range(7))


@tagged("post_install", "-at_install")
class TestWantedHours(BaseCase):
    """Days and hours a step is limited to, within what is allowed."""

    def opens(self, text, hours=(8, 20), **options):
        wanted = options.pop("wanted")
        zones = options.pop("zones", (NEW_YORK,))
        return next_allowed(
            datetime.fromisoformat(text), zones, *hours, narrower=wanted, **options
        )

    def test_inside_is_at_once(self):
        moment = "2026-03-02 15:30"
        self.assertEqual(
            self.opens(moment, wanted=(9, 12, WORKDAYS)),
            datetime.fromisoformat(moment),
        )

    def test_afternoon_waits_for_the_next_morning(self):
        self.assertEqual(
            self.opens("2026-03-02 19:00", wanted=(9, 12, EVERY_DAY)),
            datetime(2026, 3, 3, 14, 0),
        )

    def test_friday_evening_waits_for_monday(self):
        self.assertEqual(
            self.opens("2026-03-06 23:00", wanted=(9, 12, WORKDAYS)),
            # The clocks are set forward on the Sunday between.
            datetime(2026, 3, 9, 13, 0),
        )

    def test_one_day_of_the_week(self):
        self.assertEqual(
            self.opens("2026-03-03 15:00", wanted=(0, 24, frozenset({1}))),
            datetime(2026, 3, 3, 15, 0),
        )
        self.assertEqual(
            self.opens("2026-03-04 15:00", wanted=(0, 24, frozenset({1}))),
            datetime(2026, 3, 10, 12, 0),
        )

    def test_allowed_hours_hold_inside_the_wanted_ones(self):
        """Wanted from 6, allowed from 8."""
        self.assertEqual(
            self.opens("2026-03-02 11:00", wanted=(6, 12, EVERY_DAY)),
            datetime(2026, 3, 2, 13, 0),
        )

    def test_both_clocks_of_a_patient_hold(self):
        """Nine to noon on the first clock, and eight to eight on both."""
        zones = (NEW_YORK, ("America/Los_Angeles",))
        self.assertEqual(
            self.opens("2026-03-02 14:00", wanted=(9, 12, EVERY_DAY), zones=zones),
            datetime(2026, 3, 2, 16, 0),
        )

    def test_hours_without_any_in_common(self):
        self.assertIsNone(self.opens("2026-03-02 14:00", wanted=(21, 23, EVERY_DAY)))
        sunday = frozenset({6})
        self.assertIsNone(
            self.opens("2026-03-02 14:00", wanted=(9, 12, sunday), no_sunday=True)
        )


@tagged("post_install", "-at_install")
class TestStepTiming(MailClinicCase):
    """When steps are due, and what they depend on."""

    def plan(self, *steps):
        """A campaign that has not begun, with steps of these values."""
        campaign = self.campaign(steps=len(steps))
        for step, values in zip(campaign.method_ids.step_ids, steps, strict=True):
            step.write(values)
        return campaign

    def start(self, campaign):
        self.refresh()
        campaign.action_start()
        self.run_crons()

    def sent(self, partner):
        deliveries = self.enrollment(partner).delivery_ids
        return deliveries.filtered("sent_on").sorted("sent_on").mapped("sent_on")

    def test_hours_are_added_to_days(self):
        ada = self.lapsed()
        self.start(self.plan({"delay_hours": 3}, {"delay_days": 2, "delay_hours": 1}))
        self.assertFalse(self.sent(ada))
        self.later(hours=3)
        self.run_crons()
        self.assertEqual(self.sent(ada), [NOW + timedelta(hours=3)])
        self.assertEqual(
            self.enrollment(ada).next_date, NOW + timedelta(days=2, hours=4)
        )

    def test_counted_from_the_enrollment(self):
        ada = self.lapsed()
        self.start(
            self.plan({"delay_days": 3}, {"delay_days": 10, "delay_from": "enrollment"})
        )
        self.run_day(3)
        self.assertEqual(len(self.sent(ada)), 1)
        # The clocks are set forward on the 8th: half past ten it stays.
        self.assertEqual(
            self.enrollment(ada).next_date, NOW + timedelta(days=10, hours=-1)
        )

    def test_a_step_waits_for_its_days_and_hours(self):
        """NOW is a Monday, half past ten."""
        ada = self.lapsed()
        campaign = self.plan(
            dict.fromkeys(("mon", "wed", "thu", "fri", "sat", "sun"), False)
            | {"hour_from": 14, "hour_to": 16}
        )
        self.start(campaign)
        delivery = self.enrollment(ada).delivery_ids
        self.assertEqual((delivery.state, delivery.reason), ("pending", "step_hours"))
        self.assertEqual(delivery.date, datetime(2026, 3, 3, 19, 0))
        with self.at(datetime(2026, 3, 3, 19, 5)):
            self.run_crons()
            self.assertEqual(delivery.state, "sent")

    def answered(self, **stamps):
        self.number = getattr(self, "number", 0) + 1
        ada = self.lapsed(f"Ada{self.number} Sample")
        self.env["reactivation.campaign"].search([]).action_done()
        self.start(self.plan({}, {"delay_days": 2, "condition": self.condition}))
        first = self.enrollment(ada).delivery_ids
        self.assertEqual(first.state, "sent")
        first.write(dict.fromkeys(stamps, NOW))
        self.run_day(2)
        second = self.enrollment(ada).delivery_ids - first
        self.later(days=8)
        return second.state, second.reason

    def test_conditions(self):
        """What people did with the step before; more than asked for counts too."""
        unneeded, needed = ("skipped", "condition"), ("sent", False)
        table = {
            "always": (needed, needed, needed, needed),
            "not_opened": (needed, unneeded, unneeded, unneeded),
            "not_clicked": (needed, needed, unneeded, unneeded),
            "not_replied": (needed, needed, needed, unneeded),
        }
        events = ({}, {"opened_on": 1}, {"clicked_on": 1}, {"replied_on": 1})
        for self.condition, expected in table.items():
            for stamps, answer in zip(events, expected, strict=True):
                with self.subTest(condition=self.condition, after=list(stamps)):
                    self.assertEqual(self.answered(**stamps), answer)

    def test_machines_do_not_count(self):
        """A scanner opened and clicked it."""
        ada = self.lapsed()
        self.start(self.plan({}, {"delay_days": 2, "condition": "not_opened"}))
        first = self.enrollment(ada).delivery_ids
        for kind in ("opened", "clicked"):
            self.env["reactivation.outcome"]._append(kind, first, is_bot=True)
        self.run_day(2)
        self.assertDeliveries(ada, ["sent", "sent"])

    def test_the_plan_goes_on_after_an_unneeded_step(self):
        ada = self.lapsed()
        self.start(
            self.plan(
                {},
                {"delay_days": 2, "condition": "not_opened"},
                {"delay_days": 5},
            )
        )
        self.enrollment(ada).delivery_ids.opened_on = NOW
        self.run_day(8)
        self.assertDeliveries(ada, ["sent", ("skipped", "condition"), "sent"])

    def test_nothing_was_sent_before(self):
        """Nobody can have answered what did not go out."""
        ada = self.lapsed()
        self.start(self.plan({}, {"delay_days": 2, "condition": "not_opened"}))
        first = self.enrollment(ada).delivery_ids
        first.write({"state": "failed", "sent_on": False, "opened_on": NOW})
        self.run_day(2)
        self.assertDeliveries(ada, ["failed", "sent"])
