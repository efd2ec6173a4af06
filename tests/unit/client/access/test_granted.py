import json

import pytest

from tests.fixtures.asked import grant

ROUTE = "GET /v1/access/grants"


@pytest.fixture
def ca(fake_ca):
    fake_ca.routes[ROUTE] = {"grants": [grant()], "after": None}
    return fake_ca


def params(ca):
    return dict(ca.requests[-1].url.params)


@pytest.mark.parametrize("words", [["access"], ["access", "list"]])
def test_ones_own_access(logged_in, ca, words):
    title, row = logged_in(*words).stdout.splitlines()
    assert title.split() == ["ID", "SERVICE", "WHAT", "ROLE", "STATE", "UNTIL"]
    assert row.split()[:4] == ["4f0c12", "shop", "shop-reading", "alice"]
    assert row.endswith("2026-11-21T14:05:00Z")
    assert params(ca) == {"state": "live", "mine": "true", "limit": "100"}
    assert json.loads(logged_in(*words, "-o", "json").stdout) == [grant()]


def test_that_of_everybody_and_what_is_wrong_with_it(logged_in, ca):
    broken = grant(state="pending", problem="the server is away")
    ca.routes[ROUTE] = {"grants": [broken], "after": "next"}
    done = logged_in("access", "--all", "--state", "pending", "--service", "shop", "--limit", "1")
    title, row = done.stdout.splitlines()
    assert title.split() == [
        *("ID", "USER", "SERVICE", "WHAT", "ROLE", "STATE", "UNTIL", "PROBLEM"),
    ]
    assert row.endswith("the server is away")
    assert params(ca) == {"state": "pending", "service": "shop", "limit": "1"}
    assert done.stderr == "only 1 are shown; --limit shows more\n"


def test_what_holds_it_up_is_shown_as_well(logged_in, ca):
    held = grant(state="pending", trouble="there is no connector c1")
    ca.routes[ROUTE] = {"grants": [held], "after": None}
    assert logged_in("access").stdout.endswith("  there is no connector c1\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [([], "you have no such access\n"), (["--user", "bob"], "there is no such access\n")],
)
def test_where_there_is_none(logged_in, ca, words, said):
    ca.routes[ROUTE] = {"grants": [], "after": None}
    assert logged_in("access", *words).stderr == said
