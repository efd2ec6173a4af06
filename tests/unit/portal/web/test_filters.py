from datetime import UTC, datetime, timedelta

import pytest

from pgward.core.errors import InvalidInputError
from pgward.portal.web import filters


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no such thing", "No such thing."),
        ("why?", "Why?"),
        ("", ""),
        ("it ends.", "It ends."),
        ("pgward login", "pgward login."),
    ],
)
def test_a_message_is_a_sentence(text, shown):
    assert filters.sentence(text) == shown


def test_a_time_is_in_utc():
    assert filters.shown_time(datetime(2026, 11, 23, 9, 5, tzinfo=UTC)) == "2026-11-23 09:05 UTC"


@pytest.mark.parametrize(
    ("days", "shown"),
    [
        (3, "in 3 days"),
        (-1, "1 day ago"),
        (5475, "in 15 years"),
        (1645, "in 4 years 5 months"),
        (5474.99, "in 15 years"),
        (-1100, "3 years ago"),
    ],
)
def test_a_time_is_told_as_it_is_from_now(days, shown):
    now = datetime(2026, 11, 23, tzinfo=UTC)
    assert filters.relative(now + timedelta(days=days), now) == shown


def test_a_picture_holds_nothing_of_its_text():
    drawn = filters.qr("otpauth://totp/<script>?secret=ABC")
    assert drawn.startswith("<svg")
    assert "script" not in drawn
    assert "style=" not in drawn


def test_a_picture_holds_so_much_and_no_more():
    with pytest.raises(InvalidInputError, match="too long"):
        filters.qr("\U0001f600" * 900)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "00:00.000"), (61.5, "01:01.500"), (3723.4567, "1:02:03.457"), (-1, "00:00.000")],
)
def test_a_clock(seconds, shown):
    assert filters.clock(seconds) == shown


def test_a_text_of_any_length():
    assert filters.shortened("a" * 2000) == "a" * 2000
    assert filters.shortened("a" * 2001) == "a" * 2000 + "… (1 letter more)"


def test_numbers():
    assert [filters.number(12041), filters.amount(12041, "row")] == ["12,041", "12,041 rows"]
    assert filters.amount(1, "row") == "1 row"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.00025, "0.2 ms"), (0.9, "900.0 ms"), (1.25, "1.2 s")]
)
def test_how_long_something_took(seconds, shown):
    assert filters.took(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2e9, "2.0 GB"), (3e15, "3,000.0 TB")],
)
def test_sizes(count, shown):
    assert filters.size(count) == shown


@pytest.mark.parametrize(
    ("count", "shown"), [(0.0, "0"), (0.25, "0.2"), (9.9, "9.9"), (1234.5, "1,234")]
)
def test_rates(count, shown):
    assert filters.rate(count) == shown
