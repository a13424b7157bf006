"""Who gets which coupon: rules without a database.

The history of a patient is all coupons the legal entity ever gave to them.
"""

from collections import namedtuple

# What is offered: its kind (percent, amount or gift) and its worth to the patient.
Offer = namedtuple("Offer", "kind worth")

# One coupon of the history. `day` is the local day of its redemption.
Past = namedtuple(
    "Past",
    "id state kind worth source key episode enrollment own company day"
    " expires revoke_reason",
)

# How long a patient waits, and how often: dates are local days of the clinic.
Limits = namedtuple("Limits", "cooldown_since often_since often year_since")

# Revoked for these reasons a coupon was never in the patient's hands, or gave way to a
# better one, which is in the history itself.
NEVER_HAD = ("not_delivered", "superseded")


def is_live(past, now):
    """:return: bool: the patient may still use it"""
    return past.state == "open" and past.expires > now


def lawful(offer, allowance, history, limits, now, besides=None):
    """Whether the law lets the patient have something.

    :param allowance: `allow`, `item_limit` and `year_limit` of the rules in force
    :param besides: id of a coupon that is not counted: the one in question
    :return: None, or the code of the refusal
    """
    if allowance.allow == "none" or (
        allowance.allow == "gift" and offer.kind != "gift"
    ):
        return "payer"
    if offer.kind != "gift":
        return None
    if allowance.item_limit is not None and offer.worth > allowance.item_limit:
        return "gift_item"
    if allowance.year_limit is not None:
        given = sum(
            past.worth
            for past in history
            if past.kind == "gift"
            and past.id != besides
            and (
                is_live(past, now)
                or past.state == "redeemed"
                and past.day > limits.year_since
            )
        )
        # Cents are compared, not floats.
        if round(given + offer.worth, 2) > round(allowance.year_limit, 2):
            return "gift_year"
    return None


def decide(offer, episode, enrollment, history, limits, now):
    """One coupon of a campaign for one lapse: the best one, and not too often.

    A patient who is still away may get a better coupon in a later tier. That takes
    the place of the one they have.

    :param episode: date of the last visit
    :return: (code of the refusal or None, `Past` to keep or None, list of those that
        give way)
    """
    own = [past for past in history if past.own and past.source == "campaign"]
    live = [past for past in own if is_live(past, now)]
    for past in live:
        if past.enrollment == enrollment or past.worth >= offer.worth:
            return None, past, []
    had = [
        past
        for past in own
        if past.episode == episode
        and past not in live
        and not (past.state == "revoked" and past.revoke_reason in NEVER_HAD)
    ]
    if any(past.state == "redeemed" or past.worth >= offer.worth for past in had):
        return "had_offer", None, []
    used = [past for past in own if past.state == "redeemed"]
    if any(past.day > limits.cooldown_since for past in used):
        return "cooldown", None, []
    if limits.often and sum(past.day > limits.often_since for past in used) >= (
        limits.often
    ):
        return "often", None, []
    return None, None, live
