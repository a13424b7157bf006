"""Several workers and users at once: real cursors, real commits, a real mail server."""

import pytest
from in_process import AGES, PATIENTS, draft, environment, loaded, together

DATABASE = "clinic_side_by_side"


@pytest.fixture(scope="module")
def registry():
    """A database with lapsed patients, in this process."""
    with loaded(DATABASE) as registry:
        yield registry


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
        campaign = draft(env, "Recall")
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
