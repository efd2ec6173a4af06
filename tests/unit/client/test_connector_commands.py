from datetime import UTC, datetime, timedelta

import pytest

from pgward.core.clock import rfc3339

LATER = rfc3339(datetime.now(UTC) + timedelta(days=30, minutes=1))


def server(integration, state="ok", problem=None):
    return {
        "integration": integration,
        "state": state,
        "problem": problem,
        "server_version": 16,
        "told_at": LATER,
    }


@pytest.mark.parametrize("arguments", [["connectors"], ["connectors", "list"]])
def test_connectors(logged_in, fake_ca, arguments):
    row = {
        "name": "c1",
        "integrations": ["shop-db", "wiki-db"],
        "servers": [server("shop-db"), server("wiki-db", "away", "no route")],
        "enrolled_at": LATER,
        "last_seen_at": None,
        "not_after": LATER,
    }
    fake_ca.routes["GET /v1/connectors"] = {"connectors": [row]}
    line = logged_in(*arguments).stdout.splitlines()[1].split()
    assert line == [
        "c1",
        "shop-db,",
        "wiki-db",
        "never",
        "in",
        "30",
        "days",
        "wiki-db:",
        "no",
        "route",
    ]


def test_no_connectors_say_how_to_begin(logged_in, fake_ca):
    fake_ca.routes["GET /v1/connectors"] = {"connectors": []}
    assert "`pgward ca token connector NAME` begins one" in logged_in("connectors").stderr


def test_connectors_are_removed(logged_in, fake_ca):
    fake_ca.routes["DELETE /v1/connectors/c1"] = {"revoked": 1}
    assert logged_in("connectors", "remove", "c1").stderr == (
        "removed the connector c1; 1 certificate revoked\n"
    )


def finding(verdict, hint=None):
    return {"check": "tls", "verdict": verdict, "text": "in clear text", "hint": hint}


@pytest.fixture
def checked(fake_ca):
    def answered(state="there", *findings, trouble=None):
        path = "/v1/integrations/shop-db/check"
        found = {"state": state, "findings": list(findings), "trouble": trouble}
        fake_ca.routes[f"POST {path}"] = fake_ca.routes[f"GET {path}"] = found

    return answered


def test_a_server_is_tried_by_its_connector(logged_in, checked):
    checked("there", finding("warning", "sslMode: verify-full"))
    done = logged_in("connectors", "check", "shop-db")
    assert done.stdout.splitlines()[1].split() == ["tls", "warning", "in", "clear", "text"]
    assert "tls: sslMode: verify-full" in done.stderr
    checked("there", finding("problem"))
    done = logged_in("connectors", "check", "shop-db")
    assert done.exit_code == 1
    assert "the server cannot be worked as it is" in done.stderr


@pytest.mark.parametrize(("trouble", "words"), [("c1 is away", ": c1 is away"), (None, "answered")])
def test_a_connector_that_does_not_answer_is_told(logged_in, checked, trouble, words):
    checked("asked", trouble=trouble)
    done = logged_in("connectors", "check", "shop-db")
    assert done.exit_code == 1
    assert (
        f"the connector of shop-db has not answered{words.removeprefix('answered')}" in done.stderr
    )
