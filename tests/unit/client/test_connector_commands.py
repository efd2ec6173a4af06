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
