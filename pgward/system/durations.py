"""Durations on the command line: ``90s``, ``30m``, ``12h``, ``7d``."""

import re
from datetime import timedelta

import click

_TEXT = re.compile(r"(\d{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration(click.ParamType[timedelta]):
    """A click type for a whole number and a unit; at least one second."""

    name = "duration"

    def convert(
        self,
        value: str | timedelta,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> timedelta:
        """Read the text; fail as a usage error."""
        if isinstance(value, timedelta):
            return value
        match = _TEXT.fullmatch(value.strip())
        seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
        if not 0 < seconds < timedelta.max.total_seconds():
            self.fail(f"{value!r} is no duration: write 90s, 30m, 12h or 7d", param, ctx)
        return timedelta(seconds=seconds)
