"""Many workers and people want the same coupons, or the same budget, at one moment."""

import pytest
from in_process import AGES, draft, environment, loaded, together

DATABASE = "clinic_coupon_race"
PEOPLE = 120
BUDGET = 100
WORKERS = 12
LEVELS = ["READ COMMITTED", "REPEATABLE READ"]


@pytest.fixture(scope="module")
def registry():
    """A database with 120 lapsed patients who pay in cash, in this process."""
    with loaded(DATABASE) as registry:
        with environment(registry) as env:
            people(env)
            staff(env)
        yield registry


def people(env):
    """As many as want a coupon, each enrolled in nothing yet."""
    from datetime import datetime, timedelta

    found = env["res.partner"].search([("name", "=like", "Patient %")])
    more = env["res.partner"].create(
        [
            {"name": f"Patient {number}", "email": f"patient{number}@example.com"}
            for number in range(len(found), PEOPLE)
        ]
    )
    env["reactivation.external.visit"].create(
        [
            {
                "reference": f"more-{person.id}",
                "partner_id": person.id,
                "date": datetime.now() - timedelta(days=AGES[0]),
                "company_id": env.company.id,
            }
            for person in more
        ]
    )
    (found | more).payer_class = "cash"
    env["reactivation.patient"]._refresh()


def staff(env):
    group = env.ref("patient_reactivation.group_reactivation_user")
    env["res.users"].with_context(no_reset_password=True).create(
        [
            {"name": name, "login": name.lower(), "group_ids": [(4, group.id)]}
            for name in ("Dana", "Dirk")
        ]
    )


def forget(env):
    """Nothing was ever issued, nobody was ever enrolled."""
    env.cr.execute(
        """TRUNCATE reactivation_enrollment, reactivation_coupon,
                    reactivation_coupon_budget, loyalty_card CASCADE"""
    )
    env["reactivation.campaign"].search([]).write({"state": "done"})
    env.invalidate_all()


def offering(env, name="Offers", budget=0):
    """:return: a running campaign whose step gives coupons"""
    campaign = draft(env, name)
    campaign.coupon_budget = budget
    campaign.method_ids.step_ids.offer = "issue"
    campaign.control_percent = 0
    campaign.action_start()
    return campaign


def patiently(registry, level, task):
    """Run a task as Odoo runs a request: whoever comes too late tries again."""
    from psycopg2.errors import SerializationFailure

    from odoo.exceptions import ConcurrencyError

    for _attempt in range(500):
        with registry.cursor() as cr:
            from odoo import api

            cr.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
            try:
                found = task(api.Environment(cr, 1, {}))
                cr.commit()
                return found
            except (SerializationFailure, ConcurrencyError):
                cr.rollback()
    raise AssertionError("never came through")


@pytest.mark.parametrize("level", LEVELS)
def test_budget_of_a_hundred(registry, level):
    """A13: 120 issues in 12 threads, each in a transaction of its own, against a budget
    of 100: exactly 100 coupons, whatever the level."""
    with environment(registry) as env:
        forget(env)
        campaign = offering(env, budget=BUDGET)
        number = campaign.id
        assert campaign.enrolled_count == PEOPLE
        ids = campaign.enrollment_ids.ids
    refusals = []

    def issue(enrollment_id):
        def task(env):
            from odoo.addons.patient_reactivation.models import (
                reactivation_coupon_issue as issuing,
            )

            enrollment = env["reactivation.enrollment"].browse(enrollment_id)
            campaign = enrollment.campaign_id
            wish = issuing.Wish(
                enrollment.partner_id,
                env.ref("patient_reactivation.loyalty_program_20"),
                enrollment=enrollment,
            )
            coupons = env["reactivation.coupon"]
            coupons._issue(campaign.company_id, [wish], campaign=campaign)
            return wish.refusal

        return task

    def worker(mine):
        def run():
            for enrollment_id in mine:
                refusals.append(patiently(registry, level, issue(enrollment_id)))

        return run

    together(*[worker(ids[start::WORKERS]) for start in range(WORKERS)])
    assert refusals.count("budget") == PEOPLE - BUDGET
    assert refusals.count(None) == BUDGET
    with environment(registry) as env:
        coupons = env["reactivation.coupon"].search([("campaign_id", "=", number)])
        assert len(coupons) == len(coupons.partner_id) == len(coupons.card_id) == BUDGET
        assert env["loyalty.card"].search_count([]) == BUDGET
        budget = env["reactivation.coupon.budget"].search([])
        assert budget.issued == BUDGET


