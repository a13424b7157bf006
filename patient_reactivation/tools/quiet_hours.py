"""When a message may reach a person: hours of the day on the person's own clock.

Plain Python: no database, no ORM. Moments are naive UTC, as in Odoo; hours are
numbers such as 8.5 for half past eight, and a window is from (inclusive) to
(exclusive). Everything holds across changes of daylight-saving time.
"""

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

from .time_zones import load_zone

# Hours for a person of whom nothing is known but the clinic.
SAFE_HOURS = (10.0, 18.0)

# No window that opens at all stays shut for longer: a Saturday night and a Sunday
# on both sides of the date line.
HORIZON_DAYS = 4

# Nor one that is open on some days of the week only.
WEEK_HORIZON_DAYS = 9

_SUNDAY = 6


def _minutes(hour):
    return round(hour * 60)


def _local(moment, zone):
    """:return: what the clocks of a zone show, naive"""
    return moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)


def _offset(moment, zone):
    return _local(moment, zone) - moment


def _is_open(moment, zone, window, no_sunday):
    local = _local(moment, zone)
    if no_sunday and local.weekday() == _SUNDAY:
        return False
    return window[0] <= local.hour * 60 + local.minute < window[1]


@lru_cache(maxsize=4096)
def _clock_changes(zone, day):
    """:return: moments of a UTC day at which the clocks of a zone are moved"""
    changes = []
    start = datetime.combine(day, time())
    for hour in range(0, 24, 6):
        early = start + timedelta(hours=hour)
        late = early + timedelta(hours=6)
        offset = _offset(early, zone)
        if offset == _offset(late, zone):
            continue
        while late - early > timedelta(seconds=1):
            middle = early + (late - early) // 2
            middle = middle.replace(microsecond=0)
            if _offset(middle, zone) == offset:
                early = middle
            else:
                late = middle
        changes.append(late)
    return changes


def _openings(moment, zone, window, horizon=HORIZON_DAYS):
    """Moments at which a window may open: by the clock, or as the clock is moved."""
    today = _local(moment, zone).date()
    for days in range(-1, horizon + 1):
        opening = datetime.combine(today + timedelta(days=days), time())
        opening += timedelta(minutes=window[0])
        for side in (-1, 1):
            # Before and after a change of the clock, should there be one: an hour
            # that comes twice opens twice.
            yield opening - _offset(opening + timedelta(days=side), zone)
    for days in range(horizon):
        yield from _clock_changes(zone, moment.date() + timedelta(days=days))


def _next_in_zone(moment, zone, window, no_sunday):
    if _is_open(moment, zone, window, no_sunday):
        return moment
    return min(
        (
            opening
            for opening in _openings(moment, zone, window)
            if opening > moment and _is_open(opening, zone, window, no_sunday)
        ),
        default=None,
    )


def next_open(moment, zones, hour_from, hour_to, no_sunday=False):
    """The next moment at which it is within the hours in all of the zones.

    :param datetime moment: naive UTC
    :param zones: names of time zones
    :param float hour_from: first hour, inclusive
    :param float hour_to: last hour, exclusive; 24 is the end of the day
    :return: the moment itself if it is allowed, else a later one (naive UTC), or
        None if the zones have no such hour in common
    """
    window = (_minutes(hour_from), _minutes(hour_to))
    zones = [load_zone(name) for name in zones]
    limit = moment + timedelta(days=HORIZON_DAYS)
    while moment <= limit:
        # No zone opens before its own next opening, so the latest of them is the
        # earliest moment that can suit all.
        openings = [_next_in_zone(moment, zone, window, no_sunday) for zone in zones]
        if None in openings:
            return None
        latest = max(openings, default=moment)
        if latest == moment:
            return moment
        moment = latest
    return None


def common_zones(moment, groups, hour_from, hour_to, no_sunday=False):
    """The zones to ask, out of hints that may contradict each other.

    Hints that leave no common hour are given up, the least specific one first. The
    zones of one address that have no common hour are given up from the end.

    :param groups: tuples of names of zones, the most specific hint first
    :return: tuple of names of zones
    """
    rest = [moment, hour_from, hour_to, no_sunday]

    def opens(zones):
        return next_open(rest[0], zones, *rest[1:]) is not None

    for count in range(len(groups), 0, -1):
        zones = tuple(dict.fromkeys(zone for group in groups[:count] for zone in group))
        if opens(zones):
            return zones
    kept = ()
    for zone in groups[0]:
        if not kept or opens((*kept, zone)):
            kept += (zone,)
    return kept


def next_allowed(moment, groups, hour_from, hour_to, no_sunday=False, narrower=None):
    """As `next_open`, for the hints `time_zones.zone_groups` gives.

    :param narrower: days and hours that are wanted, on the clock of the first hint:
        (first hour, last hour, frozenset of the days, Monday is 0); what is allowed
        does not depend on them
    """
    zones = common_zones(moment, groups, hour_from, hour_to, no_sunday)
    if narrower is None:
        return next_open(moment, zones, hour_from, hour_to, no_sunday)
    zone = load_zone(next(zone for group in groups for zone in group))
    limit = moment + timedelta(days=2 * WEEK_HORIZON_DAYS)
    while moment and moment <= limit:
        wanted = _next_wanted(moment, zone, *narrower)
        if wanted is None:
            return None
        moment = next_open(wanted, zones, hour_from, hour_to, no_sunday)
        if moment == wanted:
            return moment
    return None


def _next_wanted(moment, zone, hour_from, hour_to, days):
    """:return: the next moment within days and hours on the clock of one zone"""
    window = (_minutes(hour_from), _minutes(hour_to))

    def fits(when):
        return _local(when, zone).weekday() in days and _is_open(
            when, zone, window, no_sunday=False
        )

    if fits(moment):
        return moment
    later = _openings(moment, zone, window, WEEK_HORIZON_DAYS)
    return min((when for when in later if when > moment and fits(when)), default=None)
