import os

import pytest

from pgward.hba.logs.position import HEAD, Position, digest, new_key, siblings

HERE = Position("/log/pg.log", 7, 90, "k1", "d", 90, {"pending": []})


def test_a_position_is_kept():
    assert Position.read(HERE.to_bytes()) == HERE
    assert len({new_key() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"{",
        b"[]",
        b"{}",
        HERE.to_bytes().replace(b"90", b"-1"),
        HERE.to_bytes().replace(b'"k1"', b"5"),
        HERE.to_bytes().replace(b"7,", b"true,"),
    ],
)
def test_what_is_damaged_is_none(data):
    assert Position.read(data) is None


def test_a_file_is_known_by_how_it_begins(tmp_path):
    path = tmp_path / "pg.log"
    path.write_bytes(b"a" * 600)
    with path.open("rb") as file:
        number = file.fileno()
        inode = os.fstat(number).st_ino
        here = Position(str(path), inode, 550, "k", digest(number, HEAD), HEAD)
        assert here.is_of(number)
        path.write_bytes(b"b" * 600)
        assert not here.is_of(number)
        path.write_bytes(b"a" * 520)
        assert not here.is_of(number)
        assert not Position(str(path), inode + 1, 5, "k", digest(number, 5), 5).is_of(number)


def test_siblings_come_the_oldest_first(tmp_path):
    for number, name in enumerate(("c", "a", "b")):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (number, number))
    (tmp_path / "d").mkdir()
    (tmp_path / "e").symlink_to("nowhere")
    assert [path.name for path in siblings(tmp_path / "a")] == ["c", "a", "b"]
