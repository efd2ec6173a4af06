import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from pgward.access.marks import Mark
from pgward.access.rights import ObjectRights, Rights
from pgward.access.wanted import Grant, Wanted
from pgward.connector.executing import ROUNDS, Statement, reconcile
from pgward.core.errors import UnavailableError
from tests.fixtures.scripted_server import ScriptedServer

SERVER = {"is": "server", "version": "160001", "user": "me", "super": False, "recovery": False}
END = datetime(2026, 3, 1, 13, tzinfo=UTC)
GRANT = Grant("g1", "alice", "alice", END)
TABLES = Rights(objects=frozenset({ObjectRights("shop", "table", "s", "*", ("SELECT",))}))


class Fake:
    """A server that knows roles; what matches ``refused`` fails."""

    def __init__(
        self, *roles: str, refused: tuple[str, ...] = (), standby: bool = False, sessions: int = 0
    ) -> None:
        self.roles = dict.fromkeys(roles, True)  # whether one can log in as it
        self.refused = refused
        self.standby = standby
        self.sessions = sessions

    def __call__(self, query: str, _: Any) -> list[tuple[Any, ...]]:
        if "'is', 'server'" in query:
            server = {**SERVER, "recovery": self.standby}
            return [(json.dumps(each).encode(),) for each in (server, *self._rows())]
        if "asked" in query:
            return [(json.dumps(_table(each)).encode(),) for each in "abc"]
        if any(each in query for each in self.refused):
            raise psycopg.errors.InsufficientPrivilege("refused")
        if query.startswith("CREATE ROLE"):
            self.roles[query.split('"')[1]] = True
        if query.startswith("ALTER ROLE"):
            self.roles[query.split('"')[1]] = "NOLOGIN" not in query
        if query.startswith("DROP ROLE"):
            del self.roles[query.split('"')[1]]
        return []

    def _rows(self) -> list[dict[str, Any]]:
        door = {"is": "database", "name": "shop", "owner": "app", "can": []}
        return [{**door, "allows": True, "connects": True}, *map(self._role, self.roles)]

    def _role(self, name: str) -> dict[str, Any]:
        return {**_role(name), "login": self.roles[name], "sessions": self.sessions}


def _role(name: str) -> dict[str, Any]:
    flags = dict.fromkeys(["super", "reaches", "usage", "settable"], False)
    return {
        "is": "role",
        "name": name,
        "oid": 7,
        "login": True,
        "limit": -1,
        "attributes": [],
        "until": "2026-03-01T13:00:00Z",
        "admin": True,
        "sessions": 0,
        **flags,
        "comment": Mark("shop-db", "access", name).text(),
    }


def _table(name: str) -> dict[str, Any]:
    return {
        "is": "thing",
        "kind": "table",
        "schema": "s",
        "name": name,
        "args": "",
        "owner": "o",
        "owner_usage": True,
        "can": ["SELECT"],
        "extension": False,
    }


def test_a_plan_is_shown_and_not_done() -> None:
    server = ScriptedServer(Fake("bob"))
    outcome = reconcile(server, "shop-db", Wanted(1, {}, (GRANT,)), look=True)
    assert outcome.statements[-2] == Statement(
        "postgres", "CREATE ROLE \"alice\" LOGIN VALID UNTIL E'2026-03-01T13:00:00Z';"
    )
    assert outcome.left == {"bob"}
    assert outcome.failed == {"g1": "not made yet"}
    assert not any(text.startswith("CREATE") for _, text in server.executed)


def test_a_turn_ends_when_there_is_nothing_left_to_do() -> None:
    outcome = reconcile(ScriptedServer(Fake("bob")), "shop-db", Wanted(1, {}, (GRANT,)))
    assert (outcome.active, outcome.failed, outcome.left) == ({"g1"}, {}, frozenset())
    assert [each.sql.partition(" ")[0] for each in outcome.statements] == [
        *("ALTER", "SELECT", "DROP", "CREATE", "COMMENT"),
    ]


