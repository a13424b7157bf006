"""Sliding fee scales: what a household pays by its size and income.

The income is compared with a poverty line that the clinic enters, as the one the U.S.
Department of Health and Human Services publishes each year: an amount for one person,
and an amount for each further one. A bracket goes from one percentage of that line to
another; its lower end belongs to it, its upper end to the next one.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

LARGEST_HOUSEHOLD = 20


class Bracket(NamedTuple):
    """From and to: percent of the poverty line; `to` of 0 is without end."""

    low: float
    high: float
    name: str


class Fault(NamedTuple):
    """What is wrong with brackets: `code` is start, empty, gap or overlap; `first` and
    `second` are the brackets, `second` only of a gap or an overlap."""

    code: str
    first: Bracket
    second: Bracket | None = None


def faults(brackets):
    """:param brackets: list of `Bracket`, in any order
    :return: list of `Fault`: why an income would find no bracket, or two"""
    found = [
        Fault("empty", item)
        for item in brackets
        if item.low < 0 or (item.high and item.high <= item.low)
    ]
    if found or not brackets:
        return found
    ordered = sorted(brackets, key=lambda item: item.low)
    if ordered[0].low:
        found.append(Fault("start", ordered[0]))
    for first, second in zip(ordered, ordered[1:], strict=False):
        if not first.high or first.high > second.low:
            found.append(Fault("overlap", first, second))
        elif first.high < second.low:
            found.append(Fault("gap", first, second))
    return found


def poverty_line(first_person, further_person, household):
    """:param first_person: amount a year of a household of one
    :param further_person: what each further person adds
    :param int household: number of people
    :return: the amount a year
    :raise ValueError: for a household that is none"""
    if not 1 <= household <= LARGEST_HOUSEHOLD:
        raise ValueError(f"A household has 1 to {LARGEST_HOUSEHOLD} people.")
    return first_person + further_person * (household - 1)


def limits(line, percent):
    """:return: int: a percentage of a poverty line, in whole units of money"""
    share = Decimal(str(line)) * Decimal(str(percent)) / 100
    return int(share.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def bracket_of(brackets, income, line):
    """:param brackets: list of `Bracket` without faults
    :param income: amount a year
    :param line: poverty line of the household, a year
    :return: the `Bracket` of an income; None above the last one"""
    for item in brackets:
        # Compared as the limits are shown: in whole units.
        above = income >= limits(line, item.low)
        if above and (not item.high or income < limits(line, item.high)):
            return item
    return None
