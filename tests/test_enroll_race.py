"""Two managers start two campaigns at once: each patient is in one of them."""

import pytest
from in_process import PATIENTS, draft, environment, loaded, together

DATABASE = "clinic_enroll_race"


@pytest.fixture(scope="module")
def registry():
    """A database with lapsed patients, in this process."""
    with loaded(DATABASE) as registry:
        with environment(registry) as env:
            env["reactivation.patient"]._refresh()
        yield registry


def draft_id(registry, name):
    """:return: the id of a campaign that is ready to start"""
    with environment(registry) as env:
        return draft(env, name).id


def test_each_patient_is_in_one_campaign(registry):
    """A10: no error for either of the two, and nobody is enrolled twice."""
    numbers = [draft_id(registry, name) for name in ("First", "Second", "Third")]

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
    number = draft_id(registry, "A few a day")
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
