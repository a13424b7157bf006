"""A real server: files in, crons on their own, e-mails out, and nobody else in."""

from datetime import UTC, datetime, timedelta

import pytest
from conftest import RefusedError, deliver_to, midday_zone, wait_for

PATIENTS = b"""ref,name,email
P1,Ada Lovelace,ada@example.com
P2,Bob Regular,bob@example.com
P3,Cleo Recent,cleo@example.com
"""
VISIT_COLUMNS = ["reference", "patient_ref", "date", "state"]


def visits():
    """Ada came once 250 days ago, Bob thrice until a year ago, Cleo last week."""
    rows = [("V1", "P1", 250), ("V5", "P3", 7)]
    rows += [(f"V{2 + number}", "P2", 400 + 90 * number) for number in range(3)]
    lines = [",".join(VISIT_COLUMNS)]
    for reference, patient, days in rows:
        date = datetime.now(UTC) - timedelta(days=days)
        lines.append(f"{reference},{patient},{date:%Y-%m-%d %H:%M:%S},done")
    return "\r\n".join(lines).encode("utf-8-sig")


@pytest.fixture(scope="module")
def admin(server):
    client = server.client("admin")
    company = client.call("res.company", "search", [], limit=1)
    country = client.call("res.country", "search", [("code", "=", "US")])
    client.call(
        "res.company",
        "write",
        company,
        {
            "street": "1 Main Street",
            "city": "New York",
            "zip": "10001",
            "country_id": country[0],
            "email": "clinic@example.com",
            # Whatever time it is when the tests run.
            "reactivation_tz": midday_zone(),
        },
    )
    done = client.import_file(
        "res.partner",
        ["ref", "name", "email"],
        PATIENTS,
        default_patient_mark="patient",
    )
    assert not done["messages"], done["messages"]
    done = client.import_file("reactivation.external.visit", VISIT_COLUMNS, visits())
    assert not done["messages"], done["messages"]
    return client


def cron_now(client, name):
    """Let the server's own cron thread run a job as soon as it can."""
    job = client.call(
        "ir.model.data", "search_read", [("name", "=", name)], ["res_id"]
    )[0]["res_id"]
    client.call("ir.cron", "write", [job], {"nextcall": "2020-01-01 00:00:00"})


def status_of(client):
    rows = client.call(
        "reactivation.patient",
        "search_read",
        [("partner_id.ref", "in", ["P1", "P2", "P3"])],
        ["partner_id", "status", "visit_pattern"],
    )
    return {row["partner_id"][1]: (row["status"], row["visit_pattern"]) for row in rows}


def test_imported_patients_lapse_by_themselves(admin):
    """The cron of the server finds them; nobody pressed anything."""
    expected = {
        "Ada Lovelace": ("lapsed", "single"),
        "Bob Regular": ("lapsed", "repeat"),
        "Cleo Recent": ("active", "single"),
    }
    cron_now(admin, "ir_cron_refresh_incremental")
    wait_for(lambda: status_of(admin) == expected, "the patients to be refreshed")


def test_a_started_campaign_reaches_them_and_only_them(admin, mailbox):
    cron_now(admin, "ir_cron_refresh_full")
    wait_for(
        lambda: status_of(admin).get("Bob Regular") == ("lapsed", "repeat"),
        "the patients to be refreshed",
    )
    deliver_to(admin, mailbox)
    campaign = admin.call(
        "reactivation.campaign",
        "create",
        {
            "name": "Recall",
            "segment_ids": [(0, 0, {"name": "All"})],
            "method_ids": [(0, 0, {"name": "M", "step_ids": [(0, 0, {"name": "S"})]})],
        },
    )
    step = admin.call(
        "reactivation.step", "search", [("campaign_id", "=", campaign)], limit=1
    )
    admin.call("reactivation.step", "action_open_mailing", step)
    admin.call("reactivation.campaign", "action_start", [campaign])
    wait_for(lambda: len(mailbox.recipients) >= 2, "the e-mails of the campaign")
    assert sorted(mailbox.recipients) == ["ada@example.com", "bob@example.com"]
    wait_for(
        lambda: (
            admin.call(
                "reactivation.delivery",
                "search_count",
                [("campaign_id", "=", campaign), ("state", "=", "sent")],
            )
            == 2
        ),
        "the results of the deliveries",
    )
    content, message = mailbox.messages[0]
    header = b"List-Unsubscribe: <http"
    assert header in content, "the one-click address must not be encoded (E3)"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    body = message.get_body(("html",)).get_content()
    assert "Hello" in body and "1 Main Street" in body


OUR_MODELS = (
    "reactivation.visit",
    "reactivation.visit.source",
    "reactivation.external.visit",
    "reactivation.patient",
    "reactivation.tier",
    "reactivation.reason",
    "reactivation.campaign",
    "reactivation.segment",
    "reactivation.method",
    "reactivation.step",
    "reactivation.enrollment",
    "reactivation.delivery",
    "reactivation.outcome",
    "reactivation.consent",
    "reactivation.report",
    "reactivation.suppression",
    "reactivation.contact.rule",
    "reactivation.runner",
    "reactivation.channel.status",
    "reactivation.no.contact",
    "reactivation.erasure",
)


def test_a_portal_user_reaches_nothing_over_the_wire(server, admin):
    """I3"""
    portal = admin.call(
        "ir.model.data", "search_read", [("name", "=", "group_portal")], ["res_id"]
    )[0]["res_id"]
    admin.call(
        "res.users",
        "create",
        {
            "name": "Paula Portal",
            "login": "portal-user",
            "password": "portal-user",
            "group_ids": [(6, 0, [portal])],
        },
        context={"no_reset_password": True},
    )
    client = server.client("portal-user")
    for model in OUR_MODELS:
        for method, args in (
            ("search_read", [[]]),
            ("formatted_read_group", [[], [], ["__count"]]),
            ("create", [{}]),
        ):
            with pytest.raises(RefusedError, match="AccessError"):
                client.call(model, method, *args)


def test_without_a_session_nothing_answers(server):
    """I3"""
    client = server.client()
    for model in OUR_MODELS:
        with pytest.raises(RefusedError, match="SessionExpired|AccessDenied"):
            client.call(model, "search_read", [])


def test_private_methods_are_not_for_the_wire(admin):
    """The runner and the refresh cannot be called by anybody from outside."""
    for model, method in (
        ("reactivation.delivery", "_cron_run"),
        ("reactivation.patient", "_refresh"),
        ("reactivation.enrollment", "_enroll"),
    ):
        with pytest.raises(RefusedError, match="AccessError"):
            admin.call(model, method)
