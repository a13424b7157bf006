"""What a test run of Odoo addons needs beyond pytest-odoo.

* A browser test that is skipped has failed: without a browser Odoo skips in silence.
* Tests side by side have files of their own.
* A logged error fails the test during which it appears, as Odoo's own runner has it.
* The counts of a run go into the file CLINIC_COUNTS names.
"""

import contextlib
import json
import logging
import os
import shutil
from pathlib import Path

import pytest


class ErrorLog(logging.Handler):
    """Collects error records of every thread until they are taken."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.lines = []

    def emit(self, record):
        """Keep a record as text; formatting includes its traceback."""
        self.lines.append(self.format(record))

    def take(self):
        """The lines since the last call."""
        lines, self.lines = self.lines, []
        return lines


ERRORS = ErrorLog()


def is_browser_test(item):
    """Is this a test of Odoo's HttpCase?"""
    try:
        from odoo.tests.common import HttpCase
    except ImportError:
        return False
    return isinstance(item.cls, type) and issubclass(item.cls, HttpCase)


def pytest_configure(config):
    """Listen to all loggers; muted ones and assertLogs never reach the root."""
    ERRORS.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(ERRORS)
    if odoo_plugin := config.pluginmanager.get_plugin("odoo"):
        odoo_plugin._shared_filestore = own_filestore


@contextlib.contextmanager
def own_filestore(original, name):
    """Files of its own for each of the tests' processes: Odoo removes files that no
    attachment of its database names, and would remove those of the others."""
    if original == name:
        yield
        return
    import odoo_env

    files = odoo_env.copy_files(original, name)
    try:
        yield
    finally:
        shutil.rmtree(files, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Turn skipped browser tests and logged errors into failures."""
    outcome = yield
    report = outcome.get_result()
    logged = ERRORS.take()
    if report.skipped and not hasattr(report, "wasxfail") and is_browser_test(item):
        reason = report.longrepr[2] if report.longrepr else "no reason"
        report.outcome = "failed"
        report.longrepr = f"A browser test must not be skipped: {reason}"
    elif report.passed and logged:
        report.outcome = "failed"
        report.longrepr = "Errors were logged:\n" + "\n".join(logged)


def pytest_sessionfinish(session):
    """Write the counts, for a total over several runs (not in a worker)."""
    path = os.environ.get("CLINIC_COUNTS")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not path or not reporter or hasattr(session.config, "workerinput"):
        return
    names = ("passed", "failed", "error", "skipped")
    counts = {name: len(reporter.stats.get(name, ())) for name in names}
    Path(path).write_text(json.dumps(counts))