def test_without_giving_only_what_is_over_is_taken_away() -> None:
    outcome = reconcile(ScriptedServer(Fake("bob")), "shop-db", Wanted(1, {}, (GRANT,)), give=False)
    assert [each.sql.partition(" ")[0] for each in outcome.statements] == [
        *("ALTER", "SELECT", "DROP"),
    ]
    assert outcome.failed == {"g1": "not made yet"}


def test_what_is_refused_is_left_out_and_nothing_else() -> None:
    fake = Fake("alice", refused=('"s"."b"',))
    wanted = Wanted(1, {}, (replace(GRANT, rights=TABLES),))
    server = ScriptedServer(fake)
    outcome = reconcile(server, "shop-db", wanted)
    done = {each.sql for each in outcome.statements}
    assert done == {
        'GRANT SELECT ON TABLE "s"."a" TO "alice";',
        'GRANT SELECT ON TABLE "s"."c" TO "alice";',
    }
    assert outcome.failed == {"g1": "refused"}
    looks = [text for _, text in server.executed if "'is', 'server'" in text]
    assert 1 < len(looks) <= ROUNDS + 1


def test_what_nobody_can_make_is_told_from_what_is_refused() -> None:
    absent = Rights(objects=frozenset({ObjectRights("none", "table", "s", "*", ("SELECT",))}))
    grants = (replace(GRANT, rights=TABLES), Grant("g2", "bob", "bob", END, rights=absent))
    server = ScriptedServer(Fake("alice", "bob", refused=('"s"."b"',)))
    outcome = reconcile(server, "shop-db", Wanted(1, {}, grants))
    assert outcome.failed == {"g1": "refused", "g2": "there is no database 'none'"}
    assert outcome.final == {"g2"}


def test_a_role_is_not_dropped_whose_sessions_do_not_end() -> None:
    fake = Fake("bob", refused=('GRANT "bob"',), sessions=1)
    outcome = reconcile(ScriptedServer(fake), "shop-db", Wanted())
    assert outcome.left == {"bob"}
    assert outcome.problems == ("'bob': refused",)
    assert "bob" in fake.roles


def test_a_standby_is_told() -> None:
    with pytest.raises(UnavailableError, match="standby"):
        reconcile(ScriptedServer(Fake(standby=True)), "shop-db", Wanted())


class Verifying(ScriptedServer):
    """A server whose roles' passwords the CA knows, or does not."""

    def __init__(self, answer: Any, verifiers: dict[str, str] | Exception) -> None:
        super().__init__(answer)
        self.known = verifiers
        self.asked: list[dict[str, int]] = []

    def verifiers(self, passwords: Mapping[str, int]) -> dict[str, str]:
        self.asked.append(dict(passwords))
        if isinstance(self.known, Exception):
            raise self.known
        return self.known


PROTECTED = Wanted(1, {}, (GRANT,), passwords={"alice": 4})


def test_a_verifier_is_run_and_told_to_nobody() -> None:
    server = Verifying(Fake(), {"alice": "SCRAM-SHA-256$canary"})
    outcome = reconcile(server, "shop-db", PROTECTED)
    assert server.asked[0] == {"alice": 4}
    run = [text for _, text in server.executed]
    assert "ALTER ROLE \"alice\" PASSWORD E'SCRAM-SHA-256$canary';" in run
    assert "canary" not in str(outcome)


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({}, "another password is to come by now"),
        (UnavailableError("the CA is away"), "its password cannot be had: the CA is away"),
    ],
)
def test_a_role_whose_password_is_not_to_be_had_is_not_made(known: Any, why: str) -> None:
    server = Verifying(Fake(), known)
    outcome = reconcile(server, "shop-db", PROTECTED)
    assert (outcome.active, outcome.failed) == (frozenset(), {"g1": why})
    assert outcome.passwords == {}
    assert not any("CREATE ROLE" in text for _, text in server.executed)
