"""What can be said of groups of patients in a report that goes from hand to hand.

A figure of fewer than `nps.SMALLEST_GROUP` patients would be one of persons: it is not
shown, and nothing is from which it could be computed.
"""

from typing import NamedTuple

from .nps import SMALLEST_GROUP


class Folded(NamedTuple):
    """Groups that can be shown, and all the others as one.

    `shown` is a list of (group, count), the largest first. `others` is the count of
    the rest, 0 if there is none, or None if even all of them are too few.
    """

    shown: list
    others: int | None

    @property
    def total(self):
        """:return: int: everybody, or None if these are too few"""
        if self.others is None:
            return None
        return sum(count for _group, count in self.shown) + self.others


def is_small(count):
    """:return: bool: so few that nothing is said of them; nobody at all is no group"""
    return 0 < count < SMALLEST_GROUP


def fold(groups, most=None, together=sum):
    """Put small groups together until nobody can be told apart.

    What is left over may be small itself: the whole less the groups shown would tell.
    Then the smallest of these goes with it.

    :param dict groups: {group: number of patients}
    :param int most: show no more groups than this
    :param together: how many patients some groups are: `sum` if nobody is in two of
        them, `max` to be on the safe side if somebody may be
    :return: `Folded`
    """
    ranked = sorted(
        ((group, count) for group, count in groups.items() if count),
        key=lambda item: -item[1],
    )
    shown = [item for item in ranked[:most] if not is_small(item[1])]
    rest = ranked[len(shown) :]
    others = _size(rest, together)
    while is_small(others) and shown:
        rest.append(shown.pop())
        others = _size(rest, together)
    return Folded(shown, None if is_small(others) else others)


def _size(groups, together):
    return together([count for _group, count in groups] or [0])
