import random
from datetime import datetime, timedelta
from itertools import product

import pytz
from freezegun import freeze_time

from odoo.tests import BaseCase, tagged

from ..tools.quiet_hours import _clock_changes, common_zones, next_allowed, next_open

NEW_YORK = "America/New_York"
HONOLULU = "Pacific/Honolulu"
MINUTE = timedelta(minutes=1)


def utc(text):
    return datetime.fromisoformat(text)


class Oracle:
    """The same question answered by looking at every minute, with another library."""

    def __init__(self, zones, hour_from, hour_to, no_sunday=False):
        self.zones = [pytz.timezone(zone) for zone in zones]
        self.window = (hour_from * 60, hour_to * 60)
        self.no_sunday = no_sunday

    def is_open(self, moment):
        for zone in self.zones:
            local = pytz.utc.localize(moment).astimezone(zone)
            if self.no_sunday and local.isoweekday() == 7:
                return False
            if not self.window[0] <= local.hour * 60 + local.minute < self.window[1]:
                return False
        return True

    def answers(self, start, days):
        """:return: [(moment, next open moment)] of every minute, without the end
        of the time that was looked at"""
        minutes = int(days * 24 * 60)
        found, following = [], None
        for number in range(minutes, -1, -1):
            moment = start + number * MINUTE
            if self.is_open(moment):
                following = moment
            if following:
                found.append((moment, following))
        return found


