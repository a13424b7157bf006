"""A clinic to look at: generated patients, a campaign that ran, results, the client.

The clinic is made once per day, parameters and sources. PATIENTS, SEED and DAYS (of
the campaign) choose another one, FRESH=1 makes it anew, PORT is the web client's, and
SERVE=0 ends after printing. TRIAL is the number of patients of a third clinic, of which
it is known what each method does: the last table says whether the product found it out;
TRIAL=0 leaves it away.
"""

import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time

import odoo_env
from clinic_demo.people import CAMPAIGN_DAYS, SMALLEST, make_clinic
from workspace import (
    PYTHON,
    ROOT,
    STATE,
    SetupError,
    digest,
    is_stamped,
    last_lines,
    lock,
    log_path,
    progress,
    require_port,
    run_main,
    say,
    stamp,
)

DATABASE = os.environ.get("DEMO_DATABASE") or "clinic_demo"
FOLDER = STATE / DATABASE.removeprefix("clinic_")
MAILS = FOLDER / "mails"
STEP = f"demo-{DATABASE}"
START_OF_SERVER = 90
# Both windows of the first patients are over after this many days.
FEWEST_DAYS = 280
# Patients of the trial: enough to tell its methods apart.
TRIAL = 1500
# So many days ago the mail server broke off, and one message is uncertain since.
UNCERTAIN_DAYS = 90


def number(name, default, least):
    """A whole number given as an environment variable."""
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or int(text) < least:
        raise SetupError(
            f"{name}={text} is not a number of at least {least}",
            f"for example: make demo {name}={default}",
        )
    return int(text)


def serving():
    """Is the web client wanted?"""
    return os.environ.get("SERVE") != "0"


