"""How databases are, as edges tell."""

from datetime import timedelta

import pytest

from pgward.ca.identity import database_health
from tests.fixtures.authority import START

LATER = START + timedelta(minutes=1)


@pytest.fixture
def writing(store):
    with store.write() as transaction:
        yield transaction


def told(writing, edge="e1"):
    found = database_health.by_edge(writing.connection, edge)
    return [(each.service, each.problem, each.since) for each in found]


def test_only_what_changed_is_another_one(writing):
    first = {"a": None, "b": "away", "c": None}
    database_health.keep(writing, "e1", first, START)
    database_health.keep(writing, "e2", {"a": "e2 cannot"}, START)
    assert not database_health.differs(writing.connection, "e1", first)
    then = {"a": None, "b": None, "d": "x" * 1000}
    assert database_health.differs(writing.connection, "e1", then)
    database_health.keep(writing, "e1", then, LATER)
    assert told(writing) == [("a", None, START), ("b", None, LATER), ("d", "x" * 500, LATER)]
    assert not database_health.differs(writing.connection, "e1", then)
    found = database_health.of(writing.connection, ["a", "none"])
    assert [(each.edge, each.problem) for each in found] == [("e1", None), ("e2", "e2 cannot")]


def test_an_edge_that_is_gone_said_nothing(writing):
    database_health.keep(writing, "e1", {"a": None}, START)
    database_health.keep(writing, "e2", {"a": None}, START)
    database_health.forget(writing, "e1")
    assert (told(writing), told(writing, "e2")) == ([], [("a", None, START)])
