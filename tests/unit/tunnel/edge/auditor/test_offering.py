import json

import pytest

from pgward.audit.chain.chunk import open_chunk
from pgward.core.errors import FaultError, UnacceptableError, UnavailableError
from pgward.tunnel.edge.auditor import offering
from pgward.tunnel.edge.auditor.offering import Offered, Offering
from pgward.tunnel.edge.auditor.shelf import Entry, Shelf
from tests.fixtures.records import packed, record


class Ca:
    """Takes chunks and parcels, unless there is a problem in the order of their coming."""

    def __init__(self):
        self.chunks, self.parcels, self.problems, self.status = [], [], [], 200

    def put_chunk(self, _machine, about, data, more):
        assert more == {}
        self._complain()
        self.chunks.append((about, open_chunk(data, about)))
        return self.status, {}

    def put_parcel(self, _machine, parcel):
        self._complain()
        self.parcels.append(parcel)
        return {}

    def _complain(self):
        problem = self.problems.pop(0) if self.problems else None
        if problem is not None:
            raise problem


@pytest.fixture
def ca(monkeypatch):
    made = Ca()
    monkeypatch.setattr(offering, "put_chunk", made.put_chunk)
    monkeypatch.setattr(offering, "put_parcel", made.put_parcel)
    return made


@pytest.fixture
def shelf(tmp_path):
    """Three chunks of two records, each with a parcel, of which nothing was refused yet."""
    made, head = Shelf(tmp_path), None
    for number in (1, 2, 3):
        chunk, head = packed([record(2 * number), record(2 * number + 1)], head)
        made.add(Entry(number, 1, {}, chunk.manifest), chunk.data, b"parcel %d" % number)
    return made


def run(shelf, *names):
    return list(Offering(None, shelf.refused).run(names))


def test_what_is_taken_is_forgotten_and_comes_in_one_new_chain(shelf, ca):
    for number in (1, 3):
        shelf.set_aside(number, "ca", "no")
    names = shelf.refused.names
    assert run(shelf) == [Offered(name, None) for name in names]
    (first, lines), (second, _) = ca.chunks
    assert first.chain not in {"0" * 16, shelf.entry(1).manifest.chain}
    assert (first.first_seq, second.start) == (1, first.end)
    assert [json.loads(line)["id"] for line in lines] == [record(2)["id"], record(3)["id"]]
    assert (shelf.refused.names, ca.parcels) == ([], [])
    assert run(shelf) == []


def test_what_is_refused_again_stays_and_the_next_is_offered(shelf, ca):
    for number in (1, 2, 3):
        shelf.set_aside(number, "ca", "no")
    names = shelf.refused.names
    ca.problems = [UnacceptableError("it is damaged"), FaultError("it failed")]
    assert run(shelf) == [
        Offered(names[0], "it is damaged"),
        Offered(names[1], "it failed"),
        Offered(names[2], None),
    ]
    assert [about.first_seq for about, _ in ca.chunks] == [1]
    assert shelf.refused.names == names[:2]


@pytest.mark.usefixtures("ca")
def test_only_some_can_be_offered(shelf):
    for number in (1, 2):
        shelf.set_aside(number, "ca", "no")
    first, second = shelf.refused.names
    assert run(shelf, second) == [Offered(second, None)]
    assert shelf.refused.names == [first]


def test_a_ca_that_is_away_ends_it_and_what_was_taken_is_forgotten(shelf, ca):
    for number in (1, 2):
        shelf.set_aside(number, "ca", "no")
    ca.problems = [None, UnavailableError("it is away")]
    with pytest.raises(UnavailableError):
        run(shelf)
    assert len(shelf.refused.names) == 1


def test_a_parcel_is_offered_without_its_chunk_that_was_taken(shelf, ca):
    shelf.set_aside(2, "recordings", "it failed")
    (name,) = shelf.refused.names
    ca.problems = [FaultError("it failed again")]
    assert run(shelf) == [Offered(name, "it failed again")]
    assert run(shelf) == [Offered(name, None)]
    assert (ca.chunks, ca.parcels) == ([], [b"parcel 2"])


def test_a_chunk_that_is_taken_is_not_offered_again_for_its_parcel(shelf, ca):
    shelf.set_aside(1, "ca", "no")
    shelf.set_aside(1, "recordings", "no")
    (name,) = shelf.refused.names
    ca.problems = [None, UnacceptableError("it is cut off")]
    assert run(shelf) == [Offered(name, "it is cut off")]
    assert shelf.refused.told(name) == {"recordings": "no"}
    assert run(shelf) == [Offered(name, None)]
    assert (len(ca.chunks), len(ca.parcels)) == (1, 1)


def test_what_a_sink_refused_is_not_the_cas(shelf, ca):
    shelf.set_aside(1, "syslog-1", "it cannot be unpacked")
    (name,) = shelf.refused.names
    assert run(shelf) == [Offered(name, "syslog-1: it cannot be unpacked")]
    assert ca.chunks == []


@pytest.mark.parametrize("rest", [b"", b"{}\nrubbish"])
def test_a_file_that_is_no_chunk_stays(shelf, ca, rest):
    shelf.set_aside(1, "ca", "no")
    (name,) = shelf.refused.names
    shelf.refused.path(name).unlink()
    shelf.refused.path(name).write_bytes(rest)
    ((_, problem),) = run(shelf)
    assert "damaged" in problem
    assert ca.chunks == []


def test_a_chunk_whose_reasons_are_lost_is_offered(shelf, ca):
    shelf.set_aside(1, "ca", "no")
    (name,) = shelf.refused.names
    shelf.refused.path(name, ".json").unlink()
    assert run(shelf) == [Offered(name, None)]
    assert len(ca.chunks) == 1


def test_one_process_offers_at_a_time(shelf, ca):
    shelf.set_aside(1, "ca", "no")
    with shelf.refused.lock(1), pytest.raises(UnavailableError, match="another pgward process"):
        run(shelf)
    assert ca.chunks == []
