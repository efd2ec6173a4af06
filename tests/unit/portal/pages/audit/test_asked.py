from datetime import UTC, datetime

import pytest

from pgward.core.errors import InvalidInputError
from pgward.portal.pages.audit import asked
from pgward.portal.pages.audit.asked import Query, Word

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Known(Query):
    name: Word = ""
    cursor: Word = ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("24h", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01 09:30", datetime(2026, 11, 1, 9, 30, tzinfo=UTC)),
        ("2026-11-01T09:30:15Z", datetime(2026, 11, 1, 9, 30, 15, tzinfo=UTC)),
        ("2026-11-01T09:30+02:00", datetime(2026, 11, 1, 7, 30, tzinfo=UTC)),
        ("2026-11-01T09:30-02:00", datetime(2026, 11, 1, 11, 30, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_people_write_them(text, expected):
    assert asked.moment(text, NOW) == expected


@pytest.mark.parametrize(
    "text", ["yesterday", "24", "-", "2026-13-01", "999999999d", "0001-01-01T00:00+14:00", "0s"]
)
def test_what_is_no_time_is_refused_with_how_to_write_one(text):
    with pytest.raises(InvalidInputError, match="is no time") as caught:
        asked.moment(text, NOW)
    assert caught.value.hint == "write 24h, 7d, 2026-11-21 or 2026-11-21 09:00"


def test_a_query_is_read_without_what_it_does_not_know():
    found = asked.read(Known, {"name": " ann ", "other": "x"})
    assert found.said() == {"name": "ann"}
    assert asked.read(Known, {"name": "ann", "cursor": "1"}).said("cursor") == {"name": "ann"}


def test_what_was_typed_is_shown_again_right_or_wrong():
    long = "a" * 2000
    with pytest.raises(InvalidInputError):
        asked.read(Known, {"name": long})
    assert asked.typed(Known, {"name": long, "other": "x"}).said() == {"name": "a" * 1024}
