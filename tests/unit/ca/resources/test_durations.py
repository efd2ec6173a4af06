from datetime import timedelta

import pytest

from pgward.ca.resources.durations import duration
from pgward.core.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", {"seconds": 90}),
        ("30m", {"minutes": 30}),
        ("12h", {"hours": 12}),
        ("7d", {"days": 7}),
    ],
)
def test_lengths_are_read(text, expected):
    assert duration(text) == timedelta(**expected)


@pytest.mark.parametrize("text", ["", "0s", "1", "1 h", "1w", "1234567s", "-1h", "1h30m"])
def test_anything_else_is_refused(text):
    with pytest.raises(InvalidInputError, match="is no duration"):
        duration(text)
