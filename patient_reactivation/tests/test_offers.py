"""Who gets which coupon: the rules, at their edges, without a database."""

from collections import namedtuple
from datetime import date, datetime

from odoo.tests import BaseCase, tagged

from ..tools import offers

NOW = datetime(2026, 3, 2, 15, 30)
EPISODE = date(2025, 8, 14)
LIMITS = offers.Limits(
    cooldown_since=date(2025, 3, 2),
    often_since=date(2024, 3, 2),
    often=2,
    year_since=date(2025, 3, 2),
)
Allowance = namedtuple("Allowance", "allow item_limit year_limit")
ALL = Allowance("all", None, None)
GIFTS = Allowance("gift", 15, 75)
NONE = Allowance("none", None, None)


def past(number=1, state="redeemed", **values):
    """A coupon that a patient had."""
    base = {
        "id": number,
        "state": state,
        "kind": "percent",
        "worth": 20,
        "source": "campaign",
        "key": None,
        "episode": date(2020, 1, 1),
        "enrollment": None,
        "own": True,
        "company": 1,
        "day": date(2020, 1, 20) if state == "redeemed" else None,
        "expires": datetime(2026, 4, 1),
        "revoke_reason": None,
    }
    return offers.Past(**{**base, **values})


def gift(number, worth, day=None, **values):
    return past(number, kind="gift", worth=worth, day=day or date(2026, 1, 1), **values)


@tagged("post_install", "-at_install")
class TestLawful(BaseCase):
    def say(self, offer, allowance, history=(), limits=LIMITS, besides=None):
        return offers.lawful(offer, allowance, history, limits, NOW, besides)

    def test_discounts(self):
        """K1"""
        for kind in ("percent", "amount"):
            offer = offers.Offer(kind, 1)
            self.assertIsNone(self.say(offer, ALL))
            self.assertEqual(self.say(offer, GIFTS), "payer")
            self.assertEqual(self.say(offer, NONE), "payer")

    def test_gift_at_the_limit_of_one(self):
        """K4: $15 is lawful, $15.01 is not; where nothing is allowed neither is."""
        self.assertIsNone(self.say(offers.Offer("gift", 15), GIFTS))
        self.assertEqual(self.say(offers.Offer("gift", 15.01), GIFTS), "gift_item")
        self.assertEqual(self.say(offers.Offer("gift", 1), NONE), "payer")
        self.assertIsNone(self.say(offers.Offer("gift", 500), ALL))

    def test_gifts_of_a_year(self):
        """K4: five of $15 make 75; the sixth is one too many, of a cent too."""
        four = [gift(number, 15) for number in range(4)]
        self.assertIsNone(self.say(offers.Offer("gift", 15), GIFTS, four))
        five = [*four, gift(4, 15)]
        self.assertEqual(self.say(offers.Offer("gift", 0.01), GIFTS, five), "gift_year")

    def test_cents_add_up(self):
        """Ten of $7.10 are 71, and 4.00 more are 75, whatever floats make of it."""
        ten = [gift(number, 7.1) for number in range(10)]
        self.assertIsNone(self.say(offers.Offer("gift", 4), GIFTS, ten))
        self.assertEqual(self.say(offers.Offer("gift", 4.01), GIFTS, ten), "gift_year")

    def test_year_slides(self):
        """D12: what was given a year ago to the day counts no more, a day later does;
        New Year changes nothing."""
        day = LIMITS.year_since
        full = [gift(number, 15) for number in range(4)]
        offer = offers.Offer("gift", 15)
        self.assertIsNone(self.say(offer, GIFTS, [*full, gift(9, 15, day)]))
        after = gift(9, 15, day.replace(day=3))
        self.assertEqual(self.say(offer, GIFTS, [*full, after]), "gift_year")

    def test_what_counts_of_the_history(self):
        """Gifts that are still open, and of the whole legal entity; not what ended
        unused, and not the one in question."""
        full = [gift(number, 15) for number in range(4)]
        offer = offers.Offer("gift", 15)
        unused = [
            gift(5, 15, state="expired"),
            gift(6, 15, state="revoked"),
            gift(7, 15, state="open", expires=NOW),
            past(8, worth=500),
        ]
        self.assertIsNone(self.say(offer, GIFTS, [*full, *unused]))
        is_open = gift(9, 15, state="open")
        self.assertEqual(self.say(offer, GIFTS, [*full, is_open]), "gift_year")
        self.assertIsNone(self.say(offer, GIFTS, [*full, is_open], besides=9))
        sister = gift(9, 15, own=False, company=2)
        self.assertEqual(self.say(offer, GIFTS, [*full, sister]), "gift_year")


