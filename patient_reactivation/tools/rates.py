"""Rates of patients with their intervals, and how many patients a comparison needs.

Plain functions of counts; a rate is a share between 0 and 1.
"""

from math import ceil, sqrt
from statistics import NormalDist
from typing import NamedTuple

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """An estimate between its two ends."""

    value: float
    low: float
    high: float

    def excludes(self, number):
        """:return: bool: the number is outside of the ends"""
        return number < self.low or number > self.high


def _checked(successes, count):
    if count < 0 or not 0 <= successes <= count:
        raise ValueError(f"{successes} of {count} is no rate.")


def normal_quantile(confidence=CONFIDENCE):
    """:return: two-sided quantile of the normal distribution, 1.96 for 95 %"""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(successes, count, confidence=CONFIDENCE):
    """The rate of one group with its score interval (E. B. Wilson, *Probable Inference,
    the Law of Succession, and Statistical Inference*, JASA 22, 1927).

    It never leaves 0 to 1 and keeps its level for a handful of patients, where the
    textbook interval is a single point.

    :param int successes: number of patients it happened to
    :param int count: number of patients
    :return: `Interval`, or None without patients
    """
    _checked(successes, count)
    if not count:
        return None
    rate = successes / count
    z2 = normal_quantile(confidence) ** 2
    middle = successes + z2 / 2
    half = sqrt(z2) * sqrt(successes * (1 - rate) + z2 / 4)
    low = 0.0 if not successes else (middle - half) / (count + z2)
    high = 1.0 if successes == count else (middle + half) / (count + z2)
    return Interval(rate, low, high)


def newcombe(successes, count, other_successes, other_count, confidence=CONFIDENCE):
    """The difference of two rates with the interval made of their Wilson intervals
    (R. G. Newcombe, *Interval Estimation for the Difference between Independent
    Proportions*, Statistics in Medicine 17, 1998, method 10).

    It holds for one look at the figures. Who looks every day takes
    `lift.compare`.

    :return: `Interval` of the first rate minus the other one, or None where one of
        the groups is empty
    """
    one = wilson(successes, count, confidence)
    other = wilson(other_successes, other_count, confidence)
    if one is None or other is None:
        return None
    value = one.value - other.value
    return Interval(
        value,
        value - sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2),
        value + sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2),
    )


def sample_size(rate, lift, power=0.8, confidence=CONFIDENCE, ratio=1.0):
    """Patients needed in the smaller effort to find a lift, for one look at the end
    (J. L. Fleiss, B. Levin, M. C. Paik, *Statistical Methods for Rates and
    Proportions*, 3rd edition, 2003, formula 4.14, without continuity correction).

    :param float rate: share of the patients who come back by themselves, 0 to 1
    :param float lift: by how much a method raises it, 0.05 for five points
    :param float ratio: patients of the control group for each patient of the method
    :return: (patients of the method, patients of the control group)
    :raise ValueError: the rates are not between 0 and 1, or there is no lift
    """
    raised = rate + lift
    if not (0 <= rate <= 1 and 0 <= raised <= 1) or not lift:
        raise ValueError("Both rates must be between 0 and 1, and differ.")
    if ratio <= 0 or not 0 < power < 1:
        raise ValueError("The ratio must be positive, the power between 0 and 1.")
    z = normal_quantile(confidence)
    z_power = NormalDist().inv_cdf(power)
    mean = (raised + ratio * rate) / (1 + ratio)
    top = z * sqrt((1 + ratio) * mean * (1 - mean)) + z_power * sqrt(
        ratio * raised * (1 - raised) + rate * (1 - rate)
    )
    count = top**2 / (ratio * lift**2)
    return ceil(count - 1e-9), ceil(count * ratio - 1e-9)
