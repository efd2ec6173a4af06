"""``pgward ca list | show``: who holds what."""

from datetime import datetime
from typing import Any

import click

from pgward.client import options
from pgward.client.api import ApiClient
from pgward.client.phrases import when
from pgward.client.time_option import TimeOption
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.core.errors import InvalidInputError
from pgward.system import terminal

_PAGE = 1000
_KINDS = (
    *("person", "minted", "account", "edge", "host", "connector", "api", "snapshot"),
    *("ocsp", "probe", "ca"),
)
_CERTIFICATES = {
    "serial": "SERIAL",
    "kind": "KIND",
    "subject": "NAME",
    "state": "STATE",
    "issued": "ISSUED",
    "ends": "ENDS",
}
_CERTIFICATE = {
    "serial": "serial",
    "kind": "kind",
    "subject": "name",
    "dns": "DNS names",
    "ips": "IP addresses",
    "state": "state",
    "ca": "issued by",
    "not_before": "valid from",
    "not_after": "valid until",
    "issued_at": "asked for at",
    "asked_by": "asked for by",
    "client": "from",
    "session_id": "login session",
    "fingerprint": "fingerprint",
    "key_sha256": "key",
    "log_index": "log entry",
    "revoked_at": "revoked at",
    "reason": "revoked because",
}


def filters(command: Any) -> Any:
    """Add the options that choose certificates."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


_FILTERS = (
    click.option("--user", metavar="NAME", help="Only this person's."),
    click.option("--host", metavar="NAME", help="Only this PostgreSQL host's."),
    click.option("--edge", metavar="NAME", help="Only this edge's."),
    click.option(
        "--service",
        metavar="NAME",
        help="Only of those who may use it now, and of the edges and hosts that serve it.",
    ),
    click.option(
        "--kind",
        type=click.Choice(_KINDS),
        help="Only of this kind.",
    ),
    click.option(
        "--state",
        type=click.Choice(["active", "expired", "revoked", "pending"]),
        help="Only in this state.",
    ),
    click.option("--valid-at", type=TimeOption(), help="Only those that were valid then."),
    click.option("--serial", metavar="HEX", help="Only this serial number."),
    click.option("--fingerprint", metavar="SHA256", help="Only this certificate."),
    click.option("--key", metavar="SHA256", help="Only for this public key."),
    click.option("--issued-after", type=TimeOption(), help="Only those asked for after this time."),
    click.option(
        "--issued-before", type=TimeOption(), help="Only those asked for before this time."
    ),
)


@click.command("list")
@filters
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True)
@click.option("--cursor", help="Go on where a list ended.")
@options.output
def list_certificates(*, limit: int, cursor: str | None, output: str, **wanted: Any) -> None:
    """List the certificates that were issued, the newest first.

    Times are RFC 3339, a date, or a span before now (`12h`, `30d`). `--valid-at` leaves out what
    was revoked by then.
    """
    with options.api() as api:
        rows, following = _pages(api, wanted, limit, cursor)
    shown = rows
    if output == "table":
        now = SystemClock().now()
        shown = [_row(row, now) for row in rows]
    terminal.table(shown, _CERTIFICATES, output, empty="no such certificate")
    if following is not None:
        terminal.note(f"only the newest {limit} are shown; go on with --cursor {following}")


@click.command("show")
@click.argument("name", metavar="SERIAL|FINGERPRINT")
@options.output
def show_certificate(name: str, output: str) -> None:
    """Show a certificate: whose, who asked, from where, its log entry, and itself in PEM.

    Administrators see any, other people their own.
    """
    if not name.strip():
        raise InvalidInputError("which certificate?", hint="pgward ca list")
    with options.api() as api:
        found = api.get(options.path("certificates", name.strip()))
    terminal.record(found, _CERTIFICATE, output)
    if output == "table" and found.get("pem"):
        terminal.echo(str(found["pem"]).strip())


def _pages(
    api: ApiClient, wanted: dict[str, Any], limit: int, cursor: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    rows: list[dict[str, Any]] = []
    while len(rows) < limit:
        most = min(_PAGE, limit - len(rows))
        found = api.get("/v1/certificates", **wanted, limit=most, cursor=cursor)
        rows += found["certificates"]
        cursor = found.get("cursor")
        if cursor is None:
            break
    return rows, cursor


def _row(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        **row,
        "issued": when(parse_rfc3339(row["issued_at"]), now),
        "ends": when(parse_rfc3339(row["not_after"]), now),
    }
