import psycopg
import pytest

from pgward.connector.rooms import Rooms, said, text
from pgward.core.errors import UnavailableError
from tests.fixtures.scripted_server import ScriptedServer


def quiet(*_: object) -> list[tuple[object, ...]]:
    return []


def test_a_database_is_entered_once_and_left_at_the_end() -> None:
    server = ScriptedServer(quiet)
    with Rooms(server) as rooms:
        assert rooms.enter() is rooms.enter("postgres")
        assert rooms.enter("shop") is not rooms.enter()
    assert [each.database for each in server.connections] == ["postgres", "shop"]
    assert all(each.closed for each in server.connections)


def test_sessions_wait_for_nobody_for_long() -> None:
    server = ScriptedServer(quiet)
    with Rooms(server) as rooms:
        rooms.enter()
    assert server.settings["lock_timeout"] == "1s"
    assert server.settings["search_path"] == "pg_catalog"
    assert server.settings["role"] == "none"
    assert server.settings["default_transaction_isolation"] == "read committed"
    assert server.settings["createrole_self_grant"] == ""


def test_a_database_without_an_encoding_is_asked_in_none() -> None:
    server = ScriptedServer(quiet)
    server.encoding = "SQL_ASCII"
    with Rooms(server) as rooms:
        rooms.enter()
    assert server.settings["client_encoding"] == "SQL_ASCII"
    assert [text("a"), text(b"a\xff")] == ["a", "a\udcff"]


def test_a_database_whose_name_no_client_can_say_is_not_entered() -> None:
    with Rooms(ScriptedServer(quiet)) as rooms, pytest.raises(UnavailableError, match="no UTF-8"):
        rooms.enter("caf\udce9")


def test_what_a_version_does_not_know_is_not_set() -> None:
    server = ScriptedServer(quiet)
    server.version = 15
    with Rooms(server) as rooms:
        rooms.enter()
    assert "createrole_self_grant" not in server.settings


def test_a_connection_that_broke_is_opened_anew() -> None:
    server = ScriptedServer(quiet)
    with Rooms(server) as rooms:
        rooms.enter("shop")
        server.connections[0].broken = True
        rooms.check("shop", psycopg.OperationalError("gone"))
        rooms.check("shop", psycopg.OperationalError("gone"))  # and told twice
        rooms.enter("shop")
    assert [each.database for each in server.connections] == ["shop", "shop"]


def test_a_server_that_is_away_is_told() -> None:
    server = ScriptedServer(quiet)
    with Rooms(server) as rooms:
        rooms.enter()
        rooms.check(None, psycopg.OperationalError("only a statement failed"))
        server.connections[0].broken = True
        with pytest.raises(UnavailableError, match="cut off: gone for good"):
            rooms.check(None, psycopg.OperationalError("gone\nfor good"))


def test_a_database_that_cannot_be_set_up_is_left() -> None:
    server = ScriptedServer(quiet)
    server.settings = Refusing()
    with Rooms(server) as rooms, pytest.raises(UnavailableError, match="not to be used: no"):
        rooms.enter("shop")
    assert server.connections[0].closed


class Refusing(dict[str, str]):
    def __setitem__(self, name: str, value: str) -> None:
        raise psycopg.OperationalError("no")


def test_an_error_without_words_is_told_by_its_kind() -> None:
    assert said(psycopg.OperationalError()) == "OperationalError"
