"""Which share of the patients each method gets.

Equal, weighted, or adaptive: Thompson sampling gives each method the probability that
it is the best one, as far as is known (W. R. Thompson, *On the Likelihood that One
Unknown Probability Exceeds Another*, Biometrika 25, 1933). A patient's keyed hash then
draws among the shares, so that no random number is kept anywhere.
"""

from math import exp, lgamma, log

# Points of the grid over which probabilities are integrated.
GRID = 2000

# Shares are rounded to this: what changes by less does not change.
ROUNDED_TO = 0.01


def probabilities_of_best(results):
    """How probable it is, of each method, that its rate is the highest one.

    Each rate has the Beta distribution that its results leave of a flat prior; the
    integral over all of them is taken on a grid, and not drawn: the same results give
    the same answer, always.

    :param dict results: {method: (successes, count)}; may be fractional
    :return: dict of probabilities between 0 and 1 that add up to 1
    """
    if not results:
        return {}
    densities = {
        name: _density(successes + 1, count - successes + 1)
        for name, (successes, count) in results.items()
    }
    below = {name: _cumulated(density) for name, density in densities.items()}
    best = {}
    for name, density in densities.items():
        others = [below[other] for other in results if other != name]
        total = 0.0
        for point, mass in enumerate(density):
            if mass:
                for other in others:
                    mass *= other[point]
                total += mass
        best[name] = total
    whole = sum(best.values())
    return {name: share / whole for name, share in best.items()}


def _density(alpha, beta):
    """:return: masses of a Beta distribution on the grid, which add up to 1"""
    if min(alpha, beta) < 1:
        raise ValueError("There cannot be more successes than patients.")
    scale = lgamma(alpha + beta) - lgamma(alpha) - lgamma(beta)
    masses = []
    for point in range(GRID):
        rate = (point + 0.5) / GRID
        power = scale + (alpha - 1) * log(rate) + (beta - 1) * log(1 - rate)
        masses.append(exp(power) if power > -700 else 0.0)
    whole = sum(masses)
    return [mass / whole for mass in masses]


def _cumulated(masses):
    """:return: probability of less than each point; of the point itself, half"""
    below, total = [], 0.0
    for mass in masses:
        below.append(total + mass / 2)
        total += mass
    return below


def weighted_shares(weights):
    """:param dict weights: {method: weight}, of which those of 0 get nobody unless all
        are 0
    :return: dict of shares that add up to 1"""
    if any(weight < 0 for weight in weights.values()):
        raise ValueError("A weight cannot be negative.")
    total = sum(weights.values())
    if not total:
        return {name: 1 / len(weights) for name in weights}
    return {name: weight / total for name, weight in weights.items()}


def adaptive_shares(results, floor=0.1):
    """Thompson sampling that never gives up on a method.

    :param dict results: {method: (successes, count)} of closed windows
    :param float floor: the least share of a method, so that each goes on being tried;
        at most an equal share
    :return: dict of shares in steps of `ROUNDED_TO` that add up to 1
    """
    if not 0 <= floor <= 1:
        raise ValueError("The least share must be between 0 and 1.")
    if not results:
        return {}
    floor = min(floor, 1 / len(results))
    free = 1 - floor * len(results)
    best = probabilities_of_best(results)
    return rounded({name: floor + free * share for name, share in best.items()})


def rounded(shares):
    """:return: the shares in steps of `ROUNDED_TO`; what is left over goes to those
    that lost most by it, so that they add up to 1"""
    steps = round(1 / ROUNDED_TO)
    exact = {name: share * steps for name, share in shares.items()}
    whole = {name: int(value + 1e-9) for name, value in exact.items()}
    left = steps - sum(whole.values())
    order = sorted(exact, key=lambda name: whole[name] - exact[name])
    for name in order[:left]:
        whole[name] += 1
    return {name: count / steps for name, count in whole.items()}
