"""How the databases behind an edge are, over HTTP."""

import pytest

from tests.fixtures.edge_services import aware, declare

TELL = "/v1/edge/databases"


def tell(edge, **services):
    answer = edge.call("POST", TELL, {"services": services})
    assert answer.status_code == 200, answer.text
    return answer.json()["change"]


def health(device):
    (found,) = device.call("GET", "/v1/services").json()["services"]
    return found["health"]


@pytest.fixture
def edges(api, admin):
    """Two edges that are heard of."""
    made = [api.machine(admin, "edge", name) for name in ("e1", "e2")]
    for each in made:
        assert each.call("GET", "/v1/edge/snapshot").status_code == 200
    return made


def test_people_hear_whether_it_answers_as_long_as_the_edge_is_heard_of(api, admin, alice, edges):
    declare(admin, aware())
    one, two = edges
    assert health(alice) == "unknown"
    assert tell(one, orders="db1 does not answer") == "updated"
    assert health(alice) == "away"
    assert tell(one, orders="db1 does not answer") == "unchanged"
    tell(two, orders=None)
    assert health(alice) == "answers"
    tell(two)
    declare(admin, aware(), edges=["e2"])
    assert health(alice) == "unknown"
    declare(admin, aware())
    assert health(alice) == "away"
    assert "db1 does not" not in alice.call("GET", "/v1/services").text
    api.clock.move(minutes=2)
    assert health(alice) == "unknown"


def test_administrators_see_what_an_edge_told_and_others_do_not(admin, alice, edges):
    tell(edges[0], orders="db1 does not answer", shop=None)
    path = "/v1/edges/e1/databases"
    assert admin.call("GET", path).json() == {
        "online": True,
        "databases": [
            {
                "service": "orders",
                "problem": "db1 does not answer",
                "since": "2026-11-21T12:00:00Z",
            },
            {"service": "shop", "problem": None, "since": "2026-11-21T12:00:00Z"},
        ],
    }
    assert alice.call("GET", path).status_code == 403
    assert admin.call("GET", "/v1/edges/none/databases").status_code == 404
    assert admin.call("DELETE", "/v1/edges/e1").status_code == 200
    assert admin.call("GET", path).status_code == 404


def test_only_edges_tell_and_within_bounds(api, admin, alice, edges):
    body = {"services": {"orders": None}}
    assert alice.call("POST", TELL, body).status_code == 403
    assert api.machine(admin, "host", "h1", dns=["h1"]).call("POST", TELL, body).status_code == 403
    for wrong in (
        {},
        {"services": {"": None}},
        {"services": {"x" * 64: None}},
        {"services": {"a": "x" * 1001}},
        {"services": {"a": 3}},
        {"services": {str(number): None for number in range(5001)}},
    ):
        assert edges[0].call("POST", TELL, wrong).status_code == 422
