"""How many have returned by when, of patients some of whom are still followed."""

from math import exp, log, sqrt
from typing import NamedTuple

from .rates import CONFIDENCE, normal_quantile


class Point(NamedTuple):
    """After so many weeks this share has returned, between two ends."""

    week: int
    share: float
    low: float
    high: float
    at_risk: int


def returned_by_week(events, followed, confidence=CONFIDENCE):
    """The share that has returned, week by week since the enrollment: one minus the
    estimate of E. L. Kaplan and P. Meier (*Nonparametric Estimation from Incomplete
    Observations*, JASA 53, 1958).

    Patients who were enrolled lately are counted as long as they were followed, and
    not as if they had stayed away. The interval is that of the log-minus-log
    transformation with Greenwood's variance (J. D. Kalbfleisch, R. L. Prentice, *The
    Statistical Analysis of Failure Time Data*, 1980), which never leaves 0 to 1.

    :param dict events: {week: patients who returned in it}
    :param dict followed: {week: patients who had not returned at its end, and have not
        been followed longer}
    :return: list of `Point`, one per week with a return, in order
    """
    at_risk = sum(events.values()) + sum(followed.values())
    z = normal_quantile(confidence)
    away, variance, points = 1.0, 0.0, []
    for week in sorted({*events, *followed}):
        returned = events.get(week, 0)
        if returned:
            away *= 1 - returned / at_risk
            if at_risk > returned:
                variance += returned / (at_risk * (at_risk - returned))
            low, high = _interval(away, variance, z)
            points.append(Point(week, 1 - away, 1 - high, 1 - low, at_risk))
        at_risk -= returned + followed.get(week, 0)
    return points


def _interval(away, variance, z):
    if not 0 < away < 1:
        return away, away
    half = z * sqrt(variance) / log(away)
    # The logarithm is negative: plus gives the lower end.
    ends = away ** exp(half), away ** exp(-half)
    return min(ends), max(ends)


class Week(NamedTuple):
    """A week since the enrollment: what has returned by its end.

    `low` and `high` are empty before the first return: nobody is no certainty.
    """

    week: int
    share: float
    low: float
    high: float
    at_risk: int
    followed: int


def by_week(counts, last, confidence=CONFIDENCE):
    """Each week up to the last, of patients who were enrolled on different days.

    Only whole weeks count, for who returned and who did not: a return in a week that
    is not over yet would make those who return fast look like everybody.

    :param dict counts: {(weeks followed, week of the return or None): patients}; a
        return after the weeks followed is none yet
    :param int last: the last week of the window
    :return: list of `Week`, as far as somebody was followed
    """
    events, away = {}, {}
    for (followed, week), count in counts.items():
        if week and week <= followed:
            events[week] = events.get(week, 0) + count
        else:
            away[followed] = away.get(followed, 0) + count
    points = {point.week: point for point in returned_by_week(events, away, confidence)}
    reach = _at_least(counts, last)
    weeks, share, ends = [], 0.0, (None, None)
    at_risk = sum(events.values()) + sum(away.values()) - away.get(0, 0)
    for week in range(1, last + 1):
        if not reach[week]:
            break
        if week in points:
            share, ends = points[week].share, (points[week].low, points[week].high)
        weeks.append(Week(week, share, *ends, at_risk, reach[week]))
        at_risk -= events.get(week, 0) + away.get(week, 0)
    return weeks


def _at_least(counts, last):
    """:return: {week: patients followed so long, returned or not}"""
    ends = dict.fromkeys(range(1, last + 1), 0)
    for (followed, _week), count in counts.items():
        for week in range(1, min(followed, last) + 1):
            ends[week] += count
    return ends
