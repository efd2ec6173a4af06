import pytest

from pgward.hba.decide.connection import World
from pgward.hba.decide.names import database_is_meant, role_is_meant
from pgward.hba.decide.server import Server
from pgward.hba.syntax.tokens import fields
from pgward.hba.syntax.versions import Abilities

WORLD = World({"ann": frozenset({"team"}), "team": frozenset(), "app": frozenset()})


def server(version: int) -> Server:
    return Server(Abilities.of(version), (), world=WORLD)


@pytest.mark.parametrize(
    ("text", "version", "database", "meant"),
    [
        ("all", 18, "x", True),
        ('"all"', 18, "x", False),
        ('"all"', 18, "all", True),
        ("sameuser", 18, "ann", True),
        ("samerole", 18, "team", True),
        ("samegroup", 11, "team", True),
        ("samerole", 18, "app", False),
        ("a,b", 18, "b", True),
        ("replication", 18, "replication", False),
        ('"replication"', 18, "replication", True),
        ("replication", 18, None, True),
        ('all,"replication"', 18, None, False),
        ("/^d", 16, "db", True),
        ('"/^d"', 16, "db", True),
        ("/^d", 15, "db", False),
        ("/^d", 15, "/^d", True),
    ],
)
def test_databases(text, version, database, meant) -> None:
    (words,) = fields(text)
    assert database_is_meant(server(version), words, database, "ann") is meant


@pytest.mark.parametrize(
    ("text", "version", "role", "meant"),
    [
        ("all", 18, "x", True),
        ("+team", 18, "ann", True),
        ('"+team"', 18, "ann", False),
        ("+team", 18, "team", True),
        ("+none", 18, "none", False),
        ("+/t", 18, "ann", False),
        ("/pp$", 16, "app", True),
        ("/pp$", 15, "app", False),
        ("Ann", 18, "ann", False),
    ],
)
def test_roles(text, version, role, meant) -> None:
    (words,) = fields(text)
    assert role_is_meant(server(version), words, role) is meant