def build(clinic, base_url):
    """Make the database anew: the clinic, its past, and a campaign up to today."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    odoo_env.create_db_from_template(DATABASE)
    log = configure("demo")
    # Only now: these import Odoo.
    from clinic_demo.campaigns import start_campaigns
    from clinic_demo.mailbox import Listener, Mailbox
    from clinic_demo.office import Clock, Office, environment

    days = (clinic.today - clinic.start).days
    count = len(clinic.companies)
    with Listener(MAILS, PYTHON) as listener, environment(DATABASE) as env:
        office = Office(env, clinic, Mailbox(MAILS), listener.port, base_url)
        with Clock(datetime.combine(clinic.start, clock_time(14))) as clock:
            with progress(
                f"Opening {count} clinics with {len(clinic.patients)} patients"
            ):
                office.open()
            with progress(f"Running the campaigns for {days} days"):
                start_campaigns(office)
                for day in range(days):
                    if days - day == UNCERTAIN_DAYS:
                        office.mailbox.hang_once()
                    office.day(clinic.start + timedelta(days=day), clock)
        # The last day is now, by the real clock.
        office.run_jobs(nightly=True)
    complain(log)


def configure(step):
    """Prepare this process for Odoo, with a log of its own."""
    log = log_path(step)
    log.unlink(missing_ok=True)
    odoo_env.configure_odoo(DATABASE, f"--logfile={log}", "--log-level=warn")
    return log


def measure():
    """The result table and the figures, as they are in the database now."""
    configure("demo-results")
    from clinic_demo import matrix, results
    from clinic_demo.office import environment

    with environment(DATABASE) as env:
        lines = [
            *results.table(env),
            "",
            *results.methods(env),
            *results.reasons(env),
            *results.coupons(env),
            *results.survey(env),
            *matrix.lines(env),
        ]
        return lines, results.figures(env) | matrix.figures(env)


def complain(log):
    """An error in the log of the run is a failure of the run."""
    text = log.read_text(errors="replace") if log.exists() else ""
    if errors := odoo_env.errors_of(text):
        raise SetupError(f"the engine logged errors:\n{errors}", f"see {log}")


def prepare(base_url):
    """Use the clinic that is there if it is of today and of these sources."""
    seed, patients = number("SEED", 7, 0), number("PATIENTS", 400, SMALLEST)
    days = number("DAYS", CAMPAIGN_DAYS, FEWEST_DAYS)
    odoo_env.ensure_pg()
    sources = sorted((ROOT / "tools").glob("clinic_demo/*.py"))
    today = datetime.now(UTC).date()
    trial = number("TRIAL", TRIAL, 0)
    choice = f"{today} {seed} {patients} {days} {trial}"
    wanted = digest(odoo_env.sources_hash(), *sources, choice)
    with lock(STEP):
        exists = DATABASE in odoo_env.databases(DATABASE)
        fresh = os.environ.get("FRESH") == "1"
        if fresh or not exists or not is_stamped(STEP, wanted):
            stamp(STEP, "unfinished")
            build(make_clinic(seed, today, patients, days, trial), base_url)
            stamp(STEP, wanted)


def show(base_url=None):
    """Print results, how to log in, and the last line."""
    table, figures = measure()
    mails = sorted(MAILS.glob("*.eml"))
    say("")
    say("\n".join(table))
    say("\nRates are of patients whose windows are over (90 days to return, 180 to")
    say("come again); the other numbers are so far.\n")
    if base_url:
        say(f"Open     {base_url}/odoo/reactivation-campaigns")
        say("Log in   admin / admin          manager")
        say("         frontdesk / frontdesk  front desk")
        say("Stop     Ctrl-C\n")
    say(f"{len(mails)} e-mails are kept in {MAILS}")
    if mails:
        say(f"for example {mails[0]}")
    say("")
    say(f"DEMO {json.dumps(figures)}")


@contextlib.contextmanager
def listening(base_url):
    """An SMTP listener for as long as the client runs; the database knows both."""
    from clinic_demo.mailbox import Listener

    with Listener(MAILS, PYTHON) as listener:
        with odoo_env.server_cursor(DATABASE) as cursor:
            cursor.execute("UPDATE ir_mail_server SET smtp_port = %s", [listener.port])
            setting = "UPDATE ir_config_parameter SET value = %s WHERE key = %s"
            cursor.execute(setting, [base_url, "web.base.url"])
        yield


@contextlib.contextmanager
def web_client(port, base_url):
    """Odoo with its scheduler, as a process that ends with this one."""
    log = log_path("demo-server")
    log.unlink(missing_ok=True)
    command = [PYTHON, "-m", "odoo", "--config", odoo_env.write_config()]
    command += ["-d", DATABASE, f"--db-filter=^{DATABASE}$", f"--http-port={port}"]
    command += ["--max-cron-threads=1", "--logfile", log]
    process = subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        cwd=STATE,
        env=odoo_env.environ(),
        # Ctrl-C is for this program, which then stops the server in good order.
        start_new_session=True,
    )
    try:
        wait_for(base_url, process, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_for(base_url, process, log):
    """Until the login page answers."""
    until = time.monotonic() + START_OF_SERVER
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            with urllib.request.urlopen(f"{base_url}/web/login", timeout=30) as page:
                if page.status == 200:
                    return
        time.sleep(0.2)
    raise SetupError(
        f"the web client does not answer:\n{last_lines(log)}", f"see {log}"
    )


def main():
    """Make the clinic if needed, show the results, serve until Ctrl-C."""
    port = number("PORT", 8069, 1)
    if serving():
        require_port(port)
    base_url = f"http://127.0.0.1:{port}"
    prepare(base_url)
    if not serving():
        show()
        return 0
    with listening(base_url), web_client(port, base_url) as process:
        show(base_url)
        with contextlib.suppress(KeyboardInterrupt):
            process.wait()
            raise SetupError("the web client has stopped", "see the log demo-server")
    say("\nstopped")
    return 0


if __name__ == "__main__":
    run_main(main)
