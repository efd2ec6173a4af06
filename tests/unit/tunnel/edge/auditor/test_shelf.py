import threading

import pytest

from pgward.system.files import StorageError
from pgward.tunnel.edge.auditor.shelf import Chained, DamagedChunkError, Entry, Shelf, read_chunk
from tests.fixtures.records import packed, record

CHUNK, END = packed([record(1), record(2)])
PROGRESS = {"0123456789abcdef": Chained(2, "0123456789abcdef-2")}


def entry(number):
    return Entry(number, 7, PROGRESS, CHUNK.manifest)


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "audit")


def test_a_chunk_is_kept_with_what_is_known_of_it(shelf, tmp_path):
    shelf.add(entry(3), CHUNK.data)
    assert shelf.load(3) == (entry(3), CHUNK.data)
    assert shelf.entry(3) == entry(3)
    (path,) = (tmp_path / "audit").iterdir()
    assert (path.name, path.stat().st_mode & 0o777) == ("000000000003.chunk", 0o600)
    assert shelf.size == path.stat().st_size


def test_a_restart_finds_the_chunks_and_removes_what_was_not_finished(shelf, tmp_path):
    for number in (9, 10):
        shelf.add(entry(number), CHUNK.data)
    (tmp_path / "audit" / ".000000000011.chunk.abc.tmp").write_bytes(b"torn")
    again = Shelf(tmp_path / "audit")
    assert (again.numbers, again.size) == ([9, 10], shelf.size)
    assert len(list((tmp_path / "audit").iterdir())) == 2


def test_chunks_that_are_delivered_are_removed(shelf):
    for number in (1, 2, 3):
        shelf.add(entry(number), CHUNK.data)
    each = shelf.size // 3
    assert shelf.remove(2) == 2
    assert (shelf.numbers, shelf.size, shelf.remove(2)) == ([3], each, 0)
    with pytest.raises(StorageError):
        shelf.load(1)


def test_the_next_one_is_waited_for(shelf):
    assert shelf.behind(0) is None
    assert shelf.wait(0, 0.001) is None
    found = []
    waiting = threading.Thread(target=lambda: found.append(shelf.wait(4)))
    waiting.start()
    shelf.add(entry(4), b"")
    shelf.add(entry(6), b"")
    waiting.join()
    assert found == [6]
    assert (shelf.behind(0), shelf.behind(4), shelf.behind(6)) == (4, 6, None)
    shelf.close()
    assert shelf.wait(0) is None


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"[]", b"garbage", b'{"number":1,"progress":{"a":1}}']
)
def test_a_damaged_file_is_told_of(shelf, tmp_path, line):
    shelf.add(entry(1), CHUNK.data)
    (tmp_path / "audit" / "000000000001.chunk").write_bytes(line + b"\nrest")
    with pytest.raises(DamagedChunkError, match="damaged") as caught:
        shelf.load(1)
    assert "000000000001.chunk away" in caught.value.hint


def test_what_was_set_aside_counts_until_it_is_gone(shelf):
    shelf.add(entry(1), CHUNK.data, b"parcel")
    each = shelf.size
    where = shelf.set_aside(1, "ca", "no")
    shelf.remove(1)
    assert (shelf.numbers, shelf.size, where.exists()) == ([], each, True)
    (name,) = shelf.refused.names
    assert read_chunk(shelf.refused.path(name)) == (entry(1), CHUNK.data)
    shelf.refused.remove(name)
    assert shelf.size == 0
