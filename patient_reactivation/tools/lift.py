"""Is one way better than another? Answers that hold however often one looks.

Patients are assigned by chance, each with a known probability. What is compared are
their outcomes, each weighted by the inverse of that probability: then the comparison
stays unbiased when the probabilities change on the way, as adaptive allocation makes
them do.
"""

from math import exp, log, sqrt
from typing import NamedTuple

from .rates import CONFIDENCE, Interval

# Where the sequence is narrowest, in patients of the two groups together. Chosen once
# and for all: it may not follow from the figures.
TUNED_FOR = 1000

# With fewer patients in one of the groups nothing is concluded: the sequence holds
# for many.
FEWEST = 20


class Arm(NamedTuple):
    """Patients of one method, or of the control group, under one allocation."""

    share: float
    count: int
    successes: int


class Comparison(NamedTuple):
    """One way against another.

    `difference` holds at any time, `p_value` likewise: the smallest level at which
    the interval leaves out zero.
    """

    difference: Interval
    p_value: float
    count: int
    other_count: int


def tuning(count=TUNED_FOR):
    """:return: the free parameter that makes the sequence narrow at `count` patients
    and 95 % (appendix B.2 of the source of `compare`)"""
    double = -2 * log(1 - CONFIDENCE)
    return sqrt((double + log(double + 1)) / count)


def radius(count, deviation, confidence=CONFIDENCE, tuned_for=TUNED_FOR):
    """Half the width of the sequence after `count` observations.

    :param float deviation: standard deviation of one observation
    """
    rho2 = tuning(tuned_for) ** 2
    spread = count * rho2 + 1
    return deviation * sqrt(
        2 * spread / (count**2 * rho2) * log(sqrt(spread) / (1 - confidence))
    )


def p_value(count, deviation, difference, tuned_for=TUNED_FOR):
    """:return: the level at which `radius` is the difference, at most 1"""
    if not deviation:
        return 1.0
    rho2 = tuning(tuned_for) ** 2
    spread = count * rho2 + 1
    exponent = (difference / deviation) ** 2 * count**2 * rho2 / (2 * spread)
    return min(1.0, exp(log(spread) / 2 - min(exponent, 700.0)))


def compare(arms, others, confidence=CONFIDENCE):
    """Compare two ways patients were given by chance.

    The estimate weights each patient by the inverse of the chance there was (Hájek).
    The interval is an asymptotic confidence sequence: the truth is inside at all times
    at once with the given confidence, so that looking every day finds no more false
    winners than looking once (I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy,
    A. Ramdas, *Time-uniform central limit theory and asymptotic confidence
    sequences*, Annals of Statistics 52, 2024, theorem 2.2). Its variance counts two
    returns and two absences more (Agresti, Coull 1998), so that a group in which
    nobody, or everybody, returned is no certainty.

    :param list arms: `Arm` of one way, per allocation
    :param list others: `Arm` of the other one, of the same allocations in the same
        order; where one of the two had no chance, the allocation says nothing
    :return: `Comparison`, or None where one of the groups is empty
    """
    pairs = [
        (arm, other)
        for arm, other in zip(arms, others, strict=True)
        if arm.share > 0 and other.share > 0
    ]
    chances = [arm.share / (arm.share + other.share) for arm, other in pairs]
    one = _weighted([arm for arm, _other in pairs], chances)
    two = _weighted([other for _arm, other in pairs], [1 - item for item in chances])
    if one is None or two is None:
        return None
    rate, variance, size = one
    other_rate, other_variance, other_size = two
    count = size + other_size
    deviation = sqrt((variance + other_variance) / count)
    difference = rate - other_rate
    half = radius(count, deviation, confidence)
    return Comparison(
        Interval(difference, max(-1.0, difference - half), min(1.0, difference + half)),
        p_value(count, deviation, difference),
        size,
        other_size,
    )


def _weighted(arms, chances):
    """:return: (rate, sum of the variances of the weighted outcomes, patients)"""
    size = sum(arm.count for arm in arms)
    if not size:
        return None
    weight = sum(arm.count / chance for arm, chance in zip(arms, chances, strict=True))
    total = sum(
        arm.successes / chance for arm, chance in zip(arms, chances, strict=True)
    )
    squares = sum(
        arm.count / chance**2 for arm, chance in zip(arms, chances, strict=True)
    )
    successes = sum(arm.successes for arm in arms)
    # Of the plain counts: weights add nothing to what is unknown about a rate.
    careful = (successes + 2) / (size + 4)
    rate = total / weight
    spread = max(careful * (1 - careful), rate * (1 - rate))
    return rate, squares * spread, size


def weighted_rate(arms):
    """:return: rate of a way, weighted by the inverse of its shares, or None"""
    arms = [arm for arm in arms if arm.share > 0]
    found = _weighted(arms, [arm.share for arm in arms])
    return found and found[0]


def holm(p_values):
    """Adjust for several questions asked at once (S. Holm, *A Simple Sequentially
    Rejective Multiple Test Procedure*, Scandinavian Journal of Statistics 6, 1979).

    :param dict p_values: {question: level}
    :return: dict of the adjusted levels
    """
    adjusted, before = {}, 0.0
    ranked = sorted(p_values.items(), key=lambda item: item[1])
    for rank, (question, level) in enumerate(ranked):
        before = max(before, min(1.0, level * (len(ranked) - rank)))
        adjusted[question] = before
    return adjusted


class Winner(NamedTuple):
    """The way that beats all its rivals, and the level it does so at."""

    name: object
    p_value: float


def strongest(ways, control):
    """The method that comes closest to beating all its rivals.

    Rivals are the other methods, also those nothing is known of yet, and the control
    group. Each of K methods is asked at
    2/K of the level: of the K one-sided answers that can be wrong, one is with at most
    the level (union bound).

    :param dict ways: {method: list of `Arm`}, the same allocations for all
    :param list control: `Arm` of the control group
    :return: `Winner` with the level at which it wins, or None where none is better
        than every rival so far
    """
    best = None
    for name, arms in ways.items():
        rivals = [other for key, other in ways.items() if key != name]
        if any(arm.share > 0 for arm in control):
            rivals.append(control)
        if not rivals:
            continue
        level = min(1.0, _beats_all(arms, rivals) * max(1.0, len(ways) / 2))
        if level < 1 and (best is None or level < best.p_value):
            best = Winner(name, level)
    return best


def winner(ways, control, confidence=CONFIDENCE):
    """:return: the `strongest` if its interval lies above those of all its rivals, or
    None"""
    best = strongest(ways, control)
    return best if best and best.p_value <= 1 - confidence else None


def _beats_all(arms, rivals):
    """:return: the highest level of `_beats`; the first rival that is not beaten is
    enough to know it"""
    highest = 0.0
    for other in rivals:
        highest = max(highest, _beats(arms, other))
        if highest >= 1:
            break
    return highest


def _beats(arms, others):
    """:return: level at which the first way is better; 1 if it is not, or unknown"""
    found = compare(arms, others)
    if found is None or min(found.count, found.other_count) < FEWEST:
        return 1.0
    return found.p_value if found.difference.value > 0 else 1.0
