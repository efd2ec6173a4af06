import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from pgward.access.marks import Mark
from pgward.access.questions import Question
from pgward.access.rights import ObjectRights, Rights
from pgward.access.wanted import Grant, Wanted
from pgward.connector import answering
from pgward.connector.answering import Answerer, Trial, plan_for
from pgward.connector.assignment import ServerSettings
from pgward.connector.checking import Finding
from pgward.core.errors import UnavailableError
from tests.fixtures.connectors import settings_fields
from tests.fixtures.scripted_server import ScriptedServer
from tests.fixtures.waiting import eventually

END = datetime(2026, 3, 1, 13, tzinfo=UTC)
SERVER = {"is": "server", "version": "160001", "user": "me", "super": False, "recovery": False}
DOOR = {"is": "database", "name": "shop", "owner": "app", "can": [], "allows": True}
EMPTY = {"server_version": None, "statements": [], "more": 0, "problems": [], "failure": None}
SELECT = ObjectRights("shop", "table", "s", "*", ("SELECT",))


def asked(number: str = "1", rights: Rights | None = None) -> Question:
    grant = Grant("ab", "alice", "alice", END, rights=rights or Rights())
    return Question("ab", number, grant)


def thing(name: str) -> dict[str, Any]:
    where = {"is": "thing", "kind": "table", "schema": "s", "name": name, "args": ""}
    return {**where, "owner": "o", "owner_usage": True, "can": ["SELECT"], "extension": False}


class Played(ScriptedServer):
    """A server with so many tables, and these rows beside; it can be hung up on."""

    def __init__(self, *rows: dict[str, Any], tables: int = 0, **server: Any) -> None:
        super().__init__(self.told)
        self.rows = ({**SERVER, **server}, {**DOOR, "connects": True}, *rows)
        self.tables = tables
        self.looks: list[float] = []
        self.is_closed = False
        self.waits = threading.Event()
        self.waits.set()

    def told(self, query: str, _: Any) -> list[tuple[Any, ...]]:
        self.waits.wait(5)
        if "'is', 'server'" in query:
            return [(json.dumps(each).encode(),) for each in self.rows]
        if "asked" in query:
            return [(json.dumps(thing(f"t{n:03}")).encode(),) for n in range(self.tables)]
        return []

    def look(self, longest: float = 120.0) -> None:
        self.looks.append(longest)
        self.waits.set()

    def close(self) -> None:
        self.is_closed = True


def test_an_answer_is_what_would_be_run_and_nothing_is() -> None:
    server = Played(tables=2)
    rights = Rights(frozenset({"ghost"}), frozenset({SELECT}))
    told = plan_for(server, "shop-db", Wanted(), asked(rights=rights))
    text = Mark("shop-db", "access", "alice").text()
    assert told == {
        **EMPTY,
        "server_version": 16,
        "statements": [
            {"database": "postgres", "sql": each}
            for each in (
                "CREATE ROLE \"alice\" LOGIN VALID UNTIL E'2026-03-01T13:00:00Z';",
                f"COMMENT ON ROLE \"alice\" IS E'{text}';",
            )
        ]
        + [{"database": "shop", "sql": 'GRANT SELECT ON TABLE "s"."t000", "s"."t001" TO "alice";'}],
        "problems": [{"text": "there is no role 'ghost'", "fatal": True}],
    }
    assert not any(sql.startswith(("CREATE", "GRANT")) for _, sql in server.executed)


def test_a_standby_has_no_plan() -> None:
    told = plan_for(Played(recovery=True), "shop-db", Wanted(), asked())
    assert told == {**EMPTY, "failure": "the server is a standby, which takes no changes"}


