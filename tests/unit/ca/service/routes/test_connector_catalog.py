import zlib

import pytest

from pgward.access.catalog import MOST_PIECE, Piece, Thing, pieces
from tests.fixtures.catalogs import SHOP
from tests.fixtures.integrations import declare

[PIECE] = pieces("shop", [each.line() for each in SHOP])


def offer(machine, *digests, integration="shop-db", **fields):
    body = {
        "integration": integration,
        "taken_at": "2026-11-21T11:59:00Z",
        "seconds": 1.5,
        "server_version": 16,
        "databases": {"shop": {"pieces": list(digests), **fields}},
    }
    return machine.call("POST", "/v1/connector/catalog", body)


def deliver(machine, piece=PIECE, digest=None, packed=None):
    path = f"/v1/connector/catalog/shop-db/{digest or piece.digest}"
    return machine.put_content(path, packed or piece.packed(), {})


def test_a_catalog_is_offered_delivered_and_seen(admin, edge):
    declare(admin)
    assert offer(edge, PIECE.digest).json() == {"missing": [PIECE.digest]}
    assert deliver(edge) == (200, {"new": True})
    assert deliver(edge) == (200, {"new": False})
    assert offer(edge, PIECE.digest).json() == {"missing": []}
    found = admin.call("GET", "/v1/catalog/shop-db").json()
    assert (found["taken_at"], found["counts"]["table"]) == ("2026-11-21T11:59:00Z", 3)


def test_what_hindered_it_is_seen(admin, edge):
    declare(admin)
    assert offer(edge, problem="no right to connect").json() == {"missing": []}
    found = admin.call("GET", "/v1/catalog/shop-db").json()
    assert found["databases"] == {"shop": "no right to connect"}
    body = {"integration": "shop-db", "failure": "the server is away"}
    assert edge.call("POST", "/v1/connector/catalog-failure", body).status_code == 200
    assert admin.call("GET", "/v1/catalog/shop-db").json()["failure"] == "the server is away"


def test_a_long_list_fits(admin, edge):
    declare(admin)
    digests = [f"{number:064x}" for number in range(2000)]
    assert len(offer(edge, *digests).json()["missing"]) == 2000


@pytest.mark.parametrize(
    ("digest", "packed", "message"),
    [
        ("0" * 64, PIECE.packed(), "that piece has another digest"),
        (PIECE.digest, b"junk", "a piece of a catalog cannot be read"),
        (PIECE.digest, zlib.compress(b" " * (MOST_PIECE + 1)), "a piece of a catalog"),
        (Piece("shop", (b"{}",)).digest, Piece("shop", (b"{}",)).packed(), "a line of a catalog"),
    ],
)
def test_a_piece_that_is_not_what_it_says_is_refused(admin, edge, digest, packed, message):
    declare(admin)
    status, answer = deliver(edge, digest=digest, packed=packed)
    assert (status, message in answer["error"]["message"]) == (422, True)


def test_another_machine_tells_nothing_of_it(api, admin, edge):
    declare(admin)
    stranger = api.machine(admin, "edge", "e2")
    assert offer(stranger, PIECE.digest).status_code == 403
    assert deliver(stranger)[0] == 403
    assert offer(edge, integration="none").status_code == 403
    host = api.machine(admin, "host", "e1")
    assert offer(host).status_code == 403


def test_a_piece_as_long_as_may_be_is_taken(admin, edge):
    declare(admin)
    thing = Thing("table", "public", "t", comment="é" * 500)
    count = MOST_PIECE // (len(thing.line()) + 3) - 10
    lines = [Thing("table", "s", f"{n:03x}", comment="é" * 500).line() for n in range(count)]
    piece = Piece("shop", tuple(lines))
    assert deliver(edge, piece)[0] == 200
