import json
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from pgward.access.facts import Database
from pgward.access.rights import ObjectRights, Rights
from pgward.access.wanted import Grant, Wanted
from pgward.connector.looking import look_at_server, look_within
from pgward.connector.rooms import Rooms
from pgward.core.errors import UnavailableError
from tests.fixtures.scripted_server import ScriptedServer

SERVER = {"is": "server", "version": "160001", "user": "me", "super": False, "recovery": False}
RIGHTS = frozenset(
    ObjectRights(each, "table", "s", "*", ("SELECT",))
    for each in ("shop", "attic", "cellar", "away", "ghost")
)
WANTED = Wanted(
    1,
    {"reading": Rights(frozenset({"reporting"}), RIGHTS)},
    (Grant("g", "alice", "al", datetime.max.replace(tzinfo=UTC), frozenset({"reading"})),),
    "app",
)


def door(name: str, *, allows: bool = True, connects: bool = True) -> dict[str, Any]:
    access = {"allows": allows, "connects": connects}
    return {"is": "database", "name": name, "owner": "app", "can": [], **access}


DOORS = [
    *(door("shop"), door("attic", allows=False), door("cellar", connects=False), door("away")),
]


def answer(query: str, parameters: Any) -> list[tuple[Any, ...]]:
    if "'is', 'server'" in query:
        assert parameters["names"] == ["al", "app", "pgward_reading", "reporting"]
        return [(json.dumps(each).encode(),) for each in (SERVER, *DOORS)]
    return []


def test_only_what_matters_is_looked_at() -> None:
    server = ScriptedServer(answer, {"away": "the connection was refused"})
    with Rooms(server) as rooms:
        facts = look_within(rooms, look_at_server(rooms, WANTED), WANTED, "shop-db")
    assert facts.databases == {"shop": Database()}
    assert facts.closed == {
        "attic": "it takes no connections",
        "cellar": "the connector may not CONNECT to it",
        "away": "the connection was refused",
    }
    assert [each.database for each in server.connections] == ["postgres", "shop"]


def test_a_database_that_fails_is_closed() -> None:
    def failing(query: str, parameters: Any) -> list[tuple[Any, ...]]:
        if "asked" in query:
            raise psycopg.errors.QueryCanceled("too slow")
        return answer(query, parameters)

    with Rooms(ScriptedServer(failing)) as rooms:
        facts = look_within(rooms, look_at_server(rooms, WANTED), WANTED, "shop-db")
    assert facts.closed["shop"] == "too slow"


def test_a_server_that_fails_is_away() -> None:
    def failing(*_: Any) -> list[tuple[Any, ...]]:
        raise psycopg.OperationalError("no memory")

    with (
        Rooms(ScriptedServer(failing)) as rooms,
        pytest.raises(UnavailableError, match="no memory"),
    ):
        look_at_server(rooms, WANTED)
