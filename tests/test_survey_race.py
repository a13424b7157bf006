"""A patient taps twice, or has two tabs: surveys and forms at the same moment."""

from functools import partial

import pytest
from in_process import draft, environment, loaded, together

DATABASE = "clinic_survey_race"
TIMES = 6
AT_ONCE = 3


@pytest.fixture(scope="module")
def registry():
    """A database whose patients were asked why they left, in this process."""
    with loaded(DATABASE) as registry:
        with environment(registry) as env:
            prices(env)
            invite(env)
        yield registry


def prices(env):
    """A sliding scale of two bands."""
    pricelist = env["product.pricelist"].create({"name": "Half"})
    brackets = [
        {
            "percent_from": low,
            "percent_to": low + 100,
            "value": low / 4,
            "pricelist_id": pricelist.id,
        }
        for low in (0, 100)
    ]
    scale = {
        "date_from": "2020-01-01",
        "first_person": 15650,
        "further_person": 5500,
        "bracket_ids": [(0, 0, values) for values in brackets],
    }
    env["reactivation.payment.option"].create(
        {"name": "By income", "kind": "scale", "scale_ids": [(0, 0, scale)]}
    )


def invite(env):
    """Everybody has the e-mail that asks, and is promised a coupon."""
    people = env["res.partner"].search([("name", "=like", "Patient %")])
    people.payer_class = "cash"
    env["reactivation.patient"]._refresh()
    campaign = draft(env, "Why")
    campaign.control_percent = 0
    asking = campaign.method_ids.step_ids
    asking.write(
        {
            "survey_id": env.ref("patient_reactivation.survey_we_miss_you").id,
            "reward_program_id": env.ref("patient_reactivation.loyalty_program_20").id,
        }
    )
    thanks = env["reactivation.step"].create(
        {
            "name": "Thanks",
            "method_id": asking.method_id.id,
            "sequence": 9,
            "delay_from": "answer",
            "offer": "reward",
        }
    )
    thanks._create_mailing("en_US")
    campaign.action_start()
    deliveries = env["reactivation.delivery"]
    deliveries._schedule_due()
    claimed, _decided = deliveries._claim(len(people))
    claimed.write({"state": "sent"})


def some(registry, state):
    """:return: ids of patients' surveys"""
    with environment(registry) as env:
        found = env["reactivation.feedback"].search([("state", "=", state)], order="id")
        assert len(found) >= TIMES
        return found[:TIMES].ids


def request(registry, task):
    """A request of the server: it tries again when it comes too late."""
    from odoo.service.model import retrying

    with environment(registry) as env:
        return retrying(partial(task, env), env)


def at_once(registry, *tasks):
    """:return: list of what each answered"""
    answers = []

    def run(task):
        answers.append(request(registry, task))

    together(*[partial(run, task) for task in tasks])
    return answers


def test_two_tabs_start(registry):
    """Start is pressed in three tabs at once: one answer, which all of them fill in."""
    for number in some(registry, "invited"):

        def start(env, number=number):
            return env["reactivation.feedback"].browse(number)._start()

        addresses = at_once(registry, *[start] * AT_ONCE)
        assert len(addresses) == AT_ONCE
        assert len(set(addresses)) == 1, addresses
        with environment(registry) as env:
            inputs = env["survey.user_input"].search(
                [("reactivation_feedback_id", "=", number)]
            )
            assert len(inputs) == 1
            assert inputs.get_start_url() == addresses[0]


def test_sent_twice_at_once(registry):
    """One answer, one reward and one thank-you, with two jobs that work on answers."""
    from odoo.addons.patient_reactivation.tools.transaction import work_read_committed

    numbers = some(registry, "started")
    for number in numbers:

        def send(env, number=number):
            feedback = env["reactivation.feedback"].browse(number)
            feedback.user_input_id._mark_done()

        at_once(registry, *[send] * AT_ONCE)

    def work():
        with environment(registry) as env, work_read_committed(env):
            while env["reactivation.feedback"]._process(2):
                env.cr.commit()

    together(*[work] * AT_ONCE)
    with environment(registry) as env:
        answered = env["reactivation.feedback"].browse(numbers)
        assert set(answered.mapped("state")) == {"answered"}
        assert all(answered.mapped("processed_on"))
        assert not any(answered.mapped("failure"))
        people = answered.partner_id
        coupons = env["reactivation.coupon"].search([("partner_id", "in", people.ids)])
        assert len(coupons) == len(coupons.partner_id) == TIMES
        enrollments = answered.enrollment_id
        outcomes = enrollments.outcome_ids.filtered(
            lambda item: item.kind == "answered"
        )
        assert len(outcomes) == TIMES
        thanks = enrollments.delivery_ids.filtered(
            lambda item: item.step_id.delay_from == "answer"
        )
        assert len(thanks) == len(thanks.enrollment_id) == TIMES


def test_form_sent_twice_at_once(registry):
    """Two taps on “Send”: the first one counts, the other sees the same thanks, and one
    person is told."""
    with environment(registry) as env:
        people = env["res.partner"].search(
            [("name", "=like", "Patient %")], order="id", limit=TIMES
        )
        requests = env["reactivation.payment.request"]
        asked = requests._ask(people, env.company, "desk")
        numbers = [asked[person].id for person in people]
        low, high = (
            env["reactivation.fee.bracket"].search([]).sorted("percent_from").ids
        )
    for number in numbers:

        def send(env, household, band, number=number):
            found = env["reactivation.payment.request"].browse(number)
            found._submit(household, band)
            return found._page_values()["message"]

        answers = at_once(
            registry,
            partial(send, household="2", band=low),
            partial(send, household="5", band=high),
        )
        assert len(answers) == 2
        assert len(set(answers)) == 1, answers
        assert "Thank you" in answers[0]
        with environment(registry) as env:
            found = env["reactivation.payment.request"].browse(number)
            told = (found.household_size, found.bracket_id.id)
            assert told in ((2, low), (5, high))
            assert len(found.activity_ids) == 1


def test_asked_twice_at_once(registry):
    """Two people of the desk press “Payment Help”: one request."""
    from odoo.exceptions import ValidationError

    with environment(registry) as env:
        people = (
            env["res.partner"]
            .search([("name", "=like", "Patient %")], order="id desc", limit=TIMES)
            .ids
        )

    for number in people:

        def ask(env, number=number):
            person = env["res.partner"].browse(number)
            requests = env["reactivation.payment.request"]
            return requests._ask(person, env.company, "desk")[person].id

        def press(ask=ask):
            try:
                request(registry, ask)
            except ValidationError as error:
                assert "asked already" in str(error)

        together(press, press)
        with environment(registry) as env:
            found = env["reactivation.payment.request"].search_count(
                [("partner_id", "=", number)]
            )
            assert found == 1