@tagged("post_install", "-at_install")
class TestDecide(BaseCase):
    def decide(self, worth, history=(), enrollment=7, limits=LIMITS):
        """:return: (refusal, id of the one that is kept, ids that give way)"""
        refusal, kept, gives_way = offers.decide(
            offers.Offer("percent", worth), EPISODE, enrollment, history, limits, NOW
        )
        return refusal, kept and kept.id, [item.id for item in gives_way]

    def test_first_coupon(self):
        self.assertEqual(self.decide(20), (None, None, []))

    def test_one_at_a_time(self):
        """K9: the better one stays; a better one takes its place."""
        live = past(3, "open", worth=20, enrollment=5)
        self.assertEqual(self.decide(20, [live]), (None, 3, []))
        self.assertEqual(self.decide(10, [live]), (None, 3, []))
        self.assertEqual(self.decide(50, [live]), (None, None, [3]))

    def test_an_enrollment_keeps_what_it_promised(self):
        live = past(3, "open", worth=20, enrollment=7)
        self.assertEqual(self.decide(50, [live]), (None, 3, []))

    def test_expired_by_the_clock(self):
        """What the nightly run has not closed yet is over all the same."""
        over = past(3, "open", worth=20, expires=NOW)
        self.assertEqual(self.decide(20, [over]), (None, None, []))

    def test_once_in_a_lapse(self):
        """Unused and over: not the same again, a better one yes. Used: no more."""
        unused = past(3, "expired", worth=20, episode=EPISODE)
        self.assertEqual(self.decide(20, [unused])[0], "had_offer")
        self.assertEqual(self.decide(50, [unused]), (None, None, []))
        used = past(3, worth=20, episode=EPISODE, day=date(2025, 1, 1))
        self.assertEqual(self.decide(50, [used])[0], "had_offer")

    def test_what_the_patient_never_had(self):
        """A message that never left, and what gave way to a better one."""
        for reason in offers.NEVER_HAD:
            gone = past(3, "revoked", worth=50, episode=EPISODE, revoke_reason=reason)
            self.assertEqual(self.decide(20, [gone]), (None, None, []))
        gone = past(3, "revoked", worth=50, episode=EPISODE, revoke_reason="staff")
        self.assertEqual(self.decide(20, [gone])[0], "had_offer")

    def test_cooldown(self):
        """K7: twelve months after one that was used, to the day."""
        day = LIMITS.cooldown_since
        self.assertEqual(self.decide(20, [past(day=day)]), (None, None, []))
        later = past(day=day.replace(day=3))
        self.assertEqual(self.decide(20, [later])[0], "cooldown")

    def test_often(self):
        """K7: two in 24 months; 0 is no limit."""
        days = [date(2024, 4, 1), date(2024, 12, 1)]
        used = [past(number, day=day) for number, day in enumerate(days)]
        self.assertEqual(self.decide(20, used)[0], "often")
        self.assertEqual(self.decide(20, used[:1]), (None, None, []))
        old = past(5, day=LIMITS.often_since)
        self.assertEqual(self.decide(20, [used[0], old]), (None, None, []))
        limits = LIMITS._replace(often=0)
        self.assertEqual(self.decide(20, used, limits=limits), (None, None, []))

    def test_what_does_not_count(self):
        """Incentives and other clinics' coupons are no offers of this campaign."""
        for other in (
            past(day=date(2026, 2, 1), source="incentive"),
            past(day=date(2026, 2, 1), own=False),
            past(1, "open", worth=90, source="manual"),
        ):
            self.assertEqual(self.decide(20, [other]), (None, None, []))
