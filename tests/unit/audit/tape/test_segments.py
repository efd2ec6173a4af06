import pytest

from pgward.audit.tape import frames
from pgward.audit.tape.segments import Segment, boots, fill, new_boot, numbers, path_of


def test_a_reserved_segment_has_its_size_and_header(tmp_path):
    segment = Segment(tmp_path, "a" * 16, 3, 8192)
    data = path_of(tmp_path, 3).read_bytes()
    assert frames.decode_header(data) == frames.SegmentHeader("a" * 16, 3, 8192, 64, closed=False)
    assert data[64:] == bytes(8192 - 64)
    assert segment.tail == 64
    segment.close()
    assert frames.decode_header(path_of(tmp_path, 3).read_bytes()).closed


def test_a_segment_is_never_reserved_over_another(tmp_path):
    Segment(tmp_path, "a" * 16, 3, 8192).discard()
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_none_of_a_tape_are_passed_over(tmp_path):
    assert boots(tmp_path) == []
    boot = new_boot()
    directory = tmp_path / "tape" / boot
    directory.mkdir(parents=True)
    (tmp_path / "tape" / f".{boot}").mkdir()
    for name in ("000010.tape", "000002.tape", "000003.new", "x.tape"):
        (directory / name).touch()
    assert boots(tmp_path) == [boot]
    assert numbers(directory) == [2, 10]


def test_no_room_leaves_nothing_behind(tmp_path, small_disk_of):
    disk = small_disk_of("64k", tmp_path)
    with pytest.raises(OSError, match="No space"):
        Segment(disk, "a" * 16, 1, 1024 * 1024)
    assert list(disk.iterdir()) == []


def test_how_full_a_tape_is(tmp_path):
    for number in (3, 4, 5):
        Segment(tmp_path, "a" * 16, number, 8192)
    found = fill(tmp_path, 6, 8192)
    assert found == (3, 6, 3)
    assert found.level == 0.5


def test_a_disk_without_room_is_full_of_what_is_there(tmp_path):
    Segment(tmp_path, "a" * 16, 1, 8192)
    assert fill(tmp_path, 64, 1 << 60) == (1, 1, 1)


def test_a_tape_that_is_gone_is_not_full(tmp_path):
    assert fill(tmp_path / "gone", 64, 8192).level == 0.0
    assert fill(tmp_path, 0, 8192).level == 1.0
