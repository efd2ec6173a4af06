"""Sessions in the list count what two chains of an edge have in common once."""

import pytest
import sqlalchemy as sa

from pgward.ca.archive import doubles
from pgward.ca.archive.intake import Intake
from pgward.ca.identity import machines
from pgward.ca.records import Kind
from pgward.ca.store.schema_archive import database_sessions
from tests.fixtures.chunks import Teller, record

OTHER, THIRD = "ff" * 8, "ee" * 8
SESSION = "0123456789abcdef-1"


@pytest.fixture
def new_intake(api, objects):
    return lambda: Intake(api.store, objects, api.clock, check_signer=lambda *_: None)


@pytest.fixture
def intake(new_intake):
    return new_intake()


@pytest.fixture
def e1(api, edge):
    assert edge.chain
    with api.store.read() as connection:
        return machines.get(connection, Kind.EDGE, "e1")


@pytest.fixture
def counts(api):
    def read():
        columns = database_sessions.c
        wanted = sa.select(columns.id, columns.statements).order_by(columns.id)
        with api.store.read() as connection:
            return {row.id: row.statements for row in connection.execute(wanted)}

    return read


def said(first, last, **more):
    return [record(number, **more) for number in range(first, last + 1)]


def test_what_is_said_again_in_another_chain_counts_once(intake, e1, edge, counts):
    teller, again = Teller(edge), Teller(edge, chain=OTHER)
    for each in (said(1, 5), said(6, 10)):
        intake.take(e1, teller.pack(*each))
    intake.take(e1, again.pack(*said(4, 7)))
    assert counts() == {SESSION: 10}
    intake.take(e1, again.pack(*said(8, 12)))
    assert counts() == {SESSION: 12}
    intake.take(e1, again.pack(*said(13, 14)))
    assert counts() == {SESSION: 14}


def test_other_records_of_the_same_time_count(intake, e1, edge, counts):
    intake.take(e1, Teller(edge).pack(*said(1, 5)))
    other = said(3, 5, session="0123456789abcdef-2")
    intake.take(e1, Teller(edge, chain=OTHER).pack(*other, record(6)))
    assert counts() == {SESSION: 6, "0123456789abcdef-2": 3}


def test_every_chain_of_the_edge_counts(intake, e1, edge, counts):
    for chain in (OTHER, THIRD):
        intake.take(e1, Teller(edge, chain=chain).pack(*said(1, 5)))
    teller = Teller(edge)
    intake.take(e1, teller.pack(*said(3, 9)))
    assert counts() == {SESSION: 9}
    # The first chain goes on, behind one that has said so.
    third = Teller(edge, chain="dd" * 8)
    intake.take(e1, third.pack(*said(8, 10)))
    assert counts() == {SESSION: 10}


def test_a_replica_knows_what_another_took(new_intake, e1, edge, counts):
    one, two = new_intake(), new_intake()
    teller = Teller(edge)
    two.take(e1, teller.pack(*said(1, 2)))
    one.take(e1, teller.pack(*said(3, 5)))
    two.take(e1, Teller(edge, chain=OTHER).pack(*said(1, 6)))
    assert counts() == {SESSION: 6}


def test_nothing_is_read_for_a_chain_that_goes_on(intake, e1, edge, objects, monkeypatch):
    intake.take(e1, Teller(edge, chain=OTHER).pack(*said(1, 3)))
    teller = Teller(edge)
    intake.take(e1, teller.pack(*said(4, 5)))

    def read(*_):
        raise AssertionError("it was looked for")

    monkeypatch.setattr(doubles.reading, "lines_of", read)
    monkeypatch.setattr(doubles.Doubles, "_read", read)
    intake.take(e1, teller.pack(*said(6, 7)))
    assert len(list(objects.list(""))) == 3


def test_a_chunk_that_cannot_be_read_stops_nothing(  # noqa: PLR0917 - fixtures
    intake, e1, edge, objects, counts, caplog
):
    intake.take(e1, Teller(edge).pack(*said(1, 3)))
    (key,) = objects.list("")
    objects.delete(key)
    intake.take(e1, Teller(edge, chain=OTHER).pack(*said(1, 3)))
    assert counts() == {SESSION: 6}
    assert "a chunk cannot be compared" in caplog.text


def test_of_many_edges_some_are_forgotten(intake, e1, edge, counts, monkeypatch):
    monkeypatch.setattr(doubles, "_MOST_EDGES", 1)
    intake.take(e1, Teller(edge).pack(*said(1, 3)))
    intake.take(e1, Teller(edge, chain=OTHER).pack(*said(1, 3)))
    assert counts() == {SESSION: 3}
