"""Two people of the front desk reach for the same patient at the same moment."""

from datetime import datetime, timedelta

import pytest
from conftest import midday_zone
from in_process import environment, loaded, together

DATABASE = "clinic_work_race"
TIMES = 6


@pytest.fixture(scope="module")
def registry():
    """A database with calls to make, in this process."""
    with loaded(DATABASE) as registry:
        with environment(registry) as env:
            staff(env)
            calls(env)
        yield registry


def staff(env):
    group = env.ref("patient_reactivation.group_reactivation_user")
    env["res.users"].with_context(no_reset_password=True).create(
        [
            {"name": name, "login": name.lower(), "group_ids": [(4, group.id)]}
            for name in ("Dana", "Dirk")
        ]
    )


def calls(env):
    """A call for each patient; two of them have the same number."""
    people = env["res.partner"].search([("name", "=like", "Patient %")], order="id")
    people.write({"tz": midday_zone(), "country_id": env.ref("base.us").id})
    for number, person in enumerate(people):
        person.phone = f"+1 212-555-{max(number, 1):04d}"
    env.company.reactivation_family_rule = "apart"
    env["reactivation.patient"]._refresh()
    campaign = env["reactivation.campaign"].create(
        {
            "name": "Calls",
            "segment_ids": [(0, 0, {"name": "All"})],
            "method_ids": [
                (
                    0,
                    0,
                    {
                        "name": "M",
                        "step_ids": [
                            (0, 0, {"name": "S", "channel": "call", "script": "Hello"})
                        ],
                    },
                )
            ],
        }
    )
    campaign.action_start()
    env["reactivation.delivery"]._schedule_due()
    tasks = env["reactivation.delivery"].search([])
    now = datetime.now() - timedelta(minutes=1)
    for task in tasks:
        task.write(
            {
                "state": "claimed",
                "claimed_on": now,
                "recipient_id": task.partner_id.id,
                "address_hash": env["reactivation.suppression"]._hash(
                    "phone", task.partner_id.phone
                ),
            }
        )
    tasks._deliver()


def reach(registry, login, number, method="action_take"):
    """What the server does when somebody opens a task, or gives its result.

    :return: (function to run, list of the answers)
    """
    answers = []

    def run():
        from odoo.exceptions import UserError
        from odoo.service.model import retrying

        with environment(registry) as env:
            user = env["res.users"].search([("login", "=", login)])
            env = env(user=user)
            task = env["reactivation.delivery"].browse(number)
            try:
                answers.append((login, retrying(getattr(task, method), env)))
            except UserError as error:
                env.cr.rollback()
                answers.append((login, str(error)))

    return run, answers


def at_once(registry, *reaches):
    """:return: {login: answer} of people who act at the same moment"""
    prepared = [reach(registry, *item) for item in reaches]
    together(*[run for run, _answers in prepared])
    return dict(answer for _run, answers in prepared for answer in answers)


def open_tasks(registry):
    with environment(registry) as env:
        return (
            env["reactivation.delivery"]
            .search([("state", "=", "todo"), ("holder_id", "=", False)], order="id")
            .ids
        )


def test_one_of_two_gets_the_call(registry):
    """A10: the other is told, and nobody sees an error of the database."""
    for number in open_tasks(registry)[2 : 2 + TIMES]:
        answers = at_once(registry, ("dana", number), ("dirk", number))
        won = [login for login, answer in answers.items() if answer is True]
        assert len(won) == 1, answers
        (lost,) = {"dana", "dirk"} - set(won)
        assert "is working on a task" in answers[lost] or "right now" in answers[lost]
        with environment(registry) as env:
            holder = env["reactivation.delivery"].browse(number).holder_id
            assert holder.login == won[0]


def test_two_patients_with_one_number(registry):
    """A10, E4: the phone rings once."""
    with environment(registry) as env:
        tasks = env["reactivation.delivery"].search([], order="id")
        same = tasks.filtered(lambda item: item.partner_id.phone.endswith("0001"))
        first, second = same.ids
    answers = at_once(registry, ("dana", first), ("dirk", second))
    assert sorted(answer is True for answer in answers.values()) == [False, True]


def test_one_result_of_two(registry):
    """A10: a call that two people log is logged once."""
    for number in open_tasks(registry)[-TIMES:]:
        answers = at_once(
            registry,
            ("dana", number, "action_result_not_interested"),
            ("dirk", number, "action_result_booked"),
        )
        refused = [text for text in answers.values() if text]
        assert len(refused) == 1, answers
        assert "has done this already" in refused[0] or "right now" in refused[0]
        with environment(registry) as env:
            task = env["reactivation.delivery"].browse(number)
            assert task.state == "sent"
            won = "dana" if task.result == "not_interested" else "dirk"
            assert task.result_user_id.login == won
            assert not answers[won]
