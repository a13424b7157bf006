"""How likely patients are to recommend the clinic: the Net Promoter Score (NPS).

Answers go from 0 to 10. Promoters gave 9 or 10, detractors 0 to 6 (Reichheld, *The One
Number You Need to Grow*, Harvard Business Review, December 2003). The score is the
percentage of promoters minus that of detractors, from -100 to 100.
"""

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

LOWEST, HIGHEST = 0, 10
LEAST_PROMOTER, MOST_DETRACTOR = 9, 6

# Fewer answers than this are shown to nobody as a figure: it would be a person's.
SMALLEST_GROUP = 5


class Score(NamedTuple):
    """A score with its interval, each from -100 to 100, and the number of answers."""

    score: float
    low: float
    high: float
    count: int


def kind(answer):
    """:return: promoter, passive or detractor
    :raise ValueError: for a number that is no answer"""
    if answer != int(answer) or not LOWEST <= answer <= HIGHEST:
        raise ValueError(f"{answer} is not between {LOWEST} and {HIGHEST}")
    if answer >= LEAST_PROMOTER:
        return "promoter"
    return "detractor" if answer <= MOST_DETRACTOR else "passive"


def score(promoters, passives, detractors, confidence=0.95):
    """The score of a number of answers, with an adjusted Wald interval.

    To the counts 3/4, 3/2 and 3/4 are added before the interval of the difference of
    two shares of one sample is taken: of the simple intervals the one that keeps its
    level for few answers (B. Rocks, *Interval Estimation for the "Net Promoter Score"*,
    The American Statistician 70(4), 2016). The score itself is that of the answers.

    :param int promoters: number of answers of 9 and 10
    :param int passives: of 7 and 8
    :param int detractors: of 0 to 6
    :param float confidence: level of the interval, between 0 and 1
    :return: `Score`, or None without answers
    """
    count = promoters + passives + detractors
    if min(promoters, passives, detractors) < 0:
        raise ValueError("Numbers of answers cannot be negative.")
    if not count:
        return None
    total = count + 3
    more, fewer = (promoters + 0.75) / total, (detractors + 0.75) / total
    middle = more - fewer
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    half = z * sqrt((more + fewer - middle**2) / total)
    return Score(
        100 * (promoters - detractors) / count,
        100 * max(-1.0, middle - half),
        100 * min(1.0, middle + half),
        count,
    )
