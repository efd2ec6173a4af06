"""``pgward audit``: who did what; ``audit search | tail``: what was said to databases."""

import json
from collections.abc import Callable
from typing import Any

import click

from pgward.client import audit_archive, options
from pgward.client.audit_archive import Page
from pgward.client.audit_checking import span
from pgward.client.audit_records import said
from pgward.client.audit_verify_commands import export, verify
from pgward.client.time_option import TimeOption
from pgward.core.errors import InvalidInputError, UnavailableError
from pgward.system import terminal

_EVENTS = {
    "time": "TIME",
    "actor": "ACTOR",
    "action": "ACTION",
    "target": "TARGET",
    "outcome": "OUTCOME",
    "reason": "REASON",
    "client": "FROM",
}
_RECORDS = {
    "time": "TIME",
    "user": "USER",
    "service": "SERVICE",
    "type": "TYPE",
    "status": "STATUS",
    "rows": "ROWS",
    "took": "TOOK",
    "said": "TEXT",
}
_LONGEST = 200  # letters of a text in a table


def filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose records."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


_FILTERS = (
    click.argument("contains", metavar="[TEXT]", required=False),
    click.option("--user", metavar="NAME", help="Only what this person did."),
    click.option("--service", metavar="NAME", help="Only on this service."),
    click.option("--session", metavar="ID", help="Only in this database session."),
    click.option("--edge", metavar="NAME", help="Only through this edge."),
    click.option(
        "--type",
        type=click.Choice(
            [
                *("SESSION_START", "SESSION_END", "QUERY", "PARSE", "BIND", "EXECUTE", "CLOSE"),
                *("FUNCTION_CALL", "COPY", "CANCEL", "DENIED", "NOTICE", "TEXT", "GAP"),
                "RECORDING",
            ],
            case_sensitive=False,
        ),
        help="Only of this type.",
    ),
    click.option(
        "--status",
        type=click.Choice(["ok", "error", "denied", "skipped", "unknown"]),
        help="Only what ended so.",
    ),
    click.option("--regex", metavar="RE2", help="Only what a regular expression matches."),
)


@click.group(invoke_without_command=True)
@click.option("--actor", metavar="NAME", help="Only what this person or machine did.")
@click.option("--action", metavar="ACTION", help="Only this action; `user.*` means all such.")
@click.option(
    "--after", type=click.IntRange(min=0), metavar="SEQ", help="Only what came after number SEQ."
)
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@options.output
@click.pass_context
def audit(  # noqa: PLR0917 - options
    context: click.Context,
    actor: str | None,
    action: str | None,
    after: int | None,
    limit: int,
    output: str,
) -> None:
    """Show who did what: the newest events, or those after a number.

    JSON and YAML have everything of each event, with its number `seq`. What people said to
    databases is in the archive: `search` it, and `verify` that nobody changed it.
    """
    if context.invoked_subcommand is not None:
        return
    with options.api() as api:
        found = api.get("/v1/audit", actor=actor, action=action, after=after, limit=limit)
    terminal.table(found["events"], _EVENTS, output, empty="no such event")


@audit.command("search", short_help="Search what was said to databases, the newest first.")
@filters
@click.option("--since", type=TimeOption(), help="Only from this time on.")
@click.option("--until", type=TimeOption(), help="Only before this time.")
@click.option("--oldest", is_flag=True, help="The oldest first.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--all", "everything", is_flag=True, help="All of them, however many.")
@options.output
def search(*, oldest: bool, limit: int, everything: bool, output: str, **wanted: Any) -> None:
    """Search what people did in databases, the newest first: statements, and how they ended.

    TEXT is looked for in texts, parameters and errors, without regard to case. Times are RFC 3339,
    a date, or a span before now (`12h`, `30d`).
    """
    asked = _asked(wanted) | {"order": "oldest" if oldest else "newest"}
    rows: list[dict[str, Any]] = []
    more = None
    with options.api() as api:
        for page in audit_archive.search(api, asked, None if everything else limit):
            _warn(page)
            rows += page.records
            more = page.cursor
    shown = [_row(row) for row in rows] if output == "table" else rows
    terminal.table(shown, _RECORDS, output, empty="no such record")
    if more is not None:
        which = "oldest" if oldest else "newest"
        terminal.note(f"only the {which} {limit} are shown; --limit or --all shows more")


@audit.command("tail")
@filters
@click.option("-n", "--lines", type=click.IntRange(0, 1000), default=10, show_default=True)
@click.option("-f", "--follow", is_flag=True, help="Show what comes in, until Ctrl-C.")
@options.output
def tail(*, lines: int, follow: bool, output: str, **wanted: Any) -> None:
    """Show the newest records, and with `-f` each one that comes in.

    With JSON each stands in a line of its own.
    """
    asked = _asked(wanted)
    with options.api() as api:
        # Where to follow from comes first, so that nothing is left out in between.
        coming = audit_archive.follow(api, asked) if follow else iter(())
        next(coming, None)
        found: list[dict[str, Any]] = []
        for page in audit_archive.search(api, asked, lines) if lines else ():
            _warn(page)
            found += page.records
        _print(found[::-1], output)
        known = {record.get("id") for record in found}
        while follow:
            try:
                page = next(coming)
            except UnavailableError as error:
                raise UnavailableError(error.message, hint="run it again: -n shows more") from error
            _warn(page)
            _print([each for each in page.records if each.get("id") not in known], output)


audit.add_command(verify)
audit.add_command(export)


def _asked(wanted: dict[str, Any]) -> dict[str, Any]:
    if wanted.get("contains") == "":
        raise InvalidInputError("TEXT is empty", hint="leave it out to find everything")
    return wanted


def _warn(page: Page) -> None:
    for each in page.lost:
        terminal.note(
            f"warning: {span(each['first_seq'], each['last_seq'])} lost, of {each['edge']}:"
            f" {each['why']}"
        )


def _print(records: list[dict[str, Any]], output: str) -> None:
    for record in records:
        if output == "json":
            terminal.echo(json.dumps(record, ensure_ascii=False))
        elif output == "yaml":
            terminal.documents([record])
            terminal.echo("---")
        else:
            row = _row(record)
            terminal.echo("  ".join(terminal.cell(row.get(name)) for name in _RECORDS))


def _row(record: dict[str, Any]) -> dict[str, Any]:
    took = record.get("duration_us")
    text = " ".join(said(record).split())
    return {
        **record,
        "took": None if took is None else f"{took / 1000:.1f} ms",
        "said": text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…",
    }
