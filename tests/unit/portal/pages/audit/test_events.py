import csv
import io
import json

import pytest

from pgward.audit.events import AuditEvent
from pgward.portal.pages.audit import events, exports
from tests.fixtures.authority import START

NASTY = "<b onload=x>'\"&amp;"


@pytest.fixture
def otto(web, api, admin):
    """An auditor, in an authority where alice was added and then refused."""
    admin.call("POST", "/v1/users", {"name": "alice"})
    admin.call("POST", "/v1/users", {"name": "alice"})
    api.add("otto", "auditors")
    return web.sign_in("otto")


def exported(otto, form, **fields):
    otto.open("/audit/events?" + "&".join(f"{name}={value}" for name, value in fields.items()))
    return otto.press("CSV" if form == "csv" else "JSON lines").answer


def test_an_auditor_sees_events_and_how_they_divide(otto):
    page = otto.open("/audit/events")
    assert page.status == 200
    assert "user.add alice" in page.text
    assert page.links["user.add"] == "/audit/events?action=user.add"
    assert "in all" in page.text


def test_a_search_is_narrowed_and_widened(otto):
    page = otto.open("/audit/events?action=user.add&outcome=failed&since=24h")
    assert "user.add alice there is a user" in page.text
    assert "session.start" not in page.text
    assert page.links["\N{MULTIPLICATION SIGN}"] == "/audit/events?action=user.add&since=24h"
    assert page.links["month"] == "/audit/events?action=user.add&outcome=failed&since=30d"


def test_nothing_found_says_what_to_do(otto):
    page = otto.open("/audit/events?actor=nobody")
    assert "No such event" in page.text
    assert page.links["begin anew"] == "/audit/events"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=yesterday", "'yesterday' is no time. Write 24h, 7d, 2026-11-21"),
        ("outcome=fine", "Outcome "),
        ("cursor=x", "That cursor is of another search"),
        ("until=0001-01-01T00:00%2B14:00", "is no time"),
    ],
)
def test_what_cannot_be_asked_is_explained_on_the_page(otto, query, words):
    page = otto.open(f"/audit/events?{query}")
    assert (page.status, words in page.text, "events" in page.path) == (422, True, True)


def test_pages_follow_each_other(otto, monkeypatch):
    monkeypatch.setattr(events, "_ON_A_PAGE", 1)
    first = otto.open("/audit/events?action=user.add")
    assert "failed" in first.text
    second = otto.open(first.links["Next page"])
    assert "Next page" not in second.text
    assert second.links["First page"] == "/audit/events?action=user.add"


def test_an_event_is_shown_whole(otto):
    found = otto.open("/audit/events?action=user.add&outcome=failed")
    number = max(path for path in found.links.values() if path.startswith("/audit/events/"))
    page = otto.open(number)
    assert "user.add alice" in page.text
    assert '"actor": "root"' in page.text
    assert otto.open("/audit/events/99999").status == 404
    assert otto.open("/audit/events/x").status == 404


def test_names_are_text(otto, store):
    event = AuditEvent.make(
        time=START,
        actor=NASTY,
        action="x",
        target=NASTY,
        reason=NASTY,
        client=NASTY,
        details={NASTY: NASTY, "list": [NASTY]},
    )
    with store.write() as transaction:
        transaction.record(event, source=NASTY)
    page = otto.open("/audit/events?action=x")
    (whole,) = [path for path in page.links.values() if path.startswith("/audit/events/")]
    for path in (
        "/audit/events",
        f"/audit/events?actor={NASTY}&text={NASTY}&since={NASTY}",
        whole,
    ):
        answer = otto.open(path).answer
        assert "onload" in answer.text
        assert "<b onload" not in answer.text


def test_what_is_found_is_taken_along(otto, api):
    answer = exported(otto, "csv", action="user.add", text="alice")
    assert answer.headers["content-disposition"] == (
        'attachment; filename="pgward-events-20261121T120000Z.csv"'
    )
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(each["actor"], each["target"], each["outcome"]) for each in lines] == [
        ("root", "alice", "failed"),
        ("root", "alice", "ok"),
    ]
    (noted,) = [each for each in api.events() if each["action"] == "audit.export"]
    assert (noted["actor"], noted["target"], noted["details"]) == (
        *("otto", "events"),
        {"action": "user.add", "text": "…"},
    )


def test_lines_of_json_are_whole_events(otto, api, monkeypatch):
    monkeypatch.setattr(events.audit_events, "MOST_EVENTS", 1)
    answer = exported(otto, "jsonl", action="user.add")
    assert answer.headers["content-type"] == "application/x-ndjson"
    expected = [each for each in api.events() if each["action"] == "user.add"]
    assert [json.loads(line) for line in answer.text.splitlines()] == expected[::-1]


def test_a_file_that_is_not_all_says_so(otto, monkeypatch):
    monkeypatch.setattr(exports, "MOST", 1)
    lines = exported(otto, "csv", action="user.add").text.splitlines()
    assert (len(lines), lines[-1]) == (3, exports.CUT)


def test_other_people_see_nothing(web, api):
    api.add("alice")
    web.sign_in("alice")
    for path in ("/audit", "/audit/events", "/audit/events/1", "/audit/searches"):
        assert web.open(path).status == 403
    token = web.open("/databases").forms[0].fields["csrf"]
    for path in ("/audit/events/export", "/audit/searches"):
        assert web.send(path, {"csrf": token, "form": "csv", "name": "x"}).status == 403


@pytest.mark.parametrize(
    ("target", "shown"),
    [("orders", "orders"), ("0123456789abcdef" * 2, "0123456789ab…"), ("abcdef", "abcdef")],
)
def test_of_a_long_number_the_beginning_is_shown(target, shown):
    assert events.short(target) == shown
