"""``pgward ca revoke`` and ``pgward ca crl status``."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
from click.shell_completion import CompletionItem

from pgward.client import options
from pgward.client.phrases import ago, counted, when
from pgward.core import serials
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.pki import reasons
from pgward.system import terminal

_REVOKED = {
    "serial": "SERIAL",
    "kind": "KIND",
    "subject": "NAME",
    "would_end": "WOULD HAVE ENDED",
    "reason": "REASON",
    "revoked": "REVOKED",
}
_CRLS = {
    "name": "CA",
    "number": "NUMBER",
    "signed": "SIGNED",
    "ends": "ENDS",
    "state": "STATE",
    "message": "WHY",
}


class _Reason(click.ParamType[str]):
    """A reason of RFC 5280, completed in the shell."""

    name = "reason"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(reasons.parse(value).value)
        except InvalidInputError as error:
            self.fail(f"{error.message}; {error.hint}", param, ctx)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002 - as above
        incomplete: str,
    ) -> list[CompletionItem]:
        start = incomplete.lower()
        return [CompletionItem(n) for n in reasons.FOR_LEAVES if n.lower().startswith(start)]


@click.command()
@click.argument("serial_numbers", metavar="[SERIAL]...", nargs=-1)
@click.option("--user", metavar="NAME", help="All that this person has now.")
@click.option("--host", metavar="NAME", help="All that this PostgreSQL host has now.")
@click.option("--edge", metavar="NAME", help="All that this edge has now.")
@click.option("--connector", metavar="NAME", help="All that this connector has now.")
@click.option(
    "--reason",
    type=_Reason(),
    default="unspecified",
    show_default=True,
    metavar="REASON",
    help=f"Why, for the revocation list: {', '.join(reasons.FOR_LEAVES)}.",
)
@click.option("--comment", default="", metavar="TEXT", help="Why, in words for the audit log.")
@click.option("--yes", is_flag=True, help="Do not ask, on a terminal, before all are revoked.")
@options.output
def revoke(
    *,
    serial_numbers: tuple[str, ...],
    user: str | None,
    host: str | None,
    edge: str | None,
    connector: str | None,
    reason: str,
    comment: str,
    yes: bool,
    output: str,
) -> None:
    """Revoke certificates: edges cut their connections within seconds.

    With --user, the person's login sessions end as well, as they would renew the certificates at
    once. Who may not come back at all is blocked: `pgward user block`. A host or an edge has to
    enroll again. A serial number may have colons and leading zeros.
    """
    given = {"person": user, "host": host, "edge": edge, "connector": connector}
    owners = [(kind, name) for kind, name in given.items() if name is not None]
    if len(owners) + bool(serial_numbers) != 1:
        raise InvalidInputError(
            "name either serial numbers, or one of --user, --host, --edge and --connector",
            hint="pgward ca list",
        )
    why = {"reason": reason, "comment": comment}
    if serial_numbers:
        _revoke_each([serials.normal(each) for each in serial_numbers], why, output)
    elif yes or _confirmed(*owners[0]):
        _revoke_all(*owners[0], why, output)
    else:
        terminal.note("nothing was revoked")
        if output != "table":
            terminal.structured([], output)


def _confirmed(kind: str, name: str) -> bool:
    """Ask on a terminal; a script knows what it does."""
    if not terminal.interactive():
        return True
    also = ", and end the login sessions" if kind == "person" else ""
    return terminal.confirm(f"revoke all certificates of {terminal.clean(name)}{also}?")


def _revoke_each(numbers: Sequence[str], why: dict[str, str], output: str) -> None:
    """Revoke each; one that cannot be is reported at the end, and keeps none of the others."""
    replies: list[dict[str, Any]] = []
    problems: list[PgwardError] = []
    with options.api() as api:
        for number in dict.fromkeys(numbers):
            try:
                replies.append(api.post(options.path("certificates", number, "revoke"), why))
            except PgwardError as problem:
                problems.append(problem)
    if replies:
        rows = [row for reply in replies for row in reply["certificates"]]
        _show(rows, sum(reply["revoked"] for reply in replies), output)
        _warn_of_sessions(rows)
    for other in problems[1:]:
        terminal.error(other, output)
    if problems:
        raise problems[0]


def _revoke_all(kind: str, name: str, why: dict[str, str], output: str) -> None:
    with options.api() as api:
        reply = api.post("/v1/certificates/revoke", {"kind": kind, "name": name, **why})
    _show(reply["certificates"], reply["revoked"], output)
    if kind == "person":
        ended = counted(reply["sessions_ended"], "login session")
        terminal.note(f"{ended} ended; `pgward user block {name}` keeps them out")


def _show(rows: Sequence[dict[str, Any]], count: int, output: str) -> None:
    if rows:
        now = SystemClock().now()
        shown = [_row(row, now) for row in rows] if output == "table" else rows
        terminal.table(shown, _REVOKED, output)
    elif output != "table":
        terminal.structured([], output)
    terminal.note(f"{counted(count, 'certificate')} revoked")


def _row(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    end, revoked_at = parse_rfc3339(row["not_after"]), parse_rfc3339(row["revoked_at"])
    return {**row, "would_end": when(end, now), "revoked": ago(now - revoked_at)}


def _warn_of_sessions(rows: Sequence[dict[str, Any]]) -> None:
    for name in sorted({row["subject"] for row in rows if row["kind"] == "person"}):
        terminal.note(
            f"a login session of {name} may get another one: `pgward ca revoke --user {name}` ends"
            " them all"
        )


@click.command()
@options.output
def crl_status(output: str) -> None:
    """Show each CA's revocation list: PostgreSQL refuses everyone when one of them ends.

    Exits with 1 when one is critical.
    """
    with options.api() as api:
        rows = api.get("/v1/crls")["crls"]
    now = SystemClock().now()
    shown = [_crl_row(row, now) for row in rows] if output == "table" else rows
    terminal.table(shown, _CRLS, output, empty="there is no revocation list")
    critical = [row for row in rows if row["state"] == "critical"]
    if critical:
        raise PgwardError(
            f"the revocation list of {critical[0]['name']}: {critical[0]['message']}",
            hint="look at the log of `pgward ca serve`, its clock and its store",
        )


def _crl_row(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        **row,
        "signed": ago(now - parse_rfc3339(row["this_update"])),
        "ends": when(parse_rfc3339(row["next_update"]), now),
    }
