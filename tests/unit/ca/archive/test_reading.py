import pytest

from pgward.ca.archive import index, reading
from pgward.ca.archive.index import Wanted
from pgward.ca.archive.packing import DamagedObjectError
from pgward.core.errors import NotFoundError, UnavailableError
from tests.fixtures.chunks import record


def rows(archived):
    with archived.store.read() as connection:
        return index.by_arrival(connection, Wanted(), after=0, most=99)


def test_chunks_come_in_their_order_while_others_are_on_their_way(archived):
    for number in range(9):
        archived.add(record(number))
    found = [
        (row["arrival"], len(lines()))
        for row, lines in reading.ahead(archived.objects, rows(archived), archived.threads)
    ]
    assert found == [(number, 1) for number in range(1, 10)]


def test_who_stops_early_leaves_nothing_to_do(archived):
    for number in range(9):
        archived.add(record(number))
    coming = reading.ahead(archived.objects, rows(archived), archived.threads)
    assert next(coming)[0]["arrival"] == 1
    coming.close()


@pytest.mark.parametrize("at", [-3, 3, 20, 700, 1200])  # in the chunk, and in the manifest
def test_an_object_that_was_changed(archived, tmp_path, at):
    key = archived.add(record(1))
    path = tmp_path / "archive" / key
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    (row,) = rows(archived)
    with pytest.raises(DamagedObjectError, match=r"an object of the archive (was|has)"):
        reading.lines_of(archived.objects, row)


def test_an_object_that_is_gone(archived):
    archived.objects.delete(archived.add(record(1)))
    (row,) = rows(archived)
    with pytest.raises(NotFoundError) as told:
        reading.lines_of(archived.objects, row)
    assert reading.lost(row, told.value) == {
        "edge": "e1",
        "chain": "00112233445566ff",
        "first_seq": 1,
        "last_seq": 1,
        "why": told.value.message,
    }


def test_a_place_that_cannot_be_reached_is_no_chunk_s_fault(archived):
    archived.add(record(1))
    with pytest.raises(UnavailableError):
        reading.lost(rows(archived)[0], UnavailableError("away"))
