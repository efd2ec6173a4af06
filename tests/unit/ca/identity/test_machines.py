from datetime import timedelta

import pytest

from pgward.ca.identity import machines
from pgward.ca.identity.tokens import JoinToken
from pgward.ca.records import Kind
from pgward.core.errors import NotFoundError
from tests.fixtures.authority import START


@pytest.fixture
def writing(store):
    with store.write() as transaction:
        yield transaction


def _enrol(writing, name="e1", kind="edge", **fields):
    token = JoinToken.checked(kind, name, fields.get("dns", []), fields.get("ips", []))
    return machines.enrol(writing, token, advertise=fields.get("advertise"), now=START)


def test_a_machine_is_found_by_kind_and_name(writing):
    added = _enrol(writing, advertise="e1.x:7432")
    assert machines.get(writing.connection, Kind.EDGE, "e1") == added
    assert (added.actor, added.advertise) == ("edge:e1", "e1.x:7432")
    with pytest.raises(NotFoundError):
        machines.get(writing.connection, Kind.HOST, "e1")


def test_enrolling_again_replaces(writing):
    _enrol(writing, advertise="old:1")
    _enrol(writing, advertise="new:1")
    _enrol(writing, kind="host")
    assert [edge.advertise for edge in machines.edges(writing.connection)] == ["new:1"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({}, "e1"),
        ({"dns": ["*.x", "a.x", "b.x"]}, "a.x"),
        ({"ips": ["10.0.0.1"]}, "10.0.0.1"),
        ({"dns": ["*.x"]}, "e1"),
    ],
)
def test_clients_verify_a_name_that_is_in_the_certificate(writing, names, expected):
    assert _enrol(writing, **names).server_name == expected


def test_seeing_a_machine_is_written_when_it_tells_something_new(writing):
    machine = _enrol(writing)
    assert machines.seen_needs_writing(machine, None, START)
    machines.seen(writing, machine, 7, START)
    found = machines.get(writing.connection, Kind.EDGE, "e1")
    assert (found.last_seen_at, found.snapshot_version) == (START, 7)
    soon, later = START + timedelta(seconds=5), START + timedelta(seconds=25)
    assert not machines.seen_needs_writing(found, 7, soon)
    assert not machines.seen_needs_writing(found, None, soon)
    assert machines.seen_needs_writing(found, 8, soon)
    assert not machines.seen_needs_writing(found, 8, START + timedelta(milliseconds=900))
    assert machines.seen_needs_writing(found, 7, later)
    assert machines.seen_needs_writing(found, 7, START - timedelta(days=2))  # it was put right


def test_a_removed_machine_is_gone(writing):
    _enrol(writing)
    machines.remove(writing, Kind.EDGE, "e1")
    with pytest.raises(NotFoundError):
        machines.remove(writing, Kind.EDGE, "e1")
