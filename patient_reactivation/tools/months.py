"""Months of a clinic's calendar."""

import re
from datetime import UTC, date, datetime, time

from dateutil.relativedelta import relativedelta

from .time_zones import load_zone

# Nobody was enrolled before.
FIRST_YEAR = 2000

MONTH = re.compile(r"(\d{4})-(\d{2})")


def parse(text):
    """Read a month as it stands in an address: 2026-03.

    :return: date of its first day
    :raise ValueError: this is no month
    """
    found = MONTH.fullmatch(text) if isinstance(text, str) else None
    if not found or int(found[1]) < FIRST_YEAR:
        raise ValueError(text)
    return date(int(found[1]), int(found[2]), 1)


def key(day):
    """:return: str: the month of a day, as `parse` reads it"""
    return f"{day:%Y-%m}"


def until(month, count):
    """:return: list of the first days of the last `count` months, `month` the last of
    them, and of the month after"""
    return [month - relativedelta(months=back) for back in range(count - 1, -2, -1)]


def midnight(day, zone):
    """When a day begins at the clinic.

    :param str zone: name of a time zone
    :return: naive datetime in UTC, as the database keeps it
    """
    local = datetime.combine(day, time.min, load_zone(zone) or UTC)
    return local.astimezone(UTC).replace(tzinfo=None)
