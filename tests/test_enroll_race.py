"""Two managers start two campaigns at once: each patient is in one of them."""

import pytest
from test_side_by_side import PATIENTS, environment, populate, together

import odoo_env

DATABASE = "clinic_enroll_race"


@pytest.fixture(scope="module")
def registry():
    """A database with lapsed patients, in this process."""
    odoo_env.create_db_from_template(DATABASE)
    odoo_env.configure_odoo(DATABASE, "--log-level=critical")
    from odoo.modules.registry import Registry

    registry = Registry(DATABASE)
    with environment(registry) as env:
        populate(env)
        env["reactivation.patient"]._refresh()
    yield registry
    from odoo.sql_db import close_db

    close_db(DATABASE)
    odoo_env.drop_db(DATABASE)


def draft(registry, name):
    """A campaign that is ready to start."""
    with environment(registry) as env:
        campaign = env["reactivation.campaign"].create(
            {
                "name": name,
                "segment_ids": [(0, 0, {"name": "All"})],
                "method_ids": [
                    (0, 0, {"name": "M", "step_ids": [(0, 0, {"name": "S"})]})
                ],
            }
        )
        campaign.method_ids.step_ids._create_mailing("en_US")
        return campaign.id


def test_each_patient_is_in_one_campaign(registry):
    """A10: no error for either of the two, and nobody is enrolled twice."""
    numbers = [draft(registry, name) for name in ("First", "Second", "Third")]

    def start(number):
        def run():
            from odoo.service.model import retrying

            with environment(registry) as env:
                campaign = env["reactivation.campaign"].browse(number)
                # As the server calls it for a user.
                retrying(campaign.action_start, env)

        return run

    together(*[start(number) for number in numbers])
    with environment(registry) as env:
        enrollments = env["reactivation.enrollment"].search([])
        assert len(enrollments) == len(enrollments.partner_id) == PATIENTS
        campaigns = env["reactivation.campaign"].browse(numbers)
        assert set(campaigns.mapped("state")) == {"running"}
        assert sum(campaigns.mapped("enrolled_count")) == PATIENTS


def test_two_workers_keep_the_daily_limit(registry):
    """Together they enroll as many as the campaign allows in a day, and no more."""
    from odoo.service.model import retrying

    with environment(registry) as env:
        env["reactivation.enrollment"].search([]).write(
            {"state": "done", "episode_date": "2000-01-01"}
        )
    limit = PATIENTS // 2
    number = draft(registry, "A few a day")
    with environment(registry) as env:
        campaign = env["reactivation.campaign"].browse(number)
        campaign.write({"daily_limit": limit, "state": "running"})

    def enroll():
        with environment(registry) as env:
            campaign = env["reactivation.campaign"].browse(number)
            enrollments = env["reactivation.enrollment"]
            retrying(lambda: enrollments._enroll(campaign), env)

    together(*[enroll] * 3)
    with environment(registry) as env:
        campaign = env["reactivation.campaign"].browse(number)
        assert len(campaign.enrollment_ids) == limit
