"""``pgward access report``: who can reach what, by which path, and who does not use it."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import click

from pgward.client import options
from pgward.client.api import ApiClient
from pgward.client.phrases import when
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.core.errors import InvalidInputError
from pgward.system import spreadsheets, terminal

PATHS = (
    "allow",
    "grant",
    "flow",
    "break-glass",
    "role-map",
    "server-role",
    "connector",
    "administrator",
)
FIELDS = (
    *("path", "user", "group", "members", "service", "integration", "host", "role", "by"),
    *("since", "until", "last_used", "unused", "blocked", "flagged"),
)
_PAGE = 1000
_COLUMNS = {
    "who": "WHO",
    "what": "WHAT",
    "path": "BY",
    "role": "ROLE",
    "since": "SINCE",
    "until": "UNTIL",
    "used": "LAST USED",
}


@click.command(short_help="Report who can reach what, and by which path.")
@click.option("--user", metavar="NAME", help="Only what this person reaches, also by groups.")
@click.option("--group", metavar="NAME", help="Only what is given to this group.")
@click.option("--service", metavar="SERVICE", help="Only who reaches this service.")
@click.option("--path", type=click.Choice(PATHS), help="Only rights of this kind.")
@click.option("--people", is_flag=True, help="Each member of a group in a line.")
@click.option("--unused", is_flag=True, help="Only standing rights that nobody uses.")
@click.option(
    "--days",
    "unused_days",
    type=click.IntRange(1, 3650),
    default=90,
    show_default=True,
    help="Unused is what was not used for so many days.",
)
@click.option("--limit", type=click.IntRange(1), metavar="NUMBER", help="At most so many lines.")
@click.option("--csv", is_flag=True, help="Write CSV, for spreadsheets.")
@options.output
def report(*, limit: int | None, csv: bool, output: str, **wanted: Any) -> None:
    """Report who can reach what, by which path, since when, and when it was last used.

    For auditors and administrators. The paths: allow (of a service), grant (for a time), flow (may
    ask), break-glass, role-map (logs in natively), server-role (a login of the server itself),
    connector, administrator.
    """
    if csv and output != "table":
        raise InvalidInputError("--csv and --output exclude each other")
    with options.api() as api:
        found = islice(_rights(api, wanted), limit)
        if csv:
            terminal.echo(spreadsheets.line(FIELDS))
            for each in found:
                terminal.echo(spreadsheets.line(each[name] for name in FIELDS))
            return
        rows = list(found)
    if output != "table":
        terminal.structured(rows, output)
        return
    now = SystemClock().now()
    shown = [_row(each, now) for each in rows]
    columns = _COLUMNS | ({"flagged": "BEWARE"} if any(each["flagged"] for each in rows) else {})
    terminal.table(shown, columns, empty="nothing unused" if wanted["unused"] else "nobody")


def _rights(api: ApiClient, wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all rights, page by page."""
    asked = {name: str(value).lower() if value is True else value for name, value in wanted.items()}
    asked = {name: value for name, value in asked.items() if value is not False}
    after: str | None = None
    while True:
        params = asked | {"limit": _PAGE, "after": after}
        reply = api.call("GET", options.path("access", "report"), params=params)
        yield from reply["rights"]
        after = reply["after"]
        if after is None:
            return


def _row(right: dict[str, Any], now: datetime) -> dict[str, Any]:
    used = _when(right["last_used"], now)
    return {
        "who": who(right),
        "what": what(right),
        "path": f"{right['path']} ({right['by']})",
        "role": right["role"],
        "since": right["since"] and right["since"][:10],
        "until": right["until"],
        "used": f"{used or 'never'}: unused" if right["unused"] else used,
        "flagged": right["flagged"],
    }


def who(right: dict[str, Any]) -> str | None:
    """Return whose a right is, in words; None for what is nobody's."""
    if right["user"] is None:
        return f"group {right['group']} ({right['members']})" if right["group"] else None
    notes = [f"group {right['group']}"] if right["group"] else []
    notes += ["blocked"] if right["blocked"] else []
    return f"{right['user']} ({', '.join(notes)})" if notes else str(right["user"])


def what(right: dict[str, Any]) -> str:
    """Return what a right is about, in words."""
    if right["service"] is not None:
        return str(right["service"])
    if right["host"] is not None:
        return f"host {right['host']}"
    if right["integration"] is not None:
        return f"server {right['integration']}"
    return "everything"


def _when(text: str | None, now: datetime) -> str | None:
    return None if text is None else when(parse_rfc3339(text), now)
