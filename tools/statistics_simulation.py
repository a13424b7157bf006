"""Clinics that only exist as probabilities: do the statistics of the addon keep what
they promise? `make simulate` runs thousands of them, `make test` a few hundred.

Only the plain functions of `patient_reactivation/tools` are asked, as the addon asks
them: every day, of the patients whose windows are over.
"""

import random
from itertools import accumulate

from reactivation_tools import allocation, lift

CONTROL = "control"


class Clinic:
    """Patients come in by the day, are given a method, and return or do not.

    :param dict rates: {method or control: probability of a return}
    :param float control: share of the control group
    :param season: function of the day: what the probabilities are multiplied with
    """

    def __init__(self, seed, rates, control=0.2, season=None):
        self.random = random.Random(seed)
        self.rates = rates
        self.control = control
        self.season = season or (lambda day: 1.0)
        self.methods = [name for name in rates if name != CONTROL]
        # Per allocation: {method: [share, patients, returned]}, of closed windows.
        self.closed = []
        self.waiting = []
        self.patients = dict.fromkeys(self.methods, 0)

    def plan(self, shares):
        """Patients of the days from now on are given the methods like this."""
        planned = {CONTROL: self.control} if self.control else {}
        for name, share in shares.items():
            planned[name] = share * (1 - self.control)
        self.closed.append({name: [share, 0, 0] for name, share in planned.items()})

    def day(self, number, patients, window):
        """A day: patients are enrolled, and windows of earlier ones close."""
        planned = self.closed[-1]
        names = list(planned)
        limits = list(accumulate(cell[0] for cell in planned.values()))
        season = self.season(number)
        for _patient in range(patients):
            (name,) = self.random.choices(names, cum_weights=limits)
            back = self.random.random() < self.rates[name] * season
            self.waiting.append((number + window, len(self.closed) - 1, name, back))
            if name != CONTROL:
                self.patients[name] += 1
        while self.waiting and self.waiting[0][0] <= number:
            _closes, plan, name, back = self.waiting.pop(0)
            cell = self.closed[plan][name]
            cell[1] += 1
            cell[2] += back

    def arms(self, name):
        """:return: list of `lift.Arm` of a method, per allocation"""
        return [lift.Arm(*plan.get(name, (0.0, 0, 0))) for plan in self.closed]

    def results(self):
        """:return: {method: (returned, patients)} of the closed windows"""
        found = {}
        for name in self.methods:
            arms = self.arms(name)
            found[name] = (
                sum(arm.successes for arm in arms),
                sum(arm.count for arm in arms),
            )
        return found

    def winner(self):
        ways = {name: self.arms(name) for name in self.methods}
        return lift.winner(ways, self.arms(CONTROL))


def false_winners(runs, rate=0.1, methods=2, days=300, patients=6, seed=1):
    """A/A: methods that do nothing, looked at every day.

    :return: share of the clinics in which ever a winner was named
    """
    false = 0
    for run in range(runs):
        names = [f"method {number}" for number in range(methods)]
        clinic = Clinic(seed * 1_000_003 + run, dict.fromkeys((CONTROL, *names), rate))
        clinic.plan(dict.fromkeys(names, 1 / methods))
        for day in range(days):
            clinic.day(day, patients, 0)
            if clinic.winner():
                false += 1
                break
    return false / runs


def coverage(runs, rates=(0.1, 0.18), days=300, patients=6, seed=2):
    """One method against the control group, looked at every day.

    :return: share of the clinics in which the true lift was inside of the interval
        on every single day
    """
    base, raised = rates
    inside = 0
    for run in range(runs):
        clinic = Clinic(
            seed * 1_000_003 + run, {CONTROL: base, "letter": raised}, control=0.3
        )
        clinic.plan({"letter": 1.0})
        for day in range(days):
            clinic.day(day, patients, 0)
            found = lift.compare(clinic.arms("letter"), clinic.arms(CONTROL))
            if (
                found
                and min(found.count, found.other_count) >= lift.FEWEST
                and found.difference.excludes(raised - base)
            ):
                break
        else:
            inside += 1
    return inside / runs


def adaptive(runs, days=420, patients=5, window=90, seed=3):
    """Thompson sampling by the month, on windows of 90 days, through good and bad
    seasons: the share of the patients who got the truly best method at the end, and
    how far the estimated lift is off on average.

    :return: (share of the last month's patients with the best method, mean of the
        estimated minus the true lift, mean of the plain rates' error)
    """
    rates = {CONTROL: 0.1, "mail": 0.12, "letter": 0.16, "call": 0.28}
    best_share, errors, plain = 0.0, [], []
    for run in range(runs):
        # Rates fall to a half, and come up again, twice in the time.
        clinic = Clinic(
            seed * 1_000_003 + run, rates, season=lambda day: 1 - (day % 210) / 420
        )
        season = [clinic.season(day) for day in range(days - window)]
        true = (rates["call"] - rates[CONTROL]) * sum(season) / len(season)
        for day in range(days):
            if day % 30 == 0:
                shares = allocation.adaptive_shares(clinic.results())
                clinic.plan(shares)
            clinic.day(day, patients, window)
        best_share += shares["call"]
        found = lift.compare(clinic.arms("call"), clinic.arms(CONTROL))
        errors.append(found.difference.value - true)
        returned, count = clinic.results()["call"]
        control = clinic.arms(CONTROL)
        plain.append(
            returned / count
            - sum(arm.successes for arm in control) / sum(arm.count for arm in control)
            - true
        )
    return best_share / runs, sum(errors) / runs, sum(plain) / runs
