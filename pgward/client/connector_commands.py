"""``pgward connectors``: what makes roles on PostgreSQL servers, and enrolled for it."""

from datetime import datetime
from typing import Any

import click

from pgward.client import options
from pgward.client.host_commands import remove_each
from pgward.client.phrases import when
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.system import terminal

_CONNECTORS = {
    "name": "NAME",
    "integrations": "INTEGRATIONS",
    "seen": "LAST SEEN",
    "ends": "CERTIFICATE ENDS",
    "problem": "PROBLEM",
}


@click.group(invoke_without_command=True)
@options.output
@click.pass_context
def connectors(context: click.Context, output: str) -> None:
    """List connectors: their integrations, when each last asked, and what it could not do."""
    if context.invoked_subcommand is None:
        _list_connectors(output)


@connectors.command("list")
@options.output
def list_connectors(output: str) -> None:
    """List connectors."""
    _list_connectors(output)


@connectors.command("remove")
@click.argument("connector_names", metavar="NAME...", nargs=-1, required=True)
def remove_connectors(connector_names: tuple[str, ...]) -> None:
    """Forget connectors and revoke their certificates.

    One that still runs takes away what ends, and gives nothing any more.
    """
    remove_each("connector", connector_names)


def _list_connectors(output: str) -> None:
    with options.api() as api:
        rows = api.get("/v1/connectors")["connectors"]
    if output == "table":
        now = SystemClock().now()
        rows = [_row(row, now) for row in rows]
    terminal.table(
        rows,
        _CONNECTORS,
        output,
        empty="there is no connector; `pgward ca token connector NAME` begins one",
    )


def _row(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    seen, ends = (
        value and when(parse_rfc3339(value), now)
        for value in (row["last_seen_at"], row["not_after"])
    )
    problems = [
        f"{each['integration']}: {each['problem'] or each['state']}"
        for each in row["servers"]
        if each["state"] not in ("ok", None)
    ]
    return {**row, "seen": seen or "never", "ends": ends, "problem": "; ".join(problems)}