@pytest.mark.parametrize("bound", ["MOST_STATEMENTS", "MOST_LETTERS_IN_ALL"])
def test_what_is_too_much_is_counted(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    monkeypatch.setattr(answering, bound, {"MOST_STATEMENTS": 1, "MOST_LETTERS_IN_ALL": 100}[bound])
    told = plan_for(
        Played(tables=2), "shop-db", Wanted(), asked(rights=Rights(objects=frozenset({SELECT})))
    )
    assert (len(told["statements"]), told["more"]) == (1, 2)


class Ca:
    """Hears answers."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.away = False

    def call(self, method: str, path: str, fields: Any) -> dict[str, Any]:
        assert (method, path) == ("POST", "/v1/connector/plan")
        if self.away:
            raise UnavailableError("away")
        self.heard.append(dict(fields))
        return {}

    def numbers(self) -> list[str]:
        return [each["number"] for each in self.heard]


@pytest.fixture
def ca() -> Ca:
    return Ca()


def test_each_question_is_answered_once(ca: Ca) -> None:
    answerer, servers = Answerer(ca), []

    def server() -> Played:
        servers.append(Played())
        return servers[-1]

    one, two = asked("1"), asked("2")
    for questions, count in (([], 0), ([one], 1), ([one, two], 2), ([], 2), ([two], 3)):
        answerer.tell("shop-db", server, Wanted, questions)
        eventually(lambda count=count: len(ca.heard) == count)
    assert answerer.stop(5)
    assert ca.numbers() == ["1", "2", "2"]  # nobody asked for a while, and then again
    assert ca.heard[0]["integration"] == "shop-db"
    assert (ca.heard[0]["request"], ca.heard[0]["failure"]) == ("ab", None)
    assert all(each.is_closed for each in servers)


def test_a_trial_tells_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ServerSettings.read(settings_fields())
    told: list[tuple[str, dict[str, Any]]] = []

    class Hearing:
        def call(self, _method: str, path: str, fields: Any) -> dict[str, Any]:
            told.append((path, dict(fields)))
            return {}

    found = [Finding("", "tls", "ok", "a\0b")]
    monkeypatch.setattr(answering, "check", lambda *_given, **_more: found)
    answerer = Answerer(Hearing())
    answerer.tell("shop-db", Played, Wanted, [Trial("7", settings)])
    eventually(lambda: told)
    finding = {"check": "tls", "verdict": "ok", "text": "ab", "hint": None}
    whole = {"integration": "shop-db", "number": "7", "findings": [finding]}
    assert told.pop() == ("/v1/connector/check", whole)

    def away() -> Played:
        raise UnavailableError("PostgreSQL is away", hint="start it")

    answerer.tell("shop-db", away, Wanted, [Trial("8", settings)])
    eventually(lambda: told)
    assert told[0][1]["findings"] == [
        {
            "check": "connection",
            "verdict": "problem",
            "text": "PostgreSQL is away",
            "hint": "start it",
        }
    ]
    assert answerer.stop(5)


def test_a_server_that_is_away_is_told(ca: Ca) -> None:
    answerer = Answerer(ca)

    def away() -> Played:
        raise UnavailableError("PostgreSQL is away")

    answerer.tell("shop-db", away, Wanted, [asked()])
    eventually(lambda: ca.heard)
    assert ca.heard[0]["failure"] == "PostgreSQL is away"
    assert answerer.stop(5)


def test_a_ca_that_is_away_and_an_error_of_ours_end_nothing(ca: Ca, caplog) -> None:
    answerer = Answerer(ca)
    ca.away = True
    answerer.tell("shop-db", Played, Wanted, [asked("1")])
    eventually(lambda: "does not hear a plan" in caplog.text)
    ca.away = False

    def broken() -> Played:
        raise ValueError("broken")

    answerer.tell("shop-db", broken, Wanted, [asked("2")])
    eventually(lambda: "an error of ours" in caplog.text)
    answerer.tell("shop-db", Played, Wanted, [asked("3")])
    eventually(lambda: ca.numbers() == ["3"])
    assert answerer.stop(5)


def test_a_server_that_hangs_is_hung_up_on_and_holds_up_no_other(ca: Ca) -> None:
    answerer, frozen = Answerer(ca), Played()
    frozen.waits.clear()
    answerer.tell("shop-db", lambda: frozen, Wanted, [asked("1")])
    answerer.tell("till-db", Played, Wanted, [asked("2")])
    eventually(lambda: ca.numbers() == ["2"])
    eventually(lambda: frozen.connections)
    answerer.look()
    assert frozen.looks == [answering.LONGEST_SECONDS]
    eventually(lambda: ca.numbers() == ["2", "1"])
    assert answerer.stop(5)


def test_nothing_is_answered_of_what_is_not_ours_any_more_or_at_the_end(ca: Ca) -> None:
    answerer, frozen = Answerer(ca), Played()
    frozen.waits.clear()
    answerer.tell("shop-db", lambda: frozen, Wanted, [asked("1"), asked("2")])
    eventually(lambda: frozen.connections)
    answerer.drop("shop-db")
    answerer.drop("unknown")
    frozen.waits.set()
    eventually(lambda: ca.numbers() == ["1"])
    assert answerer.stop(5)
    answerer.tell("shop-db", Played, Wanted, [asked("3")])
    assert ca.numbers() == ["1"]
