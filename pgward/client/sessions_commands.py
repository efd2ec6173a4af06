"""``pgward sessions``: who was connected to which database, what was said, how it ended."""

from datetime import datetime
from typing import Any

import click

from pgward.client import options
from pgward.client.phrases import counted, duration, when
from pgward.client.sessions_recording_commands import (
    MINE,
    end,
    export,
    place,
    play,
    rotate_key,
)
from pgward.client.time_option import TimeOption
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.core.errors import InvalidInputError
from pgward.system import terminal

_PAGE = 1000
_SESSIONS = {
    "began": "BEGAN",
    "user": "USER",
    "service": "SERVICE",
    "database": "DATABASE",
    "role": "ROLE",
    "client": "FROM",
    "lasted": "LASTED",
    "statements": "STATEMENTS",
    "ended": "END",
    "played": "RECORDED",
    "id": "ID",
}
_SESSION = {
    "id": "session",
    "user": "user",
    "service": "service",
    "database": "database",
    "role": "role",
    "client": "from",
    "application": "application",
    "edge": "edge",
    "started_at": "began at",
    "ended_at": "ended at",
    "end_reason": "because",
    "sqlstate": "SQLSTATE",
    "statements": "statements",
    "errors": "errors",
    "denied": "denied",
    "rows": "rows",
    "recorded": "recording",
}


@click.group()
def sessions() -> None:
    """Show, play and end database sessions through edges that put them on record."""


@sessions.command("ls")
@MINE
@click.option("--user", metavar="NAME", help="Only this person's.")
@click.option("--service", metavar="NAME", help="Only to this service.")
@click.option("--edge", metavar="NAME", help="Only through this edge.")
@click.option("--database", metavar="NAME", help="Only in this database.")
@click.option("--since", type=TimeOption(), help="Only those that began from this time on.")
@click.option("--until", type=TimeOption(), help="Only those that began before this time.")
@click.option("--open/--ended", "is_open", default=None, help="Only those that run, or ended.")
@click.option(
    "--recorded/--not-recorded", "recorded", default=None, help="Only those that can be played."
)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@options.output
def list_sessions(
    *,
    mine: bool,
    is_open: bool | None,
    recorded: bool | None,
    limit: int,
    output: str,
    **wanted: str | None,
) -> None:
    """List database sessions, those that began last first.

    Times are RFC 3339, a date, or a span before now (`12h`, `30d`). All are for auditors,
    your own (--mine) for everybody.
    """
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    asked = {**wanted, "open": _word(is_open), "recorded": _word(recorded)}
    if mine and (asked["user"] or asked["recorded"]):
        raise InvalidInputError("--mine shows your own: --user and --recorded are for auditors")
    with options.api() as api:
        while len(rows) < limit:
            most = min(_PAGE, limit - len(rows))
            found = api.get(place(mine), **asked, limit=most, cursor=cursor)
            rows += found["sessions"]
            cursor = found["cursor"]
            if cursor is None:
                break
    now = SystemClock().now()
    shown = [_row(row, now) for row in rows] if output == "table" else rows
    terminal.table(shown, _SESSIONS, output, empty="no such session")
    if cursor is not None:
        terminal.note(f"only the newest {limit} are shown; --limit shows more")


@sessions.command("show", short_help="Show a database session.")
@click.argument("session", metavar="ID")
@click.option("--edge", metavar="NAME", help="Whose session, if several edges have one.")
@MINE
@options.output
def show_session(session: str, edge: str | None, output: str, *, mine: bool) -> None:
    """Show a database session; `pgward audit search --session ID` shows what was said in it."""
    with options.api() as api:
        found = api.get(place(mine, session), edge=edge)
    shown = {**found, "recorded": _recorded(found)}
    terminal.record(shown if output == "table" else found, _SESSION, output)


def _recorded(found: dict[str, Any]) -> str | None:
    recording = found.get("recording")
    if recording is None:
        return None
    words = [counted(recording["pieces"], "piece"), counted(recording["events"], "event")]
    if recording["missing"]:
        words.append(f"{recording['missing']} missing")
    elif found["ended_at"] and not recording["complete"]:
        words.append("its end is missing")
    return ", ".join(words)


for command in (play, export, end, rotate_key):
    sessions.add_command(command)


def _word(choice: bool | None) -> str | None:
    return None if choice is None else str(choice).lower()


def _row(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    began = parse_rfc3339(row["started_at"])
    ended = row["ended_at"]
    until = now if ended is None else parse_rfc3339(ended)
    return {
        **row,
        "began": when(began, now),
        "lasted": duration(max(until - began, until - until)),
        "played": "yes" if row.get("recorded") else None,
        "ended": "runs" if ended is None else row["sqlstate"] or row["status"] or "ended",
    }
