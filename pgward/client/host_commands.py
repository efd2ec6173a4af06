"""``pgward hosts``: the PostgreSQL hosts that enrolled."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from pgward.client import options
from pgward.client.phrases import when
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.system import terminal

_HOSTS = {"name": "NAME", "names": "NAMES", "seen": "LAST SEEN", "ends": "CERTIFICATE ENDS"}


@click.group(invoke_without_command=True)
@options.output
@click.pass_context
def hosts(context: click.Context, output: str) -> None:
    """List PostgreSQL hosts: their names, and when each last refreshed."""
    if context.invoked_subcommand is None:
        _list_hosts(output)


@hosts.command("list")
@options.output
def list_hosts(output: str) -> None:
    """List PostgreSQL hosts."""
    _list_hosts(output)


@hosts.command("remove")
@click.argument("host_names", metavar="NAME...", nargs=-1, required=True)
def remove_hosts(host_names: tuple[str, ...]) -> None:
    """Forget PostgreSQL hosts and revoke their certificates.

    A server that still runs gets no revocation lists any more, and refuses everyone once those
    that it has end.
    """
    remove_each("host", host_names)


def remove_each(kind: str, machines: Sequence[str]) -> None:
    """Remove machines of a kind, one after the other, and tell of each."""
    with options.api() as api:
        for name in machines:
            reply = api.delete(options.path(f"{kind}s", name))
            terminal.add("removed", name)
            terminal.note(f"removed the {kind} {name}; {options.revoked(reply)}")


def _list_hosts(output: str) -> None:
    with options.api() as api:
        rows = api.get("/v1/hosts")["hosts"]
    if output == "table":
        now = SystemClock().now()
        rows = [_row(row, now) for row in rows]
    terminal.table(
        rows, _HOSTS, output, empty="there is no host; `pgward ca token host NAME` begins one"
    )


def _row(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    seen, ends = (
        value and when(parse_rfc3339(value), now)
        for value in (row["last_seen_at"], row["not_after"])
    )
    return {**row, "names": [*row["dns"], *row["ips"]], "seen": seen or "never", "ends": ends}