def test_budget_beside_runners(registry):
    """A13: four runners claim the messages; 100 have a coupon, 20 say why not."""
    with environment(registry) as env:
        forget(env)
        number = offering(env, budget=BUDGET).id
        env["reactivation.delivery"]._schedule_due()

    def run():
        with environment(registry) as env:
            from odoo.addons.patient_reactivation.tools.transaction import (
                work_read_committed,
            )

            with work_read_committed(env):
                while env["reactivation.delivery"]._claim(7)[1]:
                    env.cr.commit()

    together(run, run, run, run)
    with environment(registry) as env:
        campaign = env["reactivation.campaign"].browse(number)
        deliveries = campaign.enrollment_ids.delivery_ids
        assert len(deliveries) == PEOPLE
        assert set(deliveries.mapped("state")) == {"claimed"}
        assert len(deliveries.coupon_id) == campaign.coupon_count == BUDGET
        reasons = deliveries.mapped("offer_refusal")
        assert reasons.count("budget") == PEOPLE - BUDGET


def test_two_redemptions(registry):
    """A7: two desks scan one coupon at once: one redeems it, one hears why not."""
    from odoo.service.model import retrying

    with environment(registry) as env:
        forget(env)
        some = env["res.partner"].search([("payer_class", "=", "cash")], limit=12)
        program = env.ref("patient_reactivation.loyalty_program_20")
        granted = env["reactivation.coupon"]._grant(env.company, some, program, "race")
        numbers = [coupon.id for coupon, _code in granted.values()]
    for number in numbers:
        answers = []

        def redeem(login, number=number, answers=answers):
            def run():
                with environment(registry) as env:
                    user = env["res.users"].search([("login", "=", login)])
                    coupons = env(user=user)["reactivation.coupon"]
                    answers.append(
                        retrying(lambda: coupons.desk_redeem(number), coupons.env)
                    )

            return run

        together(redeem("dana"), redeem("dirk"))
        assert sorted(answer["redeemed"] for answer in answers) == [False, True]
        (refused,) = (answer for answer in answers if not answer["redeemed"])
        assert refused["code"] == "redeemed"
        assert "used already" in refused["refusal"]
    with environment(registry) as env:
        coupons = env["reactivation.coupon"].browse(numbers)
        assert set(coupons.mapped("state")) == {"redeemed"}
        assert set(coupons.card_id.mapped("points")) == {0}
        used = coupons.event_ids.filtered(lambda event: event.kind == "redeemed")
        assert len(used) == len(numbers)


@pytest.mark.parametrize("level", LEVELS)
def test_two_promises_to_one_patient(registry, level):
    """K9: an answer that arrives twice, and a campaign: one coupon for each promise."""
    with environment(registry) as env:
        forget(env)
        some = env["res.partner"].search([("payer_class", "=", "cash")], limit=15).ids

    def grant():
        def task(env):
            people = env["res.partner"].browse(some)
            program = env.ref("patient_reactivation.loyalty_program_20")
            return env["reactivation.coupon"]._grant(
                env.company, people, program, "answer"
            )

        return lambda: patiently(registry, level, task)

    together(*[grant() for _number in range(4)])
    with environment(registry) as env:
        coupons = env["reactivation.coupon"].search([])
        assert len(coupons) == len(coupons.partner_id) == len(some)
        assert env["loyalty.card"].search_count([]) == len(some)


@pytest.mark.parametrize("level", LEVELS)
def test_two_campaigns_and_one_patient(registry, level):
    """K9: two campaigns reach for the same patients: one live coupon each."""
    with environment(registry) as env:
        forget(env)
        first = offering(env, "First")
        ids = first.enrollment_ids.ids[:10]
        env.cr.execute(
            """INSERT INTO reactivation_enrollment (campaign_id, company_id, partner_id,
                      method_id, state, stage, is_control, enrolled_on, episode_date,
                      tier_id)
               SELECT %s, company_id, partner_id, method_id, 'done', 'enrolled', FALSE,
                      enrolled_on, episode_date, tier_id
                 FROM reactivation_enrollment WHERE id = ANY(%s) RETURNING id""",
            [draft(env, "Second").id, ids],
        )
        others = [row[0] for row in env.cr.fetchall()]

    def issue(numbers, percent):
        def task(env):
            from odoo.addons.patient_reactivation.models import (
                reactivation_coupon_issue as issuing,
            )

            program = env.ref(f"patient_reactivation.loyalty_program_{percent}")
            enrollments = env["reactivation.enrollment"].browse(numbers)
            wishes = [
                issuing.Wish(item.partner_id, program, enrollment=item)
                for item in enrollments
            ]
            env["reactivation.coupon"]._issue(
                env.company, wishes, campaign=enrollments.campaign_id
            )

        return lambda: patiently(registry, level, task)

    together(issue(ids, 20), issue(others, 50), issue(ids, 20), issue(others, 50))
    with environment(registry) as env:
        live = env["reactivation.coupon"].search([("state", "=", "open")])
        assert len(live) == len(live.partner_id) == len(ids)
        assert set(live.mapped("value")) == {50}
        assert set(live.card_id.mapped("points")) == {1}
        gone = env["reactivation.coupon"].search([("state", "!=", "open")])
        assert set(gone.card_id.mapped("points")) <= {0}
