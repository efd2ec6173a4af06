"""Damaged values; what good ones say is tests/integration/test_audit_types.py."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.records.binary import BINARY
from pgward.audit.records.parameters import binary


@given(st.sampled_from(sorted(BINARY)), st.binary(max_size=60))
def test_no_value_is_too_odd(oid, data):
    assert isinstance(binary(data, oid), str)


@given(st.binary(max_size=100), st.integers(0, 6), st.sampled_from([23, 25, 1007, 99]))
def test_no_array_is_too_odd(data, dimensions, oid):
    assert isinstance(binary(struct.pack("!iiI", dimensions, 0, oid) + data, 1007), str)


@pytest.mark.parametrize(
    ("oid", "data", "text"),
    [
        (16, b"\1", "t"),
        (23, b"\0\0\0", "\\x000000"),
        (25, b"\xff", "\\xff"),
        (99_999, b"ab", "\\x6162"),
        (3802, b"\2{}", "\\x027b7d"),
        (869, b"\2\x20\0\4\1\2\3", "\\x02200004010203"),
    ],
)
def test_what_its_type_does_not_explain_is_shown_in_hex(oid, data, text):
    assert binary(data, oid) == text


def test_numbers_with_endless_zeros_do_not_swell():
    zero = struct.pack("!HhHH", 0, 0, 0, 1000)
    array = struct.pack("!iiIii", 1, 0, 1700, 500, 1) + 500 * (struct.pack("!i", 8) + zero)
    assert len(binary(array, 1231)) < 3 * len(array)


def test_arrays_of_arrays_of_unknown_elements_show_those_in_hex():
    array = struct.pack("!iiIii", 1, 0, 99_999, 1, 1) + struct.pack("!i", 1) + b"a"
    assert binary(array, 1009) == '{"\\\\x61"}'
