"""Several workers and users at once: real cursors, real commits, a real mail server."""

import threading
from contextlib import contextmanager

import pytest
from conftest import midday_zone

import odoo_env

DATABASE = "clinic_side_by_side"
PATIENTS = 40
AGES = (200, 300, 500)


@pytest.fixture(scope="module")
def registry():
    """A database with lapsed patients, in this process."""
    odoo_env.create_db_from_template(DATABASE)
    odoo_env.configure_odoo(DATABASE, "--log-level=critical")
    from odoo.modules.registry import Registry

    registry = Registry(DATABASE)
    with environment(registry) as env:
        populate(env)
    yield registry
    from odoo.sql_db import close_db

    close_db(DATABASE)
    odoo_env.drop_db(DATABASE)


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


def cron(registry, model, method):
    """One run of a cron's method, as the server runs it."""

    def run():
        with environment(registry) as env:
            getattr(env[model], method)()

    return run


def test_two_full_refreshes_at_once(registry):
    refresh = cron(registry, "reactivation.patient", "_cron_refresh_full")
    together(refresh, refresh, refresh)
    with environment(registry) as env:
        rows = env["reactivation.patient"].search([])
        assert len(rows) == PATIENTS
        assert set(rows.mapped("visit_count")) == {len(AGES)}


def test_refresh_beside_users_who_edit_the_same_patients(registry):
    """No side fails and no side's work is lost, whoever comes first."""
    refresh = cron(registry, "reactivation.patient", "_cron_refresh_full")
    refresh()
    with environment(registry) as env:
        ids = env["reactivation.patient"].search([]).ids
        cost = env.ref("patient_reactivation.reactivation_reason_cost").id
        # Every row is out of date, so the refresh writes every row.
        env.cr.execute("UPDATE reactivation_patient SET visit_count = 99")

    def edit():
        from odoo.service.model import retrying

        for row_id in ids:
            with environment(registry) as env:
                row = env["reactivation.patient"].browse(row_id)

                def save(row=row):
                    row.write({"reason_id": cost})
                    row.partner_id.phone = "+1 212 555 0100"

                retrying(save, env)  # as every request of the web client

    together(edit, lambda: [refresh() for _number in range(5)])
    with environment(registry) as env:
        rows = env["reactivation.patient"].search([])
        assert set(rows.mapped("visit_count")) == {len(AGES)}
        assert set(rows.reason_id.ids) == {cost}
        assert len(rows.filtered("reason_id")) == PATIENTS
        assert set(rows.partner_id.mapped("phone")) == {"+1 212 555 0100"}


def test_two_runners_send_each_e_mail_once(registry, mailbox):
    """A1: two workers drain the queue, each patient hears once."""
    with environment(registry) as env:
        patients = env["reactivation.patient"].search([])
        patients.write({"reason_id": False})
        # A number of New York would have its hours, whatever the clinic's are.
        patients.partner_id.write({"phone": False})
        env["ir.mail_server"].create(mailbox.server_values)
        campaign = env["reactivation.campaign"].create(
            {
                "name": "Recall",
                "segment_ids": [(0, 0, {"name": "All"})],
                "method_ids": [
                    (0, 0, {"name": "M", "step_ids": [(0, 0, {"name": "S"})]})
                ],
            }
        )
        campaign.method_ids.step_ids._create_mailing("en_US")
        campaign.action_start()
        assert campaign.enrolled_count == PATIENTS
    run = cron(registry, "reactivation.delivery", "_cron_run")
    together(run, run, run)
    run()
    assert len(mailbox.recipients) == PATIENTS
    assert len(set(mailbox.recipients)) == PATIENTS
    with environment(registry) as env:
        states = env["reactivation.delivery"].search([]).mapped("state")
        assert states == ["sent"] * PATIENTS