@tagged("post_install", "-at_install")
class TestQuietHours(BaseCase):
    """Hours of the day on every clock that may be the patient's."""

    def assertAgrees(self, zones, hours, start, days=4, no_sunday=False, every=1):
        oracle = Oracle(zones, *hours, no_sunday)
        answers = oracle.answers(start, days)
        for moment, following in answers[::every]:
            self.assertEqual(
                next_open(moment, zones, *hours, no_sunday),
                following,
                f"{zones} {hours} at {moment}",
            )
        return len(answers)

    # ----------------------------------------------------------------- examples

    def test_nobody_is_woken_in_another_zone(self):
        """D1: 9:00 in New York is 4:00 in Honolulu: not before 8:00 there."""
        nine = utc("2026-03-02 14:00")
        self.assertEqual(next_open(nine, [NEW_YORK], 8, 20), nine)
        self.assertEqual(next_open(nine, [HONOLULU], 8, 20), utc("2026-03-02 18:00"))

    def test_all_zones_must_agree(self):
        """T3: between zones that differ, only the hours they have in common."""
        both = [NEW_YORK, HONOLULU]
        self.assertEqual(
            next_open(utc("2026-03-02 14:00"), both, 8, 20), utc("2026-03-02 18:00")
        )
        # 20:00 in New York: Honolulu would still do, New York does not.
        self.assertEqual(
            next_open(utc("2026-03-03 01:00"), both, 8, 20), utc("2026-03-03 18:00")
        )

    def test_end_of_the_window_is_outside(self):
        last = utc("2026-03-03 00:59:59.999999")
        self.assertEqual(next_open(last, [NEW_YORK], 8, 20), last)
        end = utc("2026-03-03 01:00")
        self.assertEqual(next_open(end, [NEW_YORK], 8, 20), utc("2026-03-03 13:00"))

    def test_hour_that_does_not_exist(self):
        """D2: 2:30 on the day the clocks go forward: 3:00 is the first moment."""
        night = utc("2026-03-08 06:00")
        self.assertEqual(next_open(night, [NEW_YORK], 2.5, 20), utc("2026-03-08 07:00"))
        # A window inside the missing hour opens the next day only.
        self.assertEqual(
            next_open(night, [NEW_YORK], 2.25, 2.75), utc("2026-03-09 06:15")
        )

    def test_hour_that_comes_twice(self):
        """D2: 1:30 comes twice in autumn, and both are inside the window."""
        for first in ("2026-11-01 05:30", "2026-11-01 06:30"):
            self.assertEqual(next_open(utc(first), [NEW_YORK], 1, 2), utc(first))
        # Shut at 1:30, open again as the clock is put back to 1:00.
        self.assertEqual(
            next_open(utc("2026-11-01 05:40"), [NEW_YORK], 0.5, 1.5),
            utc("2026-11-01 06:00"),
        )

    def test_same_local_hour_before_and_after_the_change(self):
        """D3: the window is one of the patient's clock, whenever the cron runs."""
        found = [
            next_open(utc(f"2026-{day} 05:00"), [NEW_YORK], 8, 20)
            for day in ("03-07", "03-08", "10-31", "11-01")
        ]
        self.assertEqual([moment.hour for moment in found], [13, 12, 12, 13])

    def test_half_hours_and_the_date_line(self):
        """D9: St John's, Kolkata, and the day Samoa left out."""
        noon = utc("2026-01-15 00:00")
        self.assertEqual(
            next_open(noon, ["Asia/Kolkata"], 8, 20), utc("2026-01-15 02:30")
        )
        self.assertEqual(
            next_open(noon, ["America/St_Johns"], 8, 20), utc("2026-01-15 11:30")
        )
        # 2011-12-30 did not take place in Apia.
        self.assertEqual(
            next_open(utc("2011-12-30 08:00"), ["Pacific/Apia"], 8, 20),
            utc("2011-12-30 18:00"),
        )

    def test_sundays_can_be_left_out(self):
        saturday = utc("2026-03-01 02:00")
        self.assertEqual(
            next_open(saturday, [NEW_YORK], 8, 20, no_sunday=True),
            utc("2026-03-02 13:00"),
        )
        # Sunday in Auckland begins on Saturday in New York.
        self.assertEqual(
            next_open(saturday, ["Pacific/Auckland", NEW_YORK], 0, 24, True),
            utc("2026-03-02 05:00"),
        )

    def test_window_that_is_never_open(self):
        moment = utc("2026-03-02 12:00")
        self.assertIsNone(next_open(moment, [NEW_YORK], 20, 8))
        self.assertIsNone(next_open(moment, [NEW_YORK, "Asia/Shanghai"], 9, 17))

    def test_least_specific_hint_is_given_up_first(self):
        """Address, own time zone, number: what contradicts the address goes."""
        moment = utc("2026-03-02 12:00")
        address, own, number = (NEW_YORK,), ("America/Chicago",), ("Asia/Tokyo",)
        groups = [address, own, number]
        self.assertEqual(common_zones(moment, groups, 9, 17), address + own)
        self.assertEqual(common_zones(moment, groups[::2], 9, 17), address)
        self.assertEqual(common_zones(moment, groups, 8, 20), address + own + number)
        self.assertEqual(next_allowed(moment, groups, 9, 17), utc("2026-03-02 15:00"))

    def test_zones_of_one_address_without_a_common_hour(self):
        """As many of them as have one, and never none."""
        moment = utc("2026-03-02 12:00")
        group = (NEW_YORK, "America/Chicago", "Asia/Tokyo", "America/Denver")
        self.assertEqual(
            common_zones(moment, [group], 9, 17),
            (NEW_YORK, "America/Chicago", "America/Denver"),
        )

    # -------------------------------------------------------------- brute force

    def test_every_minute_around_the_changes_of_the_clock(self):
        """D2 D3: minute by minute, with a calendar of another library."""
        windows = [(8, 20), (0.5, 1.5), (1.5, 20), (2.25, 2.75), (0, 24), (1, 3)]
        changes = [
            (NEW_YORK, "2026-03-07 12:00"),
            (NEW_YORK, "2026-10-31 12:00"),
            ("Europe/Paris", "2026-03-28 12:00"),
            ("Europe/Paris", "2026-10-24 12:00"),
            ("Australia/Lord_Howe", "2026-04-04 00:00"),
            ("Australia/Lord_Howe", "2026-10-03 00:00"),
            ("America/St_Johns", "2026-11-01 00:00"),
            ("America/Santiago", "2026-09-05 12:00"),
            ("Pacific/Apia", "2011-12-29 12:00"),
        ]
        minutes = 0
        for (zone, start), hours in product(changes, windows):
            minutes += self.assertAgrees([zone], hours, utc(start), 2.5)
        self.assertGreater(minutes, 100_000)

    def test_hour_that_comes_twice_while_the_clock_is_stopped(self):
        """A clock stopped for tests forgets which of two equal hours it is: the
        answers, which are kept, must not depend on it."""
        _clock_changes.cache_clear()
        with freeze_time("2026-03-02 15:30"):
            for hours in ((0.5, 1.5), (1.5, 20)):
                start = datetime(2026, 10, 31, 12)
                self.assertAgrees([NEW_YORK], hours, start, 2.5, every=7)

    def test_every_minute_over_new_year(self):
        """D9: several zones at once, over the turn of the year, with Sundays."""
        groups = [
            [NEW_YORK, HONOLULU],
            ["America/St_Johns", "Asia/Kolkata"],
            ["Pacific/Auckland", "Pacific/Honolulu"],
            ["Pacific/Kiritimati", "Pacific/Pago_Pago"],
        ]
        start = utc("2022-12-30 18:00")
        for zones, no_sunday in product(groups, (False, True)):
            self.assertAgrees(zones, (7.5, 21.25), start, 4, no_sunday, every=3)

    def test_random_zones_days_and_windows(self):
        """Seeded: any zones, any day of some years, any window."""
        dice = random.Random(20260302)
        names = sorted(pytz.common_timezones)
        compared = 0
        for _round in range(60):
            zones = dice.sample(names, dice.choice((1, 1, 2, 3)))
            quarter = dice.randrange(0, 92)
            hours = (quarter / 4, dice.randrange(quarter + 1, 97) / 4)
            start = datetime(2010, 1, 1) + dice.randrange(365 * 24 * 20) * (
                timedelta(hours=1)
            )
            compared += self.assertAgrees(
                zones, hours, start, 3, dice.random() < 0.3, every=17
            )
        self.assertGreater(compared, 50_000)
