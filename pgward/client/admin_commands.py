"""``pgward ca token`` and ``pgward edges``."""

from datetime import datetime
from typing import Any

import click

from pgward.client import options
from pgward.client.host_commands import remove_each
from pgward.client.phrases import duration, when
from pgward.core import names
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.system import terminal
from pgward.system.durations import Duration

_EDGES = {
    "name": "NAME",
    "address": "ADDRESS",
    "seen": "LAST SEEN",
    "current": "CURRENT",
    "ends": "CERTIFICATE ENDS",
}
_USES = {
    "edge": "pgward edge enroll",
    "host": "pgward hba apply",
    "connector": "pgward connector enroll",
}


@click.command()
@click.argument("kind", type=click.Choice(["edge", "host", "connector"]))
@click.argument("name")
@click.option(
    "--dns",
    multiple=True,
    metavar="NAME",
    help="A DNS name for the certificate; repeat it for more.  [default: NAME]",
)
@click.option("--ip", multiple=True, metavar="ADDR", help="An IP address for the certificate.")
@click.option(
    "--ttl",
    type=Duration(),
    default="1h",
    show_default=True,
    help="How long the token may be used: 30m, 12h, 7d.",
)
def token(kind: str, name: str, dns: tuple[str, ...], ip: tuple[str, ...], ttl: Any) -> None:
    """Make a join token for an edge, a PostgreSQL host or a connector.

    It is printed alone on standard output and works once.
    """
    names.resource_name(name, what="machine name")
    body = {
        "kind": kind,
        "name": name,
        "dns": list(dns),
        "ips": list(ip),
        "ttl_seconds": int(ttl.total_seconds()),
    }
    with options.api() as api:
        reply = api.post("/v1/tokens", body)
    terminal.report(kind=kind, name=name, expires_at=reply.get("expires_at"))
    terminal.echo(reply["token"], fact="token")
    use = _USES[kind]
    terminal.note(f"works once, for {duration(ttl)}; use it with `{use}` on the machine {name}")


@click.group(invoke_without_command=True)
@options.output
@click.pass_context
def edges(context: click.Context, output: str) -> None:
    """List edges: where they are, and whether they have the present configuration."""
    if context.invoked_subcommand is None:
        _list_edges(output)


@edges.command("list")
@options.output
def list_edges(output: str) -> None:
    """List edges."""
    _list_edges(output)


@edges.command("remove")
@click.argument("edge_names", metavar="NAME...", nargs=-1, required=True)
def remove_edges(edge_names: tuple[str, ...]) -> None:
    """Forget edges and revoke their certificates."""
    remove_each("edge", edge_names)


def _list_edges(output: str) -> None:
    with options.api() as api:
        reply = api.get("/v1/edges")
    version = reply.get("version")
    rows = [{**row, "current": row["snapshot_version"] == version} for row in reply["edges"]]
    if output == "table":
        now = SystemClock().now()
        rows = [_edge_row(row, now) for row in rows]
    terminal.table(
        rows, _EDGES, output, empty="there is no edge; `pgward ca token edge NAME` begins one"
    )


def _edge_row(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        **row,
        "seen": _relative(row["last_seen_at"], now) or "never",
        "ends": _relative(row["not_after"], now),
    }


def _relative(value: str | None, now: datetime) -> str | None:
    return None if value is None else when(parse_rfc3339(value), now)
