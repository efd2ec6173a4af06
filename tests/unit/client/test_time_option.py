from datetime import UTC, datetime, timedelta

import click
import pytest
from click.testing import CliRunner

from pgward.client.time_option import TimeOption
from pgward.core.clock import parse_rfc3339


def given(text):
    @click.command()
    @click.option("--at", type=TimeOption())
    def command(at):
        click.echo(at)

    return CliRunner().invoke(command, ["--at", text])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21", "2026-11-21T00:00:00Z"),
        ("2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z"),
        ("2026-11-21T12:00:00+02:00", "2026-11-21T10:00:00Z"),
    ],
)
def test_times(text, expected):
    assert given(text).stdout.strip() == expected


def test_a_span_is_before_now():
    ago = datetime.now(UTC) - parse_rfc3339(given("12h").stdout.strip())
    assert timedelta(hours=12) <= ago < timedelta(hours=12, minutes=1)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-11-21T12:00:00", "12"])
def test_what_is_no_time(text):
    result = given(text)
    assert result.exit_code == 2
    assert "is no time: 2026-11-21, 2026-11-21T12:00:00Z, or 12h ago as 12h" in result.stderr
