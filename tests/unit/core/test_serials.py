import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core import serials
from pgward.core.errors import InvalidInputError


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
