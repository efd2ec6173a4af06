import shutil

import pytest

from pgward.audit.tape import frames
from pgward.audit.tape.frames import DOWN, UP, TapeFullError
from pgward.audit.tape.segments import boots, numbers, path_of
from pgward.audit.tape.writer import TapeWriter

SMALL = 4096


@pytest.fixture
def writer(tmp_path):
    made = TapeWriter(tmp_path, segment_size=SMALL, most_segments=4, now=lambda: 1_234_567_890)
    yield made
    made.close()


def frames_of(path):
    """Read a segment naively, up to its tail."""
    data = path.read_bytes()
    header = frames.decode_header(data)
    at, found = frames.HEADER_SIZE, []
    while at < header.tail:
        size, crc, session, time, kind = frames.FRAME.unpack_from(data, at)
        body = data[at + frames.FRAME_SIZE :][:size]
        assert crc == frames.checksum(body, session, time, kind)
        found.append((kind, session, time, body))
        at += frames.FRAME_SIZE + size + 7 & -8
    return found


def test_frames_are_in_the_file_when_append_returns(writer, tmp_path):
    writer.append(UP, 7, b"Q\0\0\0\x0dselect 1\0")
    writer.append(DOWN, 2**64 - 1, memoryview(b"abc"))
    writer.append(DOWN, 0, bytearray())
    assert boots(tmp_path) == [writer.boot]
    assert frames_of(path_of(writer.directory, 1)) == [
        (UP, 7, 1_234_567, b"Q\0\0\0\x0dselect 1\0"),
        (DOWN, 2**64 - 1, 1_234_567, b"abc"),
        (DOWN, 0, 1_234_567, b""),
    ]


@pytest.mark.parametrize("size", [0, 1, 7, 8, 511, 512, 1900])
def test_an_appender_puts_the_same_on_tape(writer, size):
    data = bytes(range(256)) * 8
    for session in (7, 2**64 - 1):
        append = writer.appender(UP, session)
        append(data[:size])
        append(bytearray(data[:size]))
        writer.append(DOWN, 1, b"between")
    found = [
        frame
        for n in numbers(writer.directory)
        for frame in frames_of(path_of(writer.directory, n))
    ]
    expected = []
    for session in (7, 2**64 - 1):
        expected += [(UP, session, 1_234_567, data[:size])] * 2
        expected.append((DOWN, 1, 1_234_567, b"between"))
    assert found == expected


def test_an_appender_goes_on_in_the_next_segment_and_is_refused_without_one(writer):
    append = writer.appender(UP, 7)
    room = SMALL - frames.HEADER_SIZE
    most = room // (frames.FRAME_SIZE + 96)
    for _ in range(4 * most):
        append(bytes(96))
    with pytest.raises(TapeFullError, match="4 segments"):
        append(bytes(96))
    counts = [len(frames_of(path_of(writer.directory, n))) for n in numbers(writer.directory)]
    assert counts == [most] * 4


def test_a_full_segment_is_closed_and_the_next_goes_on(writer):
    for number in range(3):
        writer.append(UP, number, bytes(1900))
    first, second = (
        frames.decode_header(path_of(writer.directory, n).read_bytes()) for n in (1, 2)
    )
    assert first.closed
    assert not second.closed
    assert second.number == 2
    assert len(frames_of(path_of(writer.directory, 2))) == 1


def test_files_are_of_nobody_else(writer):
    assert writer.directory.stat().st_mode & 0o777 == 0o700
    assert path_of(writer.directory, 1).stat().st_mode & 0o777 == 0o600


def test_a_frame_that_no_segment_holds_is_refused(writer):
    largest = SMALL - frames.HEADER_SIZE - frames.FRAME_SIZE
    writer.append(UP, 1, bytes(largest))
    with pytest.raises(ValueError, match="larger than a segment"):
        writer.append(UP, 1, bytes(largest + 1))


def test_too_far_ahead_of_the_auditor_is_refused_and_goes_on_when_it_has_caught_up(
    writer, monkeypatch
):
    monkeypatch.setattr("pgward.audit.tape.writer._RETRY_SECONDS", 0)
    for number in range(4):
        writer.append(UP, number, bytes(3000))
    with pytest.raises(TapeFullError, match="4 segments"):
        writer.append(UP, 5, bytes(3000))
    with pytest.raises(TapeFullError):
        writer.check()
    path_of(writer.directory, 1).unlink()
    writer.append(UP, 5, bytes(3000))
    assert numbers(writer.directory)[:4] == [2, 3, 4, 5]


def test_a_small_frame_still_fits_after_a_refusal(writer):
    for number in range(4):
        writer.append(UP, number, bytes(3000))
    with pytest.raises(TapeFullError):
        writer.append(UP, 5, bytes(3000))
    writer.append(UP, 6, b"small")
    assert frames_of(path_of(writer.directory, 4))[-1][1:] == (6, 1_234_567, b"small")


def test_a_writer_that_ends_leaves_no_reserved_segment(tmp_path):
    writer = TapeWriter(tmp_path, segment_size=SMALL)
    writer.append(UP, 1, b"x")
    writer.close()
    assert [path.name for path in writer.directory.iterdir()] == ["000001.tape"]
    assert frames.decode_header(path_of(writer.directory, 1).read_bytes()).closed


def test_a_tape_that_somebody_removed_takes_nothing_new(writer):
    assert not writer.is_gone
    writer.check()
    writer._spare.result()  # nothing is written there meanwhile
    shutil.rmtree(writer.directory)
    assert writer.is_gone
    with pytest.raises(TapeFullError, match="somebody has removed the tape"):
        writer.check()
    writer.append(UP, 1, b"who reads on finds it")


def test_it_tells_how_much_is_on_it_and_of_each_turn(writer):
    turns = []
    writer.turned = lambda: turns.append(writer.fill().used)
    start = writer.written
    writer.append(UP, 1, bytes(1000))
    assert writer.written - start == 1000 + frames.FRAME_SIZE
    assert turns == []
    for _ in range(4):
        writer.append(UP, 1, bytes(1900))
    assert len(turns) >= 2
    assert writer.written >= start + 4 * 1900
    assert writer.fill().most == 4
