"""Run all tests: those of the addons in Odoo, then the black-box ones.

The addons that need only what they name themselves are tested without anything else;
those that join them with other apps of Odoo in a database of their own, afterwards.

Arguments go to pytest; paths choose the suite: `-k name`, `tests/test_setup.py`,
`patient_reactivation/tests/test_lapse.py::TestLapse`.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import odoo_env
from workspace import PYTHON, ROOT, STATE, SetupError, log_path, run_main, say

DATABASE = "clinic_test_"
NO_TESTS = 5
# Killed browsers leave files behind; this folder goes when the run ends.
TEMPORARY = STATE / "tmp" / str(os.getpid())


def split_arguments(arguments):
    """Separate paths from options."""
    paths = [text for text in arguments if (ROOT / text.split("::")[0]).exists()]
    return paths, [text for text in arguments if text not in paths]


def run_suite(name, options, paths):
    """One pytest process; returns its exit code and counts."""
    counts = STATE / f"counts-{name}.json"
    counts.unlink(missing_ok=True)
    command = [PYTHON, "-m", "pytest", "-p", "pytest_clinic", *options, *paths]
    command += ["-o", f"cache_dir={STATE / 'pytest'}"]
    env = odoo_env.environ() | {
        "CLINIC_COUNTS": str(counts),
        "PYTHONPATH": str(ROOT / "tools"),
        "TMPDIR": str(TEMPORARY),
    }
    say(f"-- {name}: pytest {shlex.join(map(str, [*options, *paths]))}")
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env=env,
        check=False,
    )
    found = json.loads(counts.read_text()) if counts.exists() else {}
    return done.returncode, found


def run_addons(options, paths):
    """The tests of the addons that stand alone, on a clone of their template."""
    return run_in_odoo("addons", options, paths or odoo_env.own_addons())


def run_glue(options, paths):
    """The tests of the addons that join ours with other apps, with those installed."""
    paths = paths or odoo_env.glue_addons()
    return run_in_odoo("glue", options, paths) if paths else (0, {})


def run_in_odoo(name, options, paths):
    """One suite of Odoo tests on a database of its own."""
    drop_leftovers()
    database = odoo_env.create_db_from_template(
        f"{DATABASE}{os.getpid()}", glue=name == "glue"
    )
    odoo = [
        f"--odoo-database={database}",
        f"--odoo-config={odoo_env.write_config()}",
        "--odoo-http",
        "--odoo-log-level=warn",
        f"--odoo-extra=logfile={log_path('tests')}",
    ]
    jobs = int(os.environ.get("JOBS") or 1)
    if jobs > 1:
        odoo += ["-n", str(jobs), "--dist=loadscope"]
    try:
        return run_suite(name, [*odoo, *options], paths)
    finally:
        for left in odoo_env.databases(database):
            odoo_env.drop_db(left)


def drop_leftovers():
    """Remove the databases of runs that were killed."""
    for name in odoo_env.databases(DATABASE):
        pid = name[len(DATABASE) :].split("-")[0]
        if not Path(f"/proc/{pid}").exists():
            odoo_env.drop_db(name)


def run_black_box(options, paths):
    """The tests that see the project from outside."""
    return run_suite("black-box", ["-p", "no:odoo", *options], paths or ["tests"])


def suite_of(path):
    """The suite that the tests of a path belong to."""
    path = Path(path)
    folder = path.relative_to(ROOT).parts[0] if path.is_absolute() else path.parts[0]
    if folder == "tests":
        return run_black_box
    return run_glue if folder in odoo_env.glue_addons() else run_addons


def main():
    """Run all suites (or those the paths name) and add up their counts."""
    paths, options = split_arguments(sys.argv[1:])
    chosen = {run_addons: [], run_glue: [], run_black_box: []}
    for path in paths:
        chosen[suite_of(path)].append(path)
    odoo_env.ensure_pg()
    TEMPORARY.mkdir(parents=True)
    results = []
    try:
        for suite, inside in chosen.items():
            if inside or not paths:
                results.append(suite(options, inside))
    finally:
        shutil.rmtree(TEMPORARY, ignore_errors=True)
    return conclude(results)


def conclude(results):
    """Print the total; choosing tests may leave a suite without any, never all."""
    total = {"passed": 0, "failed": 0, "error": 0, "skipped": 0}
    for _code, counts in results:
        for key, value in counts.items():
            total[key] += value
    codes = [code for code, _counts in results if code not in (0, NO_TESTS)]
    if not codes and not total["passed"]:
        raise SetupError("no test ran", "look at the names given in ARGS")
    failed = total["failed"] + total["error"]
    line = f"{total['passed']} passed, {failed} failed, {total['skipped']} skipped"
    say(line)
    return 1 if codes or failed else 0


if __name__ == "__main__":
    run_main(main)
