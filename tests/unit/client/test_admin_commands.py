from datetime import UTC, datetime, timedelta

import pytest

from pgward.core.clock import rfc3339
from tests.fixtures.commands import body

LATER = rfc3339(datetime.now(UTC) + timedelta(days=30, minutes=1))


def test_a_token_asks_for_names_and_time(logged_in, fake_ca):
    fake_ca.routes["POST /v1/tokens"] = {"token": "pgj1.x"}
    arguments = ("--dns", "db1", "--dns", "db2", "--ip", "10.0.0.1", "--ttl", "2d")
    result = logged_in("ca", "token", "host", "h1", *arguments)
    assert result.stdout == "pgj1.x\n"
    assert result.stderr == (
        "works once, for 2 days; use it with `pgward hba apply` on the machine h1\n"
    )
    assert body(fake_ca) == {
        "kind": "host",
        "name": "h1",
        "dns": ["db1", "db2"],
        "ips": ["10.0.0.1"],
        "ttl_seconds": 172800,
    }


@pytest.mark.parametrize("arguments", [["edges"], ["edges", "list"]])
def test_edges(logged_in, fake_ca, arguments):
    row = {
        "name": "e1",
        "address": "e1.test:7432",
        "last_seen_at": None,
        "snapshot_version": 6,
        "not_after": LATER,
    }
    fake_ca.routes["GET /v1/edges"] = {
        "version": 7,
        "edges": [row, row | {"name": "e2", "snapshot_version": 7}],
    }
    lines = [line.split() for line in logged_in(*arguments).stdout.splitlines()]
    assert lines[1][:4] == ["e1", "e1.test:7432", "never", "no"]
    assert lines[2][:4] == ["e2", "e1.test:7432", "never", "yes"]


def test_no_edges_say_how_to_begin(logged_in, fake_ca):
    fake_ca.routes["GET /v1/edges"] = {"version": 7, "edges": []}
    assert "`pgward ca token edge NAME` begins one" in logged_in("edges").stderr


def test_edges_are_removed(logged_in, fake_ca):
    fake_ca.routes["DELETE /v1/edges/e1"] = {"revoked": 1}
    assert logged_in("edges", "remove", "e1").stderr == (
        "removed the edge e1; 1 certificate revoked\n"
    )


def test_any_option_can_be_set_by_a_variable(logged_in, fake_ca, monkeypatch):
    fake_ca.routes["GET /v1/certificates"] = {"certificates": []}
    monkeypatch.setenv("PGWARD_CA_LIST_LIMIT", "50")
    monkeypatch.setenv("PGWARD_OUTPUT", "json")
    assert logged_in("ca", "list").stdout == "[]\n"
    assert fake_ca.requests[-1].url.params["limit"] == "50"
