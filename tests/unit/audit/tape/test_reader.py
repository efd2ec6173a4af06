import os
import shutil
import struct
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pgward.audit.tape import frames
from pgward.audit.tape.frames import DOWN, GAP, UP, Frame, TapeError
from pgward.audit.tape.reader import TapeReader
from pgward.audit.tape.segments import numbers, path_of
from pgward.audit.tape.writer import TapeWriter

SMALL = 4096


def told(found):
    return [(frame.kind, frame.session, frame.data) for frame in found]


def read(reader, *most):
    return [Frame(*each) for each in reader.read(*most)]


def all_of(directory, position=0):
    with TapeReader(directory, position) as reader:
        return read(reader, 10**6)


def die(writer):
    """Let go of a tape as a process does that is killed."""
    writer._pool.shutdown()
    os.close(writer._lock)


@pytest.fixture
def writer(tmp_path):
    made = TapeWriter(tmp_path, segment_size=SMALL)
    yield made
    made.close()


@settings(max_examples=40)
@given(
    given=st.lists(st.tuples(st.sampled_from([UP, DOWN]), st.binary(max_size=3000)), max_size=12),
    most=st.integers(1, 5),
)
def test_frames_are_read_as_they_were_written(tmp_path_factory, given, most):
    directory = tmp_path_factory.mktemp("tape")
    writer = TapeWriter(directory, segment_size=SMALL)
    reader, found = TapeReader(writer.directory), []
    for number, (kind, data) in enumerate(given):
        writer.append(kind, number, data)
        if number % 3 == 0:
            found += read(reader, most)
    writer.close()
    while more := read(reader, most):
        assert len(more) <= most
        found += more
    assert told(found) == [(kind, number, data) for number, (kind, data) in enumerate(given)]
    assert reader.at_end
    assert [frame.position for frame in found] == sorted({frame.position for frame in found})
    reader.close()


def test_a_reader_follows_while_it_is_written(writer):
    with TapeReader(writer.directory) as reader:
        assert read(reader) == []
        assert reader.at_end
        writer.append(UP, 1, b"a")
        assert reader.behind == 40
        assert told(read(reader)) == [(UP, 1, b"a")]
        assert reader.behind == 0
        for number in range(10):
            writer.append(UP, number, bytes(1500))
        assert reader.behind > 15_000
        assert [frame.session for frame in read(reader, 4)] == [0, 1, 2, 3]
        assert not reader.at_end
        assert [frame.session for frame in read(reader)] == [4, 5, 6, 7, 8, 9]
        assert reader.at_end


def test_another_reader_goes_on_where_one_was(writer):
    for number in range(10):
        writer.append(UP, number, bytes(1500))
    for stop in range(1, 10):
        with TapeReader(writer.directory) as reader:
            first = read(reader, stop)
            position = reader.position
        assert [frame.session for frame in first + all_of(writer.directory, position)] == list(
            range(10)
        )


def test_the_positions_of_frames_are_those_to_go_on_from(writer):
    for number in range(5):
        writer.append(UP, number, bytes(1500))
    third = all_of(writer.directory)[2]
    assert all_of(writer.directory, third.position)[0] == third


def test_a_living_writer_is_told_from_one_that_is_gone(tmp_path):
    writer = TapeWriter(tmp_path, segment_size=SMALL)
    with TapeReader(writer.directory) as reader:
        assert not reader.writer_is_gone
        die(writer)
        assert reader.writer_is_gone


def test_a_writer_that_died_leaves_what_was_whole(tmp_path):
    writer = TapeWriter(tmp_path, segment_size=SMALL)
    writer.append(UP, 1, b"whole")
    spoil(writer, writer._segment.tail, frames.FRAME.pack(100, 1, 2, 3, UP) + b"half")
    die(writer)
    with TapeReader(writer.directory) as reader:
        assert told(read(reader)) == [(UP, 1, b"whole")]
        assert reader.writer_is_gone
        assert read(reader) == []
        assert reader.at_end


def spoil(writer, at, data):
    with path_of(writer.directory, 1).open("rb+") as file:
        file.seek(at)
        file.write(data)


def test_frames_behind_a_tail_that_a_power_cut_lost_are_read_when_the_writer_is_gone(tmp_path):
    writer = TapeWriter(tmp_path, segment_size=SMALL)
    for number in range(5):
        writer.append(UP, number, bytes(1500))
    spoil(writer, 8 * frames.TAIL_WORD, struct.pack("@QQ", frames.HEADER_SIZE, 0))
    with TapeReader(writer.directory) as reader:
        assert read(reader) == []
        die(writer)
        assert reader.writer_is_gone
        assert [frame.session for frame in read(reader)] == [0, 1, 2, 3, 4]


def test_a_header_that_a_power_cut_lost_costs_nothing_else(tmp_path):
    writer = TapeWriter(tmp_path, segment_size=SMALL)
    writer.append(UP, 7, b"x")
    spoil(writer, 0, bytes(frames.HEADER_SIZE))
    die(writer)
    with TapeReader(writer.directory) as reader:
        assert reader.writer_is_gone
        assert told(read(reader)) == [(UP, 7, b"x")]


