from typing import Any

import psycopg

from pgward.access.facts import Server
from pgward.connector import sessions
from pgward.connector.rooms import Rooms
from pgward.connector.sessions import end_sessions
from tests.fixtures.scripted_server import ScriptedServer
from tests.fixtures.server_facts import access_role

SERVER = Server(16, "me", roles={"alice": access_role("alice"), "bob": access_role("bob")})


class Sessions:
    """Processes by role; a signal ends them, unless they are stubborn."""

    def __init__(self, *there: tuple[int, str], stubborn: bool = False) -> None:
        self.there = list(there)
        self.stubborn = stubborn

    def __call__(self, query: str, parameters: Any) -> list[tuple[Any, ...]]:
        if "pg_terminate_backend" in query:
            roles = [*parameters["every"], *parameters["busy"]]
            found = [(pid, role, True) for pid, role in self.there if role in roles]
            if not self.stubborn:
                self.there = [each for each in self.there if each[1] not in roles]
            return found
        if "a.pid = any" in query:
            return [(pid,) for pid, _ in self.there if pid in parameters["pids"]]
        return []


def test_sessions_end_as_a_member_for_one_transaction() -> None:
    server = ScriptedServer(Sessions((7, "alice"), (8, "alice")))
    with Rooms(server) as rooms:
        assert end_sessions(rooms, SERVER, {"alice": True, "bob": False}) == ({"alice": 2}, {})
    texts = [text for _, text in server.executed]
    assert texts[:2] == [
        'GRANT "alice" TO "me" WITH INHERIT TRUE, SET FALSE;',
        'GRANT "bob" TO "me" WITH INHERIT TRUE, SET FALSE;',
    ]
    assert texts[3:5] == ['REVOKE "alice" FROM "me";', 'REVOKE "bob" FROM "me";']


def test_what_does_not_end_is_told(monkeypatch: Any) -> None:
    monkeypatch.setattr(sessions, "END_SECONDS", 0.0)
    with Rooms(ScriptedServer(Sessions((7, "alice"), stubborn=True))) as rooms:
        ended, refused = end_sessions(rooms, SERVER, {"alice": True})
    assert (ended, refused) == ({"alice": 1}, {"alice": "sessions do not end (process 7)"})


def test_a_role_that_cannot_be_named_holds_up_no_other() -> None:
    with Rooms(ScriptedServer(Sessions((7, "alice")))) as rooms:
        ended, refused = end_sessions(rooms, SERVER, {"alice": True, "caf\udce9": True})
    assert (ended, refused) == ({"alice": 1}, {"caf\udce9": "its name is no UTF-8"})


def test_a_role_that_refuses_holds_up_no_other() -> None:
    answer = Sessions((7, "alice"))

    def refusing(query: str, parameters: Any) -> list[tuple[Any, ...]]:
        if query.startswith('GRANT "bob"'):
            raise psycopg.ProgrammingError("must be a superuser")
        return answer(query, parameters)

    with Rooms(ScriptedServer(refusing)) as rooms:
        ended, refused = end_sessions(rooms, SERVER, {"bob": True, "alice": True})
    assert (ended, refused) == ({"alice": 1}, {"bob": "must be a superuser"})
