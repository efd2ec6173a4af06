from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core import serials
from pgward.core.errors import InvalidInputError

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_a_new_one_is_the_time_and_what_is_random():
    random = bytes(range(serials.RANDOM_OCTETS))
    assert f"{serials.new(NOW, random):x}" == "7f01a1fdfa4600" + random.hex()


@given(st.integers(0, 7000 * 365), st.binary(min_size=13, max_size=13))
def test_it_is_positive_and_20_octets_long(days, random):
    made = serials.new(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days), random)
    assert made.bit_length() == 159
    assert serials.normal(f"{made:x}") == f"{made:x}"


def test_the_latest_is_the_largest():
    later = NOW + timedelta(milliseconds=1)
    assert serials.new(later, b"\0" * 13) > serials.new(NOW, b"\xff" * 13)


def test_too_little_randomness_is_refused():
    with pytest.raises(ValueError, match="13 random octets"):
        serials.new(NOW, b"\0" * 12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7d01ab", "7d01ab"),
        ("7D01AB", "7d01ab"),
        ("7D:01:AB", "7d01ab"),
        ("00:7d:01:ab", "7d01ab"),
        ("0x7d01ab", "7d01ab"),
        (" 7d01ab\n", "7d01ab"),
        ("00", "0"),
        ("00" + "f" * 40, "f" * 40),
    ],
)
def test_any_way_to_write_it(text, expected):
    assert serials.normal(text) == expected


@pytest.mark.parametrize("text", ["", "xyz", "7d 01", ":7d", "7d::01", "0x", "-1", "f" * 41, "٣"])
def test_what_is_none(text):
    with pytest.raises(InvalidInputError, match="is no serial number") as caught:
        serials.normal(text)
    assert "pgward ca list" in str(caught.value.hint)


@given(st.integers(min_value=0, max_value=2**160 - 1))
def test_colons_and_case_change_nothing(number):
    digits = f"{number:040X}"
    colons = ":".join(digits[at : at + 2] for at in range(0, 40, 2))
    assert serials.normal(colons) == f"{number:x}"
