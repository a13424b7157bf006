"""Processes that can be killed: one loads Odoo, the others are forked from it.

Started by `crash.Workers` with the name of a database. Reads one command per line
from its standard input and answers each with one line, both JSON:

* `start` a worker in a process of its own, which repeats a role until it is killed;
* `reap` a killed worker, whose number stays taken until then;
* `call` a function of this file in the loaded process itself.
"""

import ctypes
import json
import logging
import os
import signal
import sys
import time
from datetime import datetime, timedelta

import odoo_env
from workspace import log_path

_logger = logging.getLogger("crash_worker")

PAUSE = 0.02  # seconds between two runs of a role
SUPERUSER = 1
ADMINISTRATOR = 2
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)

# Long ago enough to be lapsed, and to be known from more than one visit.
AGES = (200, 300, 500)


# ---------------------------------------------------------------------- database


def database():
    """The registry; the module is loaded late, after the configuration."""
    from odoo.modules.registry import Registry

    return Registry(sys.argv[1])


def transaction(work, uid=SUPERUSER, context=None):
    """Do something in a transaction of its own, as a request or a job does."""
    from odoo import api

    registry = database().check_signaling()
    with registry.cursor() as cr:
        result = work(api.Environment(cr, uid, context or {}))
    registry.signal_changes()
    return result


# ------------------------------------------------------------------------- roles


def runner():
    """The runner, called as its job calls it."""
    transaction(lambda env: env["reactivation.delivery"]._cron_run())


def mail_queue():
    """Odoo's job that sends what waits in the outbox."""
    transaction(lambda env: env["mail.mail"].process_email_queue())


def clicker():
    """Somebody who presses “Send Now” on every mail there is, and the mailing job."""

    def send(env):
        for mail in env["mail.mail"].search([]):
            mail.send()

    transaction(send, ADMINISTRATOR)
    transaction(lambda env: env["mailing.mailing"]._process_mass_mailing_queue())


def job():
    """The runner as a job of the server, with what the server remembers of it."""
    registry = database().check_signaling()
    jobs = registry["ir.cron"]
    with registry.cursor() as cr:
        cr.execute(
            """SELECT res_id FROM ir_model_data
                WHERE module = 'patient_reactivation' AND name = 'ir_cron_deliveries'"""
        )
        found = jobs._acquire_one_job(cr, cr.fetchone()[0], include_not_ready=True)
        if found:
            jobs._process_job(cr, found)


ROLES = {role.__name__: role for role in (runner, mail_queue, clicker, job)}


def set_constant(name, value):
    """Set a constant of the runner, in every module that knows it."""
    from odoo.addons.patient_reactivation.models import (
        reactivation_delivery,
        reactivation_delivery_runner,
    )

    modules = [reactivation_delivery, reactivation_delivery_runner]
    found = [module for module in modules if hasattr(module, name)]
    if not found:
        raise AttributeError(name)
    for module in found:
        setattr(module, name, value)


def slow_down(seconds):
    """Let composing take longer than a decision is good for, in a short time."""
    set_constant("DECISION_AGE", timedelta(seconds=2))
    composer = database()["mail.compose.message"]
    compose = composer._prepare_mail_values

    def compose_slowly(self, res_ids):
        time.sleep(seconds * len(res_ids))
        return compose(self, res_ids)

    composer._prepare_mail_values = compose_slowly


def work(role, batch=None, smtp_timeout=None, slow=None, runs=None):
    """Repeat a role until the process is killed, or a number of times.

    :param batch: deliveries of one claim
    :param smtp_timeout: seconds until a silent mail server is given up
    :param slow: seconds that a machine under load needs more to write an e-mail, on
        which a decision to send is good for two seconds only
    """
    if batch:
        set_constant("BATCH", batch)
    if smtp_timeout:
        from odoo.addons.base.models import ir_mail_server

        ir_mail_server.SMTP_TIMEOUT = smtp_timeout
    if slow:
        slow_down(slow)
    while runs is None or runs > 0:
        try:
            ROLES[role]()
        except Exception:
            # As the server does: the next run comes, whatever became of this one.
            _logger.warning("a run of %s failed", role, exc_info=True)
        if runs is not None:
            runs -= 1
        time.sleep(PAUSE)


# ----------------------------------------------------------------- calls by name


