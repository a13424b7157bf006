"""Were patients given to the methods as planned, and are the groups alike?"""

from math import exp, lgamma, log
from typing import NamedTuple

# An alarm of the plan not being kept is wrong once in a hundred experiments at most.
LEVEL = 0.01

# How many patients' worth the plan is believed in before the first one.
BELIEF = 100


def mismatch(planned, counts):
    """Did the shares drift from what was planned (sample-ratio mismatch)?

    Asked as often as one likes: a test by betting on any other shares than the planned
    ones (M. Lindon, A. Malek, *Anytime-Valid Inference for Multinomial Count Data*,
    NeurIPS 2022).

    :param dict planned: {group: share}, of which those of 0 get nobody
    :param dict counts: {group: number of patients}
    :return: float: level at which the plan would be rejected, 1 for no doubt
    """
    total = sum(planned.values())
    if total <= 0 or any(share < 0 for share in planned.values()):
        raise ValueError("Shares must be positive.")
    if any(counts.get(name) for name in counts if not planned.get(name)):
        return 0.0
    bet, count = 0.0, 0
    for name, share in planned.items():
        if share:
            number = counts.get(name, 0)
            prior = BELIEF * share / total
            bet += lgamma(prior + number) - lgamma(prior)
            bet -= number * log(share / total)
            count += number
    bet += lgamma(BELIEF) - lgamma(BELIEF + count)
    return min(1.0, exp(-bet)) if bet > 0 else 1.0


class Mix(NamedTuple):
    """Of one method: its plain rate over everybody, and as it would be if each method
    had the same mix of groups."""

    plain: float
    standardized: float


def standardize(table):
    """Rates over all groups, as they are and with the same mix of groups (direct
    standardization: J. L. Fleiss et al., *Statistical Methods for Rates and
    Proportions*, 2003, chapter 19).

    :param dict table: {(group, method): (successes, count)}
    :return: {method: `Mix`} of the methods that were tried in every group
    """
    groups = {group for group, _method in table}
    methods = {method for _group, method in table}
    sizes = {
        group: sum(table.get((group, method), (0, 0))[1] for method in methods)
        for group in groups
    }
    groups = {group for group in groups if sizes[group]}
    everybody = sum(sizes.values())
    mixes = {}
    for method in methods:
        cells = {group: table.get((group, method), (0, 0)) for group in groups}
        if not cells or not all(count for _successes, count in cells.values()):
            continue
        successes = sum(found for found, _count in cells.values())
        count = sum(count for _found, count in cells.values())
        mixes[method] = Mix(
            successes / count,
            sum(
                sizes[group] / everybody * found / count
                for group, (found, count) in cells.items()
            ),
        )
    return mixes


def misleading(mixes):
    """:param dict mixes: of `standardize`
    :return: list of (better, other): pairs of which the plain rates say the opposite of
        what holds in the same mix (E. H. Simpson, *The Interpretation of Interaction in
        Contingency Tables*, JRSS B 13, 1951)"""
    return [
        (better, other)
        for better, mix in mixes.items()
        for other, rival in mixes.items()
        if mix.standardized > rival.standardized and mix.plain < rival.plain
    ]
