"""The plain functions of the addon beside SciPy and statsmodels, and short simulations
of what they promise (`make simulate` runs the long ones)."""

import random

import numpy
import pytest
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
)

import statistics_simulation as simulation
from reactivation_tools import allocation, drift, lift, rates, survival

COUNTS = [(0, 7), (1, 1), (3, 10), (7, 9), (40, 400), (399, 400), (1200, 20_000)]


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize(("successes", "count"), COUNTS)
def test_wilson(successes, count, confidence):
    found = rates.wilson(successes, count, confidence)
    expected = proportion_confint(successes, count, 1 - confidence, method="wilson")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("one", COUNTS)
@pytest.mark.parametrize("other", COUNTS)
def test_newcombe(one, other):
    found = rates.newcombe(*one, *other)
    expected = confint_proportions_2indep(
        *one, *other, method="newcomb", compare="diff"
    )
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)


def test_sample_size_has_the_power():
    """Of experiments of that size so many find the lift as was asked for."""
    draw = numpy.random.default_rng(4)
    for rate, gain, ratio in ((0.1, 0.05, 1.0), (0.05, 0.1, 0.5), (0.3, -0.1, 1.0)):
        count, controls = rates.sample_size(rate, gain, ratio=ratio)
        one = draw.binomial(count, rate + gain, 20_000) / count
        other = draw.binomial(controls, rate, 20_000) / controls
        mean = (one * count + other * controls) / (count + controls)
        error = numpy.sqrt(mean * (1 - mean) * (1 / count + 1 / controls))
        power = numpy.mean(numpy.abs(one - other) > stats.norm.ppf(0.975) * error)
        # Of two hundred patients the pooled error is a little too careful.
        assert power == pytest.approx(0.8, abs=0.015 if count > 400 else 0.025)
    # Cohen's approximation by the arcsine is close to it.
    effect = 2 * (numpy.arcsin(0.15**0.5) - numpy.arcsin(0.1**0.5))
    cohen = NormalIndPower().solve_power(effect, power=0.8, alpha=0.05)
    assert rates.sample_size(0.1, 0.05)[0] == pytest.approx(cohen, rel=0.01)


def test_holm():
    draw = random.Random(2)
    for size in (1, 2, 5, 20):
        levels = [draw.random() ** 3 for _number in range(size)]
        expected = multipletests(levels, method="holm")[1]
        found = lift.holm(dict(enumerate(levels)))
        assert [found[key] for key in range(size)] == pytest.approx(list(expected))


def test_probability_of_best():
    """Beside a million draws, and SciPy's integral of two."""
    draw = numpy.random.default_rng(9)
    results = {"a": (3, 40), "b": (6, 50), "c": (0, 10), "d": (30, 310)}
    samples = numpy.array(
        [draw.beta(s + 1, n - s + 1, 1_000_000) for s, n in results.values()]
    )
    shares = numpy.bincount(samples.argmax(0), minlength=4) / 1_000_000
    found = allocation.probabilities_of_best(results)
    assert list(found.values()) == pytest.approx(list(shares), abs=0.003)
    grid = numpy.linspace(0, 1, 200_001)
    one, two = stats.beta(4, 38), stats.beta(7, 45)
    exact = numpy.trapezoid(two.pdf(grid) * one.cdf(grid), grid)
    found = allocation.probabilities_of_best({"a": (3, 40), "b": (6, 50)})
    assert found["b"] == pytest.approx(exact, abs=1e-4)


def test_kaplan_meier():
    draw = numpy.random.default_rng(6)
    weeks = draw.integers(0, 30, 400)
    status = draw.random(400) < 0.4
    events, followed = {}, {}
    for week, back in zip(weeks.tolist(), status.tolist(), strict=True):
        kind = events if back else followed
        kind[week] = kind.get(week, 0) + 1
    expected = SurvfuncRight(weeks, status.astype(int))
    points = survival.returned_by_week(events, followed)
    assert [point.week for point in points] == expected.surv_times.tolist()
    assert [1 - point.share for point in points] == pytest.approx(
        expected.surv_prob.tolist()
    )
    assert [point.at_risk for point in points] == expected.n_risk.tolist()
    z = stats.norm.ppf(0.975)
    for point, error in zip(points[:-1], expected.surv_prob_se, strict=False):
        away = 1 - point.share
        spread = z * error / (away * numpy.log(away))
        ends = sorted((away ** numpy.exp(spread), away ** numpy.exp(-spread)))
        assert (1 - point.high, 1 - point.low) == pytest.approx(ends)


def test_mismatch():
    """The bet is the ratio of two probabilities of the counts."""
    planned = {"control": 0.2, "a": 0.5, "b": 0.3}
    counts = {"control": 31, "a": 40, "b": 55}
    belief = [drift.BELIEF * share for share in planned.values()]
    under_bet = stats.dirichlet_multinomial.logpmf(list(counts.values()), belief, 126)
    under_plan = stats.multinomial.logpmf(
        list(counts.values()), 126, list(planned.values())
    )
    assert drift.mismatch(planned, counts) == pytest.approx(
        numpy.exp(under_plan - under_bet)
    )


def test_weighted_variance():
    """The interval's variance is that of the estimate over many experiments."""
    draw = numpy.random.default_rng(8)
    plans = [(0.8, 300, 0.3), (0.5, 300, 0.2), (0.2, 300, 0.1)]
    estimates, deviations = [], []
    for _turn in range(3000):
        one, other = [], []
        for share, size, rate in plans:
            count = draw.binomial(size, share)
            one.append(lift.Arm(share, count, draw.binomial(count, rate)))
            rest = size - count
            other.append(lift.Arm(1 - share, rest, draw.binomial(rest, rate)))
        found = lift.compare(one, other)
        estimates.append(found.difference.value)
        half = found.difference.high - found.difference.value
        deviations.append(half / lift.radius(900, 1.0) / 900**0.5)
    assert numpy.mean(estimates) == pytest.approx(0, abs=0.003)
    # A little above: the rates of three seasons vary less than one of their mean.
    assert 0.97 < numpy.mean(deviations) / numpy.std(estimates) < 1.15


# ---------------------------------------------------------------- simulations


@pytest.mark.parametrize(("methods", "rate"), [(1, 0.1), (2, 0.1), (3, 0.03)])
def test_looking_daily_finds_no_false_winner(methods, rate):
    assert simulation.false_winners(200, rate, methods, days=150) <= 0.05


def test_interval_holds_at_all_times():
    assert simulation.coverage(200, days=150) >= 0.95


def test_better_method_is_found_and_not_flattered():
    best, bias, plain = simulation.adaptive(60)
    assert best > 0.6
    assert abs(bias) < 0.012
    assert abs(bias) < abs(plain) + 0.005
