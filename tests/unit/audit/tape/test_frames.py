import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.tape import frames


def test_a_header_is_read_as_it_was_written():
    data = frames.encode_header("00ff" * 4, 7, 4096)
    assert len(data) == frames.HEADER_SIZE
    assert frames.decode_header(data) == frames.SegmentHeader(
        boot="00ff" * 4, number=7, size=4096, tail=frames.HEADER_SIZE, closed=False
    )


@pytest.mark.parametrize("data", [b"", b"\0" * 64, b"PGWTAPE2" + b"0" * 56])
def test_other_bytes_are_no_header(data):
    assert frames.decode_header(data) is None


def test_headers_of_frames_keep_the_boundary_of_8_bytes():
    assert frames.FRAME_SIZE % 8 == 0
    assert frames.HEADER_SIZE % 8 == 0


def test_the_tail_and_the_end_are_the_words_that_the_header_says():
    data = bytearray(frames.encode_header("00ff" * 4, 7, 4096))
    words = memoryview(data).cast("Q")
    words[frames.TAIL_WORD], words[frames.CLOSED_WORD] = 999, 1
    header = frames.decode_header(bytes(data))
    assert header
    assert (header.tail, header.closed) == (999, True)


@given(st.integers(1, 2**31), st.integers(0, 2**32 - 1))
def test_a_position_names_segment_and_offset(number, offset):
    assert frames.place_of(frames.position_of(number, offset)) == (number, offset)


@given(st.binary(max_size=200), st.integers(0, 2**64 - 1), st.sampled_from(sorted(frames.KINDS)))
def test_the_check_sum_covers_session_time_and_kind(data, session, kind):
    good = frames.checksum(data, session, 10**15, kind)
    assert frames.checksum(data, session ^ 1, 10**15, kind) != good
    assert frames.checksum(data, session, 10**15 + 1, kind) != good
    assert frames.checksum(data + b"x", session, 10**15, kind) != good


def test_a_run_is_a_message_of_20_bytes_behind_its_type():
    assert (
        frames.run(3, 4096) == b"#" + bytes([0, 0, 0, 20]) + bytes(7) + b"\3" + bytes(6) + b"\x10\0"
    )


def test_a_piece_says_where_it_belongs():
    assert frames.read_piece(frames.piece(65536, 200_000, b"abc")) == (65536, 200_000, b"abc")


def test_a_piece_without_its_place_is_refused():
    with pytest.raises(frames.TapeError, match="too short"):
        frames.read_piece(b"abc")
