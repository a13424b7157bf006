"""Is one way better than another? Answers that hold however often one looks.

Patients are assigned by chance, each with a known probability. What is compared are
their outcomes, each weighted by the inverse of that probability: then the comparison
stays unbiased when the probabilities change on the way, as adaptive allocation makes
them do.
"""

from math import exp, log, sqrt
from statistics import NormalDist
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


def needed(rate, gain, power=0.8, confidence=CONFIDENCE):
    """Patients per group until `compare` finds a lift, of two groups of one size.

    More than `rates.sample_size`, which is for one look at the end: this is what
    looking every day costs.

    :param float rate: share of the other group, 0 to 1
    :param float gain: by how much the one is better, 0.1 for ten points
    :param float power: how probably it has been found by then
    :return: int
    :raise ValueError: the rates are not between 0 and 1, or there is no lift
    """
    raised = rate + gain
    if not (0 <= rate <= 1 and 0 <= raised <= 1) or not gain:
        raise ValueError("Both rates must be between 0 and 1, and differ.")
    z = NormalDist().inv_cdf(power)

    def is_enough(size):
        count = 2 * size
        # Each weighted by the inverse of one half, over twice as many observations.
        deviation = sqrt(2 * (_spread(rate, size) + _spread(raised, size)))
        margin = abs(gain) - z * deviation / sqrt(count)
        return radius(count, deviation, confidence) <= margin

    high = FEWEST
    while not is_enough(high):
        high *= 2
    low = high // 2 if high > FEWEST else 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return max(high, FEWEST)


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
    found = _difference(arms, others)
    return found and _concluded([found], confidence)


def stratified(strata, confidence=CONFIDENCE, least=1):
    """Compare two ways over several groups of patients at once, in the same mix.

    The difference is that of `compare` within each group, weighted by the group's
    patients: d = Σ n(g) · d(g) ÷ Σ n(g), with n(g) the patients of both ways. So no way
    is better for having had the easier patients. The sequence is that of `compare`
    over all patients as they came, the variance the sum of the groups' variances,
    σ² = Σ n(g) · σ²(g) ÷ Σ n(g).

    :param list strata: pairs of the lists that `compare` takes, one per group
    :param int least: groups with fewer patients of one of the ways are left out
    :return: `Comparison`, or None where no group has both ways
    """
    found = [_difference(arms, others) for arms, others in strata]
    found = [
        item for item in found if item and min(item.size, item.other_size) >= least
    ]
    return _concluded(found, confidence) if found else None


class _Difference(NamedTuple):
    value: float
    variance: float
    size: int
    other_size: int


def _difference(arms, others):
    """:return: `_Difference` of the weighted rates, its variance summed over the
    patients, or None where one of the groups is empty"""
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
    return _Difference(one[0] - two[0], one[1] + two[1], one[2], two[2])


def _concluded(found, confidence):
    """:return: `Comparison` over all groups, each weighted by its patients"""
    size = sum(item.size for item in found)
    other_size = sum(item.other_size for item in found)
    count = size + other_size
    value = sum((item.size + item.other_size) * item.value for item in found) / count
    deviation = sqrt(sum(item.variance for item in found) / count)
    half = radius(count, deviation, confidence)
    return Comparison(
        Interval(value, max(-1.0, value - half), min(1.0, value + half)),
        p_value(count, deviation, value),
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
    rate = total / weight
    # Of the plain counts: weights add nothing to what is unknown about a rate.
    spread = max(_spread(successes / size, size), rate * (1 - rate))
    return rate, squares * spread, size


def _spread(rate, size):
    """:return: variance of one outcome, of two returns and two absences more than
    there were"""
    careful = (rate * size + 2) / (size + 4)
    return max(careful * (1 - careful), rate * (1 - rate))


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
