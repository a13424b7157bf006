"""Automation Rules of Odoo on campaigns: a database that has them, real commits."""

import time

import pytest
from conftest import Mailbox
from in_process import PATIENTS, draft, environment, loaded

DATABASE = "clinic_automation"


@pytest.fixture(scope="module")
def registry():
    """A database with Automation Rules and lapsed patients, in this process."""
    with loaded(DATABASE, "base_automation") as registry:
        with environment(registry) as env:
            env["reactivation.patient"]._refresh()
        yield registry


def rule(env, name, model, trigger, code=None, fields=(), action=None, **values):
    """An Automation Rule with one action, as an administrator makes it."""
    model_id = env["ir.model"]._get_id(model)
    watched = [env["ir.model.fields"]._get(model, field).id for field in fields]
    rule = env["base.automation"].create(
        {
            "name": name,
            "model_id": model_id,
            "trigger": trigger,
            "trigger_field_ids": [(6, 0, watched)],
            **values,
        }
    )
    env["ir.actions.server"].create(
        {
            "name": name,
            "model_id": model_id,
            "base_automation_id": rule.id,
            "usage": "base_automation",
            **(action or {"state": "code", "code": code}),
        }
    )
    return rule


def note(letter, path="record.partner_id"):
    """Code that writes down, on the contact, that a rule has run."""
    return f"{path}.write({{'ref': ({path}.ref or '') + '{letter}'}})"


def refs(env):
    """What the rules wrote, one text per patient who is enrolled."""
    return env["reactivation.enrollment"].search([]).partner_id.mapped("ref")


@pytest.fixture(scope="module")
def story(registry):
    """Rules on all three models, and one that fails for everybody; then a campaign
    that enrolls, sends and hears of a visit, by its jobs."""
    with Mailbox().open() as mailbox:
        with environment(registry) as env:
            env["ir.mail_server"].create(mailbox.server_values)
            make_rules(env)
        # The campaign is started by a manager, the rest is done by the jobs.
        with environment(registry, uid=2) as env:
            draft(env, "Recall").action_start()
        found = {}
        with environment(registry) as env:
            found["enrolled"] = refs(env)
        with environment(registry) as env:
            env["reactivation.delivery"]._cron_run()
        with environment(registry) as env:
            env["reactivation.outcome"]._cron_refresh()
        with environment(registry) as env:
            found["sent"] = refs(env)
    return mailbox, found


def make_rules(env):
    rule(env, "Enrolled", "reactivation.enrollment", "on_create", note("E"))
    rule(
        env,
        "Sent",
        "reactivation.delivery",
        "on_create_or_write",
        note("S"),
        fields=["state"],
        filter_pre_domain="[('state', '=', 'pending')]",
        filter_domain="[('state', '=', 'sent')]",
    )
    rule(
        env,
        "Fails",
        "reactivation.delivery",
        "on_create_or_write",
        note("X") + "\nenv.flush_all()\nraise UserError('Out of order')",
        fields=["state"],
        filter_domain="[('state', '=', 'sent')]",
    )
    rule(
        env,
        "Never",
        "reactivation.delivery",
        "on_create_or_write",
        note("N"),
        fields=["channel"],
        filter_domain="[('state', '=', 'sent')]",
    )
    rule(
        env,
        "Returned",
        "reactivation.outcome",
        "on_create",
        note("R", "record.enrollment_id.partner_id"),
        filter_domain="[('kind', '=', 'returned')]",
    )
    rule(
        env,
        "Back",
        "reactivation.enrollment",
        "on_create_or_write",
        note("B"),
        fields=["stage"],
        filter_pre_domain="[('stage', '=', 'contacted')]",
        filter_domain="[('stage', '=', 'returned')]",
    )


def test_a_rule_sees_whom_a_statement_enrolls(story):
    _mailbox, found = story
    assert found["enrolled"] == ["E"] * PATIENTS


def test_a_rule_sees_what_the_runner_sent(story):
    """From waiting to sent; what the runner does in between is nobody's business. A
    rule on a field that did not change stays quiet."""
    mailbox, found = story
    assert len(mailbox.messages) == PATIENTS
    assert sorted(found["sent"]) == ["ES"] * PATIENTS


def test_a_rule_that_fails_stops_nothing(story, registry):
    """Everything was sent, once; only what the rule did itself is undone; whoever
    looks after the campaign hears of it once."""
    mailbox, _found = story
    assert len(set(mailbox.recipients)) == len(mailbox.recipients) == PATIENTS
    with environment(registry) as env:
        recall = env["reactivation.campaign"].search([("name", "=", "Recall")])
        assert recall.state == "running"
        assert set(recall.enrollment_ids.delivery_ids.mapped("state")) == {"sent"}
        summaries = recall.activity_ids.mapped("summary")
        assert [text for text in summaries if "Fails" in text] == summaries[:1]
        assert "Out of order" in recall.activity_ids[:1].note


def test_a_rule_sees_who_is_back(story, registry):
    from datetime import timedelta

    # The visit is after the enrollment, and over.
    time.sleep(3)
    with environment(registry) as env:
        enrollment = env["reactivation.enrollment"].search([], limit=1)
        number = enrollment.partner_id.id
        env["reactivation.external.visit"].create(
            {
                "reference": "back",
                "partner_id": number,
                "date": enrollment.enrolled_on + timedelta(seconds=1),
                "company_id": enrollment.company_id.id,
            }
        )
    with environment(registry) as env:
        env["reactivation.outcome"]._cron_refresh()
    with environment(registry) as env:
        person = env["res.partner"].browse(number)
        assert person.ref == "ESRB"
        others = env["reactivation.enrollment"].search([]).partner_id - person
        assert set(others.mapped("ref")) == {"ES"}


def test_a_rule_enrolls(story, registry):
    """A rule on contacts puts them into a campaign; what set it off is saved even
    when the campaign takes nobody."""
    from datetime import datetime, timedelta

    with environment(registry) as env:
        env["reactivation.patient"]._refresh()
        second = draft(env, "Second")
        second.action_start()
        rule(
            env,
            "Tagged",
            "res.partner",
            "on_create_or_write",
            fields=["function"],
            filter_domain="[('function', '=', 'win back')]",
            action={
                "state": "reactivation_enroll",
                "reactivation_campaign_id": second.id,
            },
        )
        person = env["res.partner"].create({"name": "New", "email": "new@example.com"})
        env["reactivation.external.visit"].create(
            {
                "reference": "new",
                "partner_id": person.id,
                "date": datetime.now() - timedelta(days=300),
                "company_id": second.company_id.id,
            }
        )
        env["reactivation.patient"]._refresh()
        recall = env["reactivation.campaign"].search([("name", "=", "Recall")])
        recall.action_done()
        person.function = "win back"
        assert second.enrollment_ids.partner_id == person
        second.action_done()
        other = env["res.partner"].create({"name": "Other", "function": "win back"})
        assert other.exists()
        assert any("enrolls nobody" in text for text in alerts(second))


def alerts(found):
    return found.activity_ids.mapped("summary")


def test_nothing_is_asked_where_no_rule_hangs(registry):
    """The models of the addon without a rule, and all of them once it is archived."""
    with environment(registry) as env:
        service = env["reactivation.automation"]
        assert service._is_watched("reactivation.delivery")
        assert not service._is_watched("reactivation.campaign")
        env["base.automation"].search([]).active = False
        assert not service._is_watched("reactivation.delivery")
