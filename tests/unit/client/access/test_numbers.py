import pytest

from pgward.client.access import numbers
from pgward.core.errors import InvalidInputError


def test_numbers_are_read():
    assert numbers.read(["3", "5-7", "6", "1"]) == [3, 5, 6, 7, 1]
    assert len(numbers.read(["1-500"])) == 500


@pytest.mark.parametrize("text", ["", "x", "0", "-3", "7-5", "1-", "1-501", "1" * 10])
def test_what_is_no_number(text):
    with pytest.raises(InvalidInputError):
        numbers.read([text])