def populate(env, name, patients, steps, port, pause_days=1):
    """Lapsed patients and a running campaign of e-mails to them.

    The subject tells the step and the name of the recipient tells the patient.

    :return: ids of the campaign and its steps
    """
    prepare_company(env, port)
    tag = env["res.partner.category"].create({"name": name})
    people = env["res.partner"].create(
        [
            {
                "name": f"{name}-{number:03}",
                "email": f"{name}-{number:03}@example.com".lower(),
                # Hours are guarded where nothing is known of somebody's clock.
                "tz": "UTC",
                # Every fourth may not be offered anything, and reads the same e-mail.
                "payer_class": "federal" if number % 4 == 3 else "cash",
                "category_id": [(4, tag.id)],
            }
            for number in range(patients)
        ]
    )
    env["reactivation.external.visit"].create(
        [
            {
                "reference": f"{person.id}-{age}",
                "partner_id": person.id,
                "date": datetime.now() - timedelta(days=age),
                "company_id": env.company.id,
            }
            for person in people
            for age in AGES
        ]
    )
    env["reactivation.patient"]._refresh()
    values = [
        {"name": f"Step {number}", "sequence": number, "delay_days": pause_days}
        for number in range(steps)
    ]
    values[0]["delay_days"] = 0
    segment = {
        "name": "All",
        "domain": f"[('partner_id.category_id', 'in', [{tag.id}])]",
    }
    method = {"name": "E-mails", "step_ids": [(0, 0, value) for value in values]}
    campaign = env["reactivation.campaign"].create(
        {
            "name": name,
            "segment_ids": [(0, 0, segment)],
            "method_ids": [(0, 0, method)],
        }
    )
    for number, step in enumerate(campaign.method_ids.step_ids.sorted("sequence")):
        # One e-mail per step: a handful.
        step._create_mailing("en_US").subject = f"{name} {number}"
    campaign.method_ids.step_ids.sorted("sequence")[0].offer = "issue"
    campaign.action_start()
    return {"campaign": campaign.id, "steps": campaign.method_ids.step_ids.ids}


def prepare_company(env, port):
    """A clinic that may send at any hour, through the listener of the test."""
    values = {
        "street": "1 Main Street",
        "city": "New York",
        "zip": "10001",
        "country_id": env.ref("base.us").id,
        "email": "clinic@example.com",
        "reactivation_hour_from": 0,
        "reactivation_hour_to": 24,
        "reactivation_cap_day": 1000,
        "reactivation_cap_week": 1000,
        "reactivation_pace": 0,  # as fast as it can
    }
    known = env["res.company"]._fields
    env.company.write({key: value for key, value in values.items() if key in known})
    servers = env["ir.mail_server"].search([])
    if servers.filtered(lambda server: server.smtp_port != port) or not servers:
        servers.active = False
        servers.create(
            {
                "name": "Local",
                "smtp_host": "127.0.0.1",
                "smtp_port": port,
                "smtp_encryption": "none",
            }
        )


def totals(env, campaign):
    """:return: what the nightly audit counts of a campaign"""
    campaign = env["reactivation.campaign"].browse(campaign)
    return env["reactivation.runner"]._totals(campaign)[campaign.id]


CALLS = {call.__name__: call for call in (populate, totals)}


# ---------------------------------------------------------------------- commands


def command_start(role, options):
    pid = os.fork()
    if pid:
        return pid
    # Below: the worker. It never returns to the loop that reads commands.
    try:
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        work(role, **options)
    except Exception:
        _logger.exception("a %s died", role)
    finally:
        os._exit(0)


def command_reap(pid):
    os.waitpid(pid, 0)


def command_call(function, arguments):
    from odoo.sql_db import close_all

    result = transaction(lambda env: CALLS[function](env, **arguments))
    # No connection may be shared with the processes that are forked later.
    close_all()
    return result


COMMANDS = {"start": command_start, "reap": command_reap, "call": command_call}


def main():
    """Load the registry, then obey until the standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing else may be written among the answers
    log = log_path(sys.argv[1])
    odoo_env.configure_odoo(sys.argv[1], "--log-level=warn", f"--logfile={log}")
    from odoo.sql_db import close_all

    database()
    close_all()
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = {"result": COMMANDS[command.pop("do")](**command)}
        except Exception as error:
            _logger.exception("a command failed")
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
