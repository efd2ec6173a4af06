import pytest

from pgward.core.clock import parse_rfc3339
from pgward.core.errors import InvalidInputError
from pgward.portal.pages.people import common


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", None),
        (" 2026-12-01 ", "2026-12-01T00:00:00Z"),
        ("2026-12-01T08:00:00Z", "2026-12-01T08:00:00Z"),
        ("2026-12-01T09:00:00+01:00", "2026-12-01T08:00:00Z"),
    ],
)
def test_a_time_is_typed_as_a_day_or_whole(text, moment):
    assert common.moment_of(text) == moment
    shown = common.typed(None if moment is None else parse_rfc3339(moment))
    assert common.moment_of(shown) == moment


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01", "0", "9999-99-99", "2026-12-01 08"])
def test_what_is_no_time_is_told(text):
    with pytest.raises(InvalidInputError, match="is no time"):
        common.moment_of(text)
