"""Ten mail programs unsubscribe the same patient at the same moment."""

import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from conftest import PATIENCE, deliver_to, midday_zone, wait_for
from test_server import cron_now

TIMES = 10


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
            "reactivation_tz": midday_zone(),
        },
    )
    return client


@pytest.fixture
def message(admin, mailbox):
    """The e-mail of a campaign to a patient, as it arrived."""
    address = f"una-{datetime.now(UTC).timestamp():.0f}@example.com"
    partner = admin.call(
        "res.partner",
        "create",
        {
            "name": "Una Sample",
            "email": address,
            "tz": midday_zone(),
            "patient_mark": "patient",
        },
    )
    admin.call(
        "reactivation.external.visit",
        "create",
        {
            "reference": address,
            "partner_id": partner,
            "date": f"{datetime.now(UTC) - timedelta(days=250):%Y-%m-%d %H:%M:%S}",
        },
    )
    cron_now(admin, "ir_cron_refresh_full")
    wait_for(
        lambda: admin.call(
            "reactivation.patient",
            "search_count",
            [("partner_id", "=", partner), ("status", "=", "lapsed")],
        ),
        "the patient to be refreshed",
    )
    deliver_to(admin, mailbox)
    campaign = admin.call(
        "reactivation.campaign",
        "create",
        {
            "name": "Unsubscribe",
            "segment_ids": [(0, 0, {"name": "All"})],
            "method_ids": [(0, 0, {"name": "M", "step_ids": [(0, 0, {"name": "S"})]})],
        },
    )
    step = admin.call(
        "reactivation.step", "search", [("campaign_id", "=", campaign)], limit=1
    )
    admin.call("reactivation.step", "action_open_mailing", step)
    admin.call("reactivation.campaign", "action_start", [campaign])
    wait_for(lambda: address in mailbox.recipients, "the e-mail")
    return partner, mailbox.messages[mailbox.recipients.index(address)][1]


def words(client, partner):
    return client.call(
        "reactivation.consent",
        "search_read",
        [("partner_id", "=", partner)],
        ["state", "channel", "purpose", "source"],
    )


def post_at_once(urls, body):
    """Post to every address at the same moment, without a session.

    :return: the status of each answer; a redirect is an answer
    """
    start = threading.Barrier(len(urls))
    opener = urllib.request.build_opener(NoRedirect)

    def post(url):
        start.wait()
        with opener.open(url, data=body, timeout=PATIENCE) as answer:
            return answer.status

    with ThreadPoolExecutor(len(urls)) as pool:
        return list(pool.map(post, urls))


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args):
        return None


def local(server, url):
    """The address of a link, at the server of the test."""
    return server.url + "/mailing/" + url.split("/mailing/")[1]


def test_ten_one_clicks_at_once_are_one_withdrawal(server, admin, message):
    """A5, E3"""
    partner, mail = message
    url = local(server, mail["List-Unsubscribe"].strip("<> "))
    body = b"List-Unsubscribe=One-Click"
    assert post_at_once([url] * TIMES, body) == [200] * TIMES
    (word,) = words(admin, partner)
    assert (word["state"], word["channel"], word["purpose"], word["source"]) == (
        "withdrawn",
        "mail",
        "care",
        "page",
    )
    outcomes = [
        ("enrollment_id.partner_id", "=", partner),
        ("kind", "=", "unsubscribed"),
    ]
    assert admin.call("reactivation.outcome", "search_count", outcomes) == 1
    assert admin.call("mail.blacklist", "search_count", []) == 0
    # On the page: undone ten times at once, which is once, and stopped again.
    page = url.replace("/unsubscribe_oneclick", "/confirm_unsubscribe")
    assert post_at_once([page] * TIMES, b"choice=undo") == [200] * TIMES
    assert len(words(admin, partner)) == 2
    assert post_at_once([url, page] * (TIMES // 2), b"choice=stop") == [200] * TIMES
    assert [word["state"] for word in words(admin, partner)] == [
        "withdrawn",
        "granted",
        "withdrawn",
    ]