def test_a_spoiled_frame_is_told_and_passed_over(writer):
    for number in range(4):
        writer.append(UP, number, b"abcdefgh")
    spoil(writer, frames.HEADER_SIZE + 40 + 33, b"!")
    with TapeReader(writer.directory) as reader:
        assert told(read(reader)) == [(UP, 0, b"abcdefgh")]
        found = read(reader)
    assert told(found) == [
        (GAP, 0, struct.pack("!Q", 40)),
        (UP, 2, b"abcdefgh"),
        (UP, 3, b"abcdefgh"),
    ]
    assert found[0].time == found[1].time


def test_where_all_up_to_the_end_is_spoiled_the_gap_has_the_time_of_the_file(writer):
    writer.append(UP, 1, b"abcdefgh")
    spoil(writer, frames.HEADER_SIZE + 33, b"!")
    os.utime(path_of(writer.directory, 1), (0, 1_700_000_000))
    with TapeReader(writer.directory) as reader:
        (gap,) = read(reader) + read(reader)
    assert (gap.kind, gap.time) == (GAP, 1_700_000_000_000_000)


def test_a_spoiled_end_of_a_segment_does_not_hide_the_next(writer):
    for number in range(4):
        writer.append(UP, number, bytes(1900))
    spoil(writer, frames.HEADER_SIZE + 1932, b"\xff" * 2000)
    with TapeReader(writer.directory) as reader:
        found = read(reader) + read(reader)
        assert [(frame.kind, frame.session) for frame in found] == [
            (UP, 0), (GAP, 0), (UP, 2), (UP, 3),
        ]  # fmt: skip


@settings(max_examples=60)
@given(st.integers(0, SMALL - 1), st.binary(min_size=1, max_size=40))
@example(612, b"\x01")  # the highest byte of a session's number
def test_no_damage_stops_a_reader_or_makes_frames_up(tmp_path_factory, at, data):
    directory = tmp_path_factory.mktemp("tape")
    writer = TapeWriter(directory, segment_size=SMALL)
    for number in range(12):
        writer.append(UP, number, bytes([number]) * 500)
    spoil(writer, at, data)
    die(writer)
    with TapeReader(writer.directory) as reader:
        assert reader.writer_is_gone
        found = [frame for frame in read(reader) if frame.kind != GAP]
        assert reader.at_end
    assert all(frame.data == bytes([frame.session]) * 500 for frame in found)
    assert len(found) >= 4


def test_segments_that_were_read_are_deleted(writer):
    for number in range(10):
        writer.append(UP, number, bytes(1900))
    with TapeReader(writer.directory) as reader:
        read(reader, 7)
        reader.delete_before(reader.position)
        assert numbers(writer.directory)[0] == frames.place_of(reader.position)[0]
        assert [frame.session for frame in read(reader)] == [7, 8, 9]
    assert all_of(writer.directory)[-1].session == 9


def test_a_tape_is_removed_only_when_nobody_writes_it(tmp_path):
    writer = TapeWriter(tmp_path, segment_size=SMALL)
    reader = TapeReader(writer.directory)
    with pytest.raises(TapeError, match="still written"):
        reader.remove()
    die(writer)
    reader.remove()
    assert not writer.directory.exists()


def test_a_position_that_is_not_there_any_more_is_the_end(tmp_path):
    writer = TapeWriter(tmp_path, segment_size=SMALL)
    writer.append(UP, 1, b"x")
    writer.close()
    for position in (frames.position_of(1, 4000), frames.position_of(9, 64)):
        assert all_of(writer.directory, position) == []


def test_a_tape_without_segments_is_at_its_end(tmp_path):
    assert all_of(tmp_path) == []


def test_large_frames_are_read_some_megabytes_at_a_time(tmp_path):
    writer = TapeWriter(tmp_path)
    for number in range(100):
        writer.append(UP, number, bytes(64 * 1024))
    with TapeReader(writer.directory) as reader:
        found = read(reader)
        assert 60 < len(found) < 70
        assert not reader.at_end
        found += read(reader)
        assert [frame.session for frame in found] == list(range(100))
        assert read(reader) == []
        assert reader.at_end
    writer.close()


def test_a_tape_that_somebody_removed_is_read_on_and_ends_with_a_gap(tmp_path):
    writer = TapeWriter(tmp_path, segment_size=SMALL)
    writer.append(UP, 1, b"before")
    with TapeReader(writer.directory) as reader:
        assert told(read(reader)) == [(UP, 1, b"before")]
        while writer.directory.exists():  # it makes its next segment meanwhile
            shutil.rmtree(writer.directory, ignore_errors=True)
        writer.append(UP, 1, b"after")
        assert told(read(reader)) == [(UP, 1, b"after")]
        assert (reader.behind, reader.writer_is_gone) == (0, False)
        writer.close()
        assert reader.writer_is_gone
        (gap,) = read(reader)
        assert told([gap]) == [(GAP, 0, struct.pack("!Q", 0))]
        assert abs(gap.time / 1e6 - time.time()) < 60
        assert read(reader) == []
        reader.remove()
