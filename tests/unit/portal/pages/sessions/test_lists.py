"""The lists of sessions: all for auditors, their own for everybody else."""

from datetime import timedelta

import pytest

from pgward.portal.pages.sessions import lists
from tests.fixtures.authority import START
from tests.fixtures.chunks import record
from tests.fixtures.web_sessions import EVIL


def paths(page):
    return [each for each in page.links.values() if each.startswith("/sessions/e")]


@pytest.mark.usefixtures("told", "alice")
def test_people_see_their_own(web):
    page = web.sign_in("alice").open("/sessions")
    assert page.links["Sessions"] == "/sessions"
    assert paths(page) == ["/sessions/e1/s1"]
    assert "1 statement, 4 rows, 22 B" in page.text
    assert "bob" not in page.text
    page = web.open("/sessions/past")
    assert paths(page) == ["/sessions/e1/s3"]
    assert paths(web.open("/sessions/past?user=bob")) == ["/sessions/e1/s3"]


@pytest.mark.usefixtures("told")
def test_auditors_see_all(web, api):
    api.add("carol", "auditors")
    page = web.sign_in("carol").open("/sessions")
    assert paths(page) == ["/sessions/e1/s1"]
    assert "alice" in page.text
    page = web.open("/sessions/past")
    assert paths(page) == ["/sessions/e1/s3", "/sessions/e1/s2"]
    assert "cut off, 57P01" in page.text
    assert "1 error , 1 denied" in page.text


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("user=bob", ["s2"]),
        ("service=stock&edge=e1", ["s3"]),
        ("edge=e2", []),
        ("about=57P", []),
        ("about=OCK", ["s3"]),
        ("state=cut", ["s2"]),
        ("state=ok", ["s3"]),
        ("state=errors", ["s2"]),
        ("state=denied", ["s2"]),
        ("state=unknown", []),
        ("since=2026-11-22", []),
        ("since=2026-01-01&until=2026-11-21", ["s3", "s2"]),
        ("recorded=yes", []),
        ("user=&service=+&since=&until=&state=", ["s3", "s2"]),
    ],
)
def test_filters(web, query, found):
    page = web.sign_in("root").open(f"/sessions/past?{query}")
    assert (page.status, paths(page)) == (200, [f"/sessions/e1/{each}" for each in found])


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("query", ["state=x", "since=x", "until=9999-12-31", "cursor=x"])
def test_what_is_no_filter_is_told(web, query):
    assert web.sign_in("root").open(f"/sessions/past?{query}").status == 422


@pytest.mark.usefixtures("told")
def test_pages_of_a_long_list(web, monkeypatch):
    monkeypatch.setattr(lists, "MOST", 1)
    page = web.sign_in("root").open("/sessions/past?edge=e1")
    assert paths(page) == ["/sessions/e1/s3"]
    page = web.open(page.links["Next page"])
    assert paths(page) == ["/sessions/e1/s2"]
    assert page.links["First page"] == "/sessions/past?edge=e1"


@pytest.mark.usefixtures("edge")
def test_nothing_there_yet(web, api):
    api.add("alice")
    page = web.sign_in("alice").open("/sessions")
    assert "You are connected to no database" in page.text
    assert "No such session" in web.open("/sessions/past").text
    web.open("/sign-in")


def test_names_are_text(web, teller):
    teller.tell(
        record(
            1, session="<b>&", type="SESSION_START", user=EVIL, service=EVIL, database=EVIL,
            role=EVIL, client=EVIL, application=EVIL,
        ),
    )  # fmt: skip
    page = web.sign_in("root").open("/sessions")
    assert page.text.count(EVIL) == 6
    assert EVIL not in page.answer.text
    page = web.open(paths(page)[0])
    assert page.status == 200
    assert EVIL not in page.answer.text
    assert EVIL in page.text


@pytest.mark.usefixtures("told")
def test_how_long_a_session_runs(web, clock):
    clock.move(minutes=3)
    page = web.sign_in("root").open("/sessions")
    assert "for 2 minutes 59 seconds" in page.text
    assert "quiet for 3 minutes" in page.text


@pytest.mark.usefixtures("told")
def test_how_much_comes_in_a_second(web, clock):
    clock.move(seconds=10)
    page = web.sign_in("root").open("/sessions")
    assert "0.1 /s, 2 B/s" in page.text


def test_a_session_of_an_edge_whose_clock_is_ahead(web, teller):
    teller.tell(record(100, session="s1", type="SESSION_START"))
    assert START + timedelta(seconds=100) > START
    assert "for 0 seconds" in web.sign_in("root").open("/sessions").text
