"""Odoo in the process of a test: several cursors of one database, real commits."""

import threading
from contextlib import contextmanager

from conftest import midday_zone

import odoo_env

PATIENTS = 40
AGES = (200, 300, 500)


@contextmanager
def loaded(database, *modules, glue=False):
    """Load the registry of a new database with lapsed patients; drop it at the end.

    :param modules: names of modules to install besides
    :param bool glue: with the addons that join ours with other apps, and with those
    """
    odoo_env.create_db_from_template(database, glue)
    if modules:
        options = ("-i", ",".join(modules), "--stop-after-init", "--no-http")
        odoo_env.run_odoo(f"Installing {', '.join(modules)}", database, *options)
    odoo_env.configure_odoo(database, "--log-level=critical")
    from odoo.modules.registry import Registry
    from odoo.sql_db import close_db

    registry = Registry(database)
    with environment(registry) as env:
        populate(env)
    yield registry
    close_db(database)
    odoo_env.drop_db(database)


@contextmanager
def environment(registry, uid=1):
    """A transaction of its own, committed at the end."""
    from odoo import api

    with registry.cursor() as cr:
        yield api.Environment(cr, uid, {})


def populate(env):
    from datetime import datetime, timedelta

    company = env["res.company"].search([], limit=1)
    company.write(
        {
            "street": "1 Main Street",
            "city": "New York",
            "zip": "10001",
            "country_id": env.ref("base.us").id,
            "email": "clinic@example.com",
            # Whatever time it is when the tests run.
            "reactivation_tz": midday_zone(),
        }
    )
    people = env["res.partner"].create(
        [
            {"name": f"Patient {number}", "email": f"patient{number}@example.com"}
            for number in range(PATIENTS)
        ]
    )
    env["reactivation.external.visit"].create(
        [
            {
                "reference": f"{person.id}-{age}",
                "partner_id": person.id,
                "date": datetime.now() - timedelta(days=age),
                "company_id": company.id,
            }
            for person in people
            for age in AGES
        ]
    )


def together(*tasks):
    """Run functions in threads that start at the same moment; raise what they raise."""
    barrier = threading.Barrier(len(tasks))
    errors = []

    def run(task):
        try:
            barrier.wait(timeout=30)
            task()
        except Exception as error:  # noqa: BLE001 - it is raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    if errors:
        raise errors[0]


def draft(env, name):
    """:return: a campaign that is ready to start"""
    found = env["reactivation.campaign"].create(
        {
            "name": name,
            "segment_ids": [(0, 0, {"name": "All"})],
            "method_ids": [(0, 0, {"name": "M", "step_ids": [(0, 0, {"name": "S"})]})],
        }
    )
    found.method_ids.step_ids._create_mailing("en_US")
    return found
