"""The long simulations of the statistics: `make simulate`, RUNS=2000 SEED=1.

Each clinic is looked at on every single day. The simulations run beside each other on
all cores.
"""

import concurrent.futures
import json
import os
import sys
import time

import statistics_simulation as simulation

METHODS, RATES = (4, 2, 1), (0.03, 0.1, 0.3)
PAIRS = ((0.05, 0.08), (0.1, 0.18), (0.3, 0.3))


def main():
    runs = int(os.environ.get("RUNS") or 2000)
    seed = int(os.environ.get("SEED") or 1)
    began = time.monotonic()
    with concurrent.futures.ProcessPoolExecutor() as pool:
        adapted = pool.submit(simulation.adaptive, max(200, runs // 4), seed=seed)
        # The longest first.
        false = {
            (methods, rate): pool.submit(
                simulation.false_winners, runs, rate, methods, seed=seed
            )
            for methods in METHODS
            for rate in RATES
        }
        inside = {
            rates: pool.submit(simulation.coverage, runs, rates, seed=seed)
            for rates in PAIRS
        }
        for (methods, rate), found in false.items():
            say(
                f"A/A, {methods} methods, {rate:.0%} return by themselves: "
                f"{found.result():.2%} false winners"
            )
        for rates, found in inside.items():
            say(
                f"Interval of {rates[0]:.0%} and {rates[1]:.0%}: "
                f"{found.result():.2%} inside"
            )
        best, bias, plain = adapted.result()
    say(f"Adaptive: {best:.1%} of the last patients get the best method")
    say(f"Lift: {bias:+.4f} off, weighted; {plain:+.4f} if it were not")
    say(f"{time.monotonic() - began:.0f} seconds")
    figures = {
        "runs": runs,
        "aa_false_positive": max(found.result() for found in false.values()),
        "coverage": min(found.result() for found in inside.values()),
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
