"""Measure what must be fast: one line `BENCH {json}` per figure.

SIZE=patients (each with ten visits) and ONLY=name choose. Both sides of a ratio are
measured in this one process, by turns, and the best of their repetitions is taken.
"""

import argparse
import contextlib
import datetime
import json
import os
import time

import bench_audience
import bench_coupons
import bench_data
import bench_delivery
import bench_outcomes
import bench_refresh
import bench_reports
import bench_survey
import bench_worklist
import odoo_env
from workspace import SetupError, run_main, say

SIZE = 20_000
TURNS = 3

# In this order: each leaves what the next one starts from.
FIGURES = {
    "refresh_first": bench_refresh.measure_first,
    "refresh_full": bench_refresh.measure_full,
    "refresh_incremental": bench_refresh.measure_incremental,
    "audience_preview": bench_audience.measure_audience_preview,
    "enroll": bench_delivery.measure_enroll,
    "deliver_mail": bench_delivery.measure_deliver_mail,
    "memory": bench_delivery.measure_memory,
    "tick": bench_delivery.measure_tick,
    "issue_coupons": bench_coupons.measure_issue_coupons,
    "survey_invite": bench_survey.measure_survey_invite,
    "worklist": bench_worklist.measure_worklist,
    "outcomes_refresh": bench_outcomes.measure_outcomes_refresh,
    "outcomes_running": bench_outcomes.measure_outcomes_running,
    "reports": bench_reports.measure_reports,
}


class Bench:
    """A database to measure in, and the clock."""

    def __init__(self, database, size):
        self.database = database
        self.size = size
        self.registry = None
        today = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        self.now = today.replace(hour=12, minute=0, second=0, microsecond=0)

    def connect(self):
        """Load Odoo's registry of the database."""
        odoo_env.configure_odoo(self.database, "--log-level=warn")
        from odoo.modules.registry import Registry

        self.registry = Registry(self.database)

    @contextlib.contextmanager
    def environment(self):
        """A transaction as the superuser, committed at the end."""
        from odoo import SUPERUSER_ID, api

        with self.registry.cursor() as cursor:
            yield api.Environment(cursor, SUPERUSER_ID, {})

    def sql(self, *statements):
        """Run statements, each for itself."""
        with odoo_env.server_cursor(self.database) as cursor:
            for statement in statements:
                cursor.execute(statement)

    def vacuum(self, *tables):
        """Tidy up before a measurement and not in the middle of it."""
        self.sql(*(f"VACUUM ANALYZE {table}" for table in tables))

    def race(self, *sides, prepare=None, turns=TURNS):
        """Run all sides by turns; return the best seconds of each.

        Each gets a transaction of its own, whose commit counts.
        """
        best = [float("inf")] * len(sides)
        for turn in range(turns):
            if prepare:
                prepare(turn)
            for number, run in enumerate(sides):
                with self.environment() as env:
                    start = time.perf_counter()
                    run(env)
                    env.cr.commit()
                    seconds = time.perf_counter() - start
                best[number] = min(best[number], seconds)
        return best

    @staticmethod
    def clock(env):
        """The moment a transaction of the runner would take for now (UTC)."""
        env.cr.execute("SELECT now() AT TIME ZONE 'UTC'")
        return env.cr.fetchone()[0]

    def figure(self, name, seconds, baseline=None, **more):
        """Print a figure as a line for programs to read."""
        found = {"name": name, "size": self.size, "seconds": round(seconds, 4)}
        if baseline is not None:
            found["baseline_seconds"] = round(baseline, 4)
            found["ratio"] = round(seconds / baseline, 3)
        say(f"BENCH {json.dumps(found | more)}")


def main():
    """Make the clinic, measure, and take it away again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", help="work in this database and keep it")
    arguments = parser.parse_args()
    size = int(os.environ.get("SIZE") or SIZE)
    only = os.environ.get("ONLY")
    if only and only not in FIGURES:
        raise SetupError(f"no figure is called {only}", f"choose of {list(FIGURES)}")
    odoo_env.ensure_pg()
    bench = Bench(arguments.keep or f"clinic_bench_{os.getpid()}", size)
    try:
        if bench.database not in odoo_env.databases(bench.database):
            bench_data.create(bench.database, size, bench.now)
        bench.connect()
        for name, measure in FIGURES.items():
            if only in (None, "", name):
                say(f"{name}: {' '.join(measure.__doc__.split())}")
                measure(bench)
    finally:
        if not arguments.keep:
            odoo_env.drop_db(bench.database)


if __name__ == "__main__":
    run_main(main)
