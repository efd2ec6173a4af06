"""Times as people give them on the command line."""

from datetime import timedelta

import click

from pgward.core.clock import SystemClock, parse_rfc3339, rfc3339


class TimeOption(click.ParamType[str]):
    """A time in RFC 3339, a date (its beginning in UTC), or a span before now: ``12h``."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as RFC 3339 in UTC, with whole seconds."""
        from pgward.system.durations import Duration  # noqa: PLC0415 - only for this option

        try:
            if "T" in value or "-" in value:
                text = value if "T" in value else f"{value}T00:00:00Z"
                return rfc3339(parse_rfc3339(text))
            span = Duration().convert(value, param, ctx)
        except (ValueError, click.BadParameter):
            self.fail(f"{value!r} is no time: 2026-11-21, 2026-11-21T12:00:00Z, or 12h ago as 12h")
        return rfc3339(SystemClock().now() - timedelta(seconds=span.total_seconds()))
