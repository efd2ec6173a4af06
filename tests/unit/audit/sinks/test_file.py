import os

import pytest

from pgward.audit.sinks.file import FileSink
from pgward.audit.sinks.schemes import parse
from pgward.audit.sinks.sink import SinkError
from pgward.core.errors import InvalidInputError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "audit.ndjson"


@pytest.fixture
def sink(path):
    made = FileSink(path, max_size=40, keep=2)
    yield made
    made.close()


def test_lines_are_appended_to_a_file_of_our_own(sink, path):
    sink.deliver([b"one", b"two"])
    sink.deliver([b"three"])
    assert path.read_bytes() == b"one\ntwo\nthree\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_grew_is_rotated_and_the_oldest_goes(sink, path):
    for letter in b"abcd":
        sink.deliver([bytes([letter]) * 30])
    assert path.read_bytes() == b"d" * 30 + b"\n"
    assert path.with_name("audit.ndjson.1").read_bytes() == b"c" * 30 + b"\n"
    assert path.with_name("audit.ndjson.2").read_bytes() == b"b" * 30 + b"\n"
    assert len(list(path.parent.iterdir())) == 3


def test_a_batch_that_is_larger_than_a_file_is_not_cut(sink, path):
    sink.deliver([b"x" * 100, b"y"])
    assert path.read_bytes() == b"x" * 100 + b"\ny\n"


def test_it_goes_on_when_somebody_else_rotated_or_removed_the_file(sink, path):
    sink.deliver([b"one"])
    path.rename(path.with_name("moved"))
    sink.deliver([b"two"])
    path.unlink()
    sink.deliver([b"three"])
    assert path.read_bytes() == b"three\n"
    assert path.with_name("moved").read_bytes() == b"one\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'whole\n{"seq":12,"te', b"whole\n"),
        (b'whole\n{"s', b"whole\n"),
        (b'{"seq":1', b""),
        (b"whole\n", b"whole\n"),
        (b"", b""),
        (b"whole\nsomebody's", b"whole\nsomebody's\n"),
    ],
)
def test_a_line_that_a_killed_process_began_is_cut_off(sink, path, before, after):
    path.write_bytes(before)
    sink.deliver([b"next"])
    assert path.read_bytes() == after + b"next\n"


def test_a_long_line_that_was_begun_is_cut_off_as_a_whole(path):
    path.write_bytes(b"whole\n" + b'{"seq":12,' + b"x" * 200_000)
    sink = FileSink(path)
    sink.deliver([b"next"])
    sink.close()
    assert path.read_bytes() == b"whole\nnext\n"


def test_what_a_full_disk_took_is_cut_off(small_disk_of):
    disk = small_disk_of("16k")
    small = FileSink(disk / "audit", max_size=1 << 20)
    small.deliver([b"first"])
    with pytest.raises(SinkError, match="no space left on device") as caught:
        small.deliver([b"x" * 40_000])
    assert caught.value.retryable
    assert (disk / "audit").read_bytes() == b"first\n"
    small.close()


def test_a_place_that_is_not_ours_is_an_error(tmp_path):
    with pytest.raises(SinkError, match="cannot write"):
        FileSink(tmp_path / "none" / "audit").deliver([b"x"])
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SinkError, match="cannot write"):
        FileSink(tmp_path / "fifo").deliver([b"x"])


def test_it_is_made_of_a_url(path):
    made = FileSink.of(parse(f"file://{path}#max-size=1k,keep=3"))
    made.deliver([b"x"])
    made.close()
    assert path.read_bytes() == b"x\n"
    for text in ("file://host/path", "file:path", "file:///"):
        with pytest.raises(InvalidInputError, match="ABSOLUTE"):
            FileSink.of(parse(text))
