"""``pgward connectors``: what makes roles on PostgreSQL servers, and enrolled for it."""

from datetime import datetime
from typing import Any

import click

from pgward.client import options
from pgward.client.host_commands import remove_each
from pgward.client.phrases import when
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.core.errors import PgwardError
from pgward.system import terminal

_WAIT_SECONDS = 20.0
_ON_ITS_WAY = 10.0  # seconds that an answer may take beyond what the CA waits
_FINDINGS = {"check": "CHECK", "verdict": "IS", "text": "WHAT"}
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


@connectors.command("check")
@click.argument("integration")
@options.output
def check(integration: str, output: str) -> None:
    """Have the connector of an integration try its server, and tell what is missing there.

    It connects and looks, and changes nothing; `pgward connector check` does so beside it.
    """
    path = options.path("integrations", integration, "check")
    with options.api() as api:
        api.post(path)
        found = api.call(
            "GET", path, params={"wait": _WAIT_SECONDS}, timeout=_WAIT_SECONDS + _ON_ITS_WAY
        )
    if found["state"] != "there":
        silence = f"the connector of {integration} has not answered"
        raise PgwardError(
            f"{silence}: {found['trouble']}" if found["trouble"] else silence,
            hint="look at it: pgward connectors; one of an earlier version does not answer",
        )
    rows = found["findings"]
    terminal.table(rows, _FINDINGS, output, empty="the connector found nothing to look at")
    if output == "table":
        for each in rows:
            if each["hint"] is not None:
                terminal.note(f"{each['check']}: {each['hint']}")
    if any(each["verdict"] == "problem" for each in rows):
        raise PgwardError("the server cannot be worked as it is", hint="the problems say why")


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
