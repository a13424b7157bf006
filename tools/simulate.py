"""The long simulations of the statistics: `make simulate`, RUNS=2000 SEED=1."""

import json
import os
import sys
import time

import statistics_simulation as simulation


def main():
    runs = int(os.environ.get("RUNS") or 2000)
    seed = int(os.environ.get("SEED") or 1)
    began = time.monotonic()
    false = {}
    for methods in (1, 2, 4):
        for rate in (0.03, 0.1, 0.3):
            false[methods, rate] = simulation.false_winners(
                runs, rate, methods, seed=seed
            )
            say(
                f"A/A, {methods} methods, {rate:.0%} return by themselves: "
                f"{false[methods, rate]:.2%} false winners"
            )
    inside = {}
    for rates in ((0.05, 0.08), (0.1, 0.18), (0.3, 0.3)):
        inside[rates] = simulation.coverage(runs, rates, seed=seed)
        say(
            f"Interval of {rates[0]:.0%} and {rates[1]:.0%}: {inside[rates]:.2%} inside"
        )
    best, bias, plain = simulation.adaptive(max(200, runs // 4), seed=seed)
    say(f"Adaptive: {best:.1%} of the last patients get the best method")
    say(f"Lift: {bias:+.4f} off, weighted; {plain:+.4f} if it were not")
    say(f"{time.monotonic() - began:.0f} seconds")
    figures = {
        "runs": runs,
        "aa_false_positive": max(false.values()),
        "coverage": min(inside.values()),
        "adaptive_best_share": round(best, 4),
        "lift_bias": round(bias, 4),
    }
    print("SIMULATE", json.dumps(figures))
    kept = (
        figures["aa_false_positive"] <= 0.05
        and figures["coverage"] >= 0.95
        and abs(bias) < 0.01
    )
    return 0 if kept else 1


def say(text):
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
