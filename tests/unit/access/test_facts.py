import json
from typing import Any

import pytest

from pgward.access.facts import Server, Thing, read_database
from pgward.access.marks import Mark
from pgward.core.errors import PgwardError

MARK = Mark("shop-db", "access", "alice")
SERVER: dict[str, Any] = {
    "is": "server",
    "version": "160014",
    "user": "me",
    "super": False,
    "recovery": False,
}
ROLE: dict[str, Any] = {
    "is": "role",
    "name": "alice",
    "oid": 16400,
    "super": False,
    "login": True,
    "limit": -1,
    "attributes": ["CREATEDB"],
    "until": None,
    "comment": MARK.text(),
    "reaches": False,
    "admin": True,
    "usage": False,
    "settable": False,
    "sessions": 2,
}
TABLE: dict[str, Any] = {
    "is": "thing",
    "kind": "table",
    "schema": "s",
    "name": "t",
    "args": "",
    "owner": "app",
    "owner_usage": True,
    "can": ["SELECT"],
    "extension": False,
}


def rows(*found: dict[str, Any]) -> list[bytes]:
    return [json.dumps(each).encode() for each in found]


def test_a_server_is_read() -> None:
    server = Server.read(rows(SERVER, ROLE))
    assert (server.version, server.user, server.writable) == (16, "me", True)
    assert server.roles["alice"].mark == MARK
    assert server.roles["alice"].attributes == {"CREATEDB"}


def test_roles_are_ours_by_the_mark_of_our_integration() -> None:
    server = Server.read(rows(SERVER, ROLE, {**ROLE, "name": "bob", "comment": None}))
    assert list(server.ours("shop-db")) == ["alice"]
    assert server.ours("other-db") == {}


def test_the_account_itself_is_never_ours() -> None:
    assert Server.read(rows(SERVER, {**ROLE, "name": "me"})).ours("shop-db") == {}


def test_things_are_read() -> None:
    expected = Thing("table", "s", "t", "", "app", frozenset({"SELECT"}), owner_usage=True)
    assert read_database(rows(TABLE), "shop").things == (expected,)


def test_a_name_that_is_no_utf8_is_kept_as_it_is() -> None:
    row = json.dumps({**TABLE, "name": "X"}).encode().replace(b'"X"', b'"\xff"')
    assert read_database([row], "shop").things[0].name == "\udcff"


@pytest.mark.parametrize(
    "found", [[b"{"], [b"[]"], [], rows(SERVER, {"is": "role"}), rows(SERVER, SERVER)]
)
def test_an_answer_that_is_none_is_refused(found: list[bytes]) -> None:
    with pytest.raises(PgwardError):
        Server.read(found)


@pytest.mark.parametrize("found", [[b"1"], rows({"is": "thing"}), [b"[" * 100_000]])
def test_a_database_that_answers_nonsense_is_refused(found: list[bytes]) -> None:
    with pytest.raises(PgwardError):
        read_database(found, "shop")
