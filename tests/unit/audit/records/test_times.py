from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.records.times import second_bytes, stamp
from pgward.core.clock import parse_rfc3339


@given(st.integers(0, 4_000_000_000_000_000))
def test_a_stamp_says_the_microsecond(moment):
    parsed = parse_rfc3339(stamp(moment))
    assert int(parsed.timestamp()) * 1_000_000 + parsed.microsecond == moment


def test_a_moment_that_cannot_be_is_no_error():
    assert stamp(2**63).startswith("1970-01-01T00:00:00.")


@given(st.integers(0, 4_000_000_000))
def test_a_second_as_bytes_is_how_its_stamps_begin(second):
    assert stamp(second * 1_000_000).encode() == second_bytes(second) + b".000000Z"
