"""Asking and deciding in two browsers."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from pgward.ca.access import reporting
from pgward.ca.access.reporting import Report, Told
from tests.fixtures.access_world import BUNDLE
from tests.fixtures.web_person import WebPerson

ASK = {"bundle": BUNDLE, "length": "1h", "reason": "<b>totals are wrong"}


@pytest.fixture
def browse(who, app) -> Callable[[str], WebPerson]:
    """Sign people of the world in, each in a browser of their own."""
    browsers: dict[str, WebPerson] = {}

    def sign_in(name: str) -> WebPerson:
        if name not in browsers:
            who(name)  # gives them a password
            browsers[name] = WebPerson(app).sign_in(name)
        return browsers[name]

    return sign_in


@pytest.fixture
def asked(browse) -> str:
    """Where the page of a request of ann's is."""
    browse("ann").open("/requests/new/shop")
    page = browse("ann").press("Ask", **ASK)
    assert page.status == 200, page.text
    return page.path


def test_a_request_is_asked_and_approved_in_two_browsers(browse, asked, access):
    page = browse("ann").open(asked)
    assert "You asked for shop" in page.text
    assert "&lt;b&gt;totals are wrong" in page.answer.text
    assert "Approve" not in page.text
    page = browse("dora").open("/requests")
    assert "ann" in page.text
    browse("dora").open(asked)
    page = browse("dora").press("Approve", reason="go ahead")
    assert "You approved it." in page.text
    assert "dora approved: go ahead" in page.text
    assert access.grant(asked.rpartition("/")[2]) is not None
    assert "approved, not there yet" in browse("ann").open("/requests").text


def test_nobody_decides_about_their_own(browse, asked):
    form = browse("ann").open(asked).forms[-1]
    sent = {"csrf": form.fields["csrf"], "act": "approve"}
    page = browse("ann").send(asked, sent)
    assert page.status == 403
    assert "Nobody decides about their own request." in page.text


def test_a_no_needs_a_reason_and_is_read(browse, asked):
    browse("dora").open(asked)
    page = browse("dora").press("Deny", reason="not on a Friday")
    assert "You denied it." in page.text
    page = browse("ann").open(asked)
    assert "not on a Friday" in page.text
    assert page.links["Ask anew"] == "/requests/new/shop"
    assert "Ask anew" not in browse("dora").open(asked).links


def test_a_request_is_taken_back(browse, asked):
    browse("ann").open(asked)
    assert "Taken back." in browse("ann").press("Take it back").text
    browse("dora").open(asked)
    assert "cancelled" in browse("dora").open(asked).text


def test_what_was_decided_meanwhile_is_told(browse, asked):
    browse("dora").open(asked)
    browse("dirk").open(asked)
    browse("dora").press("Approve", reason="")
    page = browse("dirk").press("Approve", reason="")
    assert page.status == 409
    assert "dora approved" in page.text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"length": "1y"}, "is no duration"),
        ({"length": "9h"}, "8 hours"),
        ({"reason": ""}, "reason"),
        ({"on": "table x"}, "is not understood"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_lost(browse, fields, told):
    browse("ann").open("/requests/new/shop")
    page = browse("ann").press("Ask", **ASK | fields)
    assert page.status in {403, 409, 422}
    assert told in page.text
    if "reason" not in fields:
        assert page.forms[-1].fields["reason"] == ASK["reason"]


def test_glass_is_broken_by_who_may(browse):
    assert "Break the glass" not in browse("ann").open("/requests/new/shop").text
    browse("sam").open("/requests/new/shop")
    page = browse("sam").press("Break the glass: at once, and with an alarm", **ASK)
    assert "Granted." in page.text
    assert "by breaking the glass" in page.text
    browse("dora").open(page.path)
    assert "Noted." in browse("dora").press("I have looked at it", reason="fine").text


def test_the_only_thing_that_there_is_is_chosen_already(browse, access):
    assert "bundle" not in browse("ann").open("/requests/new/shop").forms[-1].fields
    access.flow(roles=None, privileges=None)
    browse("ann").open("/requests/new/shop")
    page = browse("ann").press("Ask", reason="a ticket")
    assert (page.status, "You asked for shop" in page.text) == (200, True)


def test_nobody_sees_what_is_not_theirs(browse, asked):
    page = browse("bea").open(asked)
    assert page.status in {403, 404}
    assert "totals" not in page.text
    assert browse("bea").open("/requests/new/shop").status == 404


def test_more_time_is_asked_for_and_access_is_ended(browse, asked, access, clock):
    browse("dora").open(asked)
    browse("dora").press("Approve", reason="")
    active(access, asked, clock)
    browse("ann").open(asked)
    assert (
        "Asked for more time."
        in browse("ann").press("Ask for more time", length="1h", reason="not done").text
    )
    browse("dora").open(asked)
    assert "Ended." in browse("dora").press("End it now", reason="incident").text


def active(access, path, clock):
    """Have the connector report that a grant is there."""
    number = path.rpartition("/")[2]
    report = Report("0" * 32, "shop-db", 1, [Told(number, "active", clock.now())])
    with access.store.write() as transaction:
        reporting.take(transaction, SimpleNamespace(actor="connector:c1"), report, now=clock.now())


def test_the_sql_is_shown_when_the_connector_answers(browse, asked, monkeypatch):
    monkeypatch.setattr("pgward.portal.pages.requests._PLAN_SECONDS", 0.0)
    browse("dora").open(asked)
    page = browse("dora").press("Show the SQL that it would run")
    assert "The connector has not answered yet." in page.text


def test_what_one_has_may_be_given_back(browse, asked, access):
    browse("dora").open(asked)
    browse("dora").press("Approve", reason="go ahead")
    page = browse("ann").open(asked)
    assert "End it now" not in page.text
    page = browse("ann").press("Give it back now")
    assert (page.status, "Ended." in page.text) == (200, True)
    assert access.grant(asked.rpartition("/")[2]).state in {"ending", "ended"}
