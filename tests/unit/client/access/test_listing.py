import json

import pytest

from tests.fixtures.asked import ID, approved, request
from tests.fixtures.commands import body

OTHER = "4f0c12ffffffffff"
ROUTE = "GET /v1/access/requests"


@pytest.fixture
def ca(fake_ca):
    """List alice's requests, or those that she may decide about."""
    old = request(id=OTHER, state="lapsed", decided_at="2026-11-21T12:00:00Z")
    others = [request(id="b" * 16, user="bob\x1b[2J")]

    def listed(_body):
        params = fake_ca.requests[-1].url.params
        rows = others if "to_decide" in params else [approved(), old]
        return {"requests": rows[: int(params["limit"])], "after": None}

    fake_ca.routes[ROUTE] = listed
    fake_ca.routes[f"{ROUTE}/{ID}"] = {"request": approved()}
    return fake_ca


def params(ca, number=-1):
    return dict(ca.requests[number].url.params)


@pytest.mark.parametrize("words", [["requests"], ["requests", "list"]])
def test_ones_own_requests_and_how_many_wait_for_oneself(logged_in, ca, words):
    done = logged_in(*words)
    title, first, second = done.stdout.splitlines()
    assert title.split() == ["ID", "SERVICE", "WHAT", "FOR", "STATE", "ASKED", "REASON"]
    assert first.startswith("4f0c12a  shop     shop-reading, role reporting, table shop.public")
    assert second.split()[0] == "4f0c12f"
    assert " lapsed " in second
    assert done.stderr == ("1 request of others to decide about: pgward requests --to-decide\n")
    assert params(ca, 0) == {"mine": "true", "limit": "100"}
    assert params(ca) == {"to_decide": "true", "limit": "100"}


def test_those_to_decide_about(logged_in, ca):
    done = logged_in("requests", "--to-decide", "--service", "shop")
    assert done.stdout.splitlines()[1].split()[:3] == ["bbbbbb", "bob\\x1b[2J", "shop"]
    assert (done.stderr, params(ca)) == (
        "",
        {"to_decide": "true", "service": "shop", "limit": "100"},
    )


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["--all"], {}),
        (["--all", "--state", "lapsed"], {"state": "lapsed"}),
        (["--user", "bob"], {"user": "bob"}),
        (["--unacknowledged"], {"unacknowledged": "true"}),
    ],
)
def test_those_of_everybody(logged_in, ca, words, asked):
    assert "USER" in logged_in("requests", *words).stdout
    assert params(ca) == {**asked, "limit": "100"}


def test_as_data_they_are_whole_and_nothing_else_is_asked(logged_in, ca):
    done = logged_in("requests", "-o", "json")
    assert [each["id"] for each in json.loads(done.stdout)] == [ID, OTHER]
    assert (len(ca.requests), done.stderr) == (1, "")


def test_that_there_are_more_is_said(logged_in, ca):
    ca.routes[ROUTE] = {"requests": [approved()], "after": "next"}
    done = logged_in("requests", "--all", "--limit", "1")
    assert done.stderr == "only the newest 1 are shown; --limit shows more\n"


def test_how_many_wait_is_not_counted_for_ever(logged_in, ca):
    ca.routes[ROUTE] = {"requests": [approved(), approved()], "after": "next"}
    said = logged_in("requests", "--limit", "2").stderr
    assert "more than 100 requests of others to decide about" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "you asked for nothing; pgward request shows what you may ask for\n"),
        (["--to-decide"], "there is nothing to decide about\n"),
        (["--unacknowledged"], "there is no broken glass to look at\n"),
        (["--all"], "nobody asked for anything\n"),
    ],
)
def test_where_there_is_none(logged_in, ca, words, said):
    ca.routes[ROUTE] = {"requests": [], "after": None}
    assert logged_in("requests", *words).stderr == said


def test_two_wishes_that_exclude_each_other(logged_in):
    done = logged_in("requests", "--all", "--to-decide")
    assert (done.exit_code, "exclude each other" in done.stderr) == (2, True)


@pytest.mark.usefixtures("ca")
def test_one_is_shown_with_what_happened(logged_in):
    shown = logged_in("requests", "show", "4f0c12a").stdout
    assert f"id           {ID}" in shown
    assert "2026-11-21T12:05:00Z  bob approved (" in shown
    assert "2026-11-21T12:05:01Z  it is there, as the role alice (" in shown
    assert json.loads(logged_in("requests", "show", ID, "-o", "json").stdout) == approved()
    assert logged_in("requests", "show", "ffff").stderr == (
        "pgward: there is no request 'ffff' for you\nhint: pgward requests\n"
    )


def test_a_broken_glass_is_taken_note_of(logged_in, ca):
    ca.routes[f"POST /v1/access/requests/{ID}/acknowledge"] = {"request": approved()}
    done = logged_in("requests", "acknowledge", "4f0c12a", "--reason", "a disk was full")
    assert body(ca) == {"reason": "a disk was full"}
    assert done.stderr == "you took note of 4f0c12 of alice\n"
