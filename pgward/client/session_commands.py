"""``pgward logins …``: one's login sessions, wherever they are, each to be ended from here."""

from datetime import datetime
from typing import Any

import click

from pgward.client import options
from pgward.client.phrases import counted, when
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.core.errors import InvalidInputError
from pgward.system import terminal

_LOGINS = {
    "id": "ID",
    "device": "DEVICE",
    "how": "METHOD",
    "reason": "REASON",
    "client": "FROM",
    "created_at": "SINCE",
    "expires_at": "UNTIL",
}

user = click.option(
    "--user", "name", metavar="NAME", help="Whose sessions, if not yours (administrators only)."
)


@click.group(invoke_without_command=True)
@user
@options.output
@click.pass_context
def logins(context: click.Context, name: str | None, output: str) -> None:
    """List your login sessions; end those that you do not want."""
    if context.invoked_subcommand is None:
        _list(name, output)


@logins.command("list")
@user
@options.output
def list_logins(name: str | None, output: str) -> None:
    """List the login sessions that live: where, how and since when."""
    _list(name, output)


@logins.command("end")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--others", is_flag=True, help="End all but the session that you use now.")
@user
def end(ids: tuple[str, ...], others: bool, name: str | None) -> None:
    """End login sessions: their certificates are revoked, connections cut."""
    if bool(ids) == others:
        raise InvalidInputError(
            "name sessions, or say --others", hint="pgward logins shows their ids"
        )
    with options.api() as api:
        if others:
            _tell(api.delete(_path(name)))
        for each in ids:
            _tell(api.delete(_path(name, each)))


def _tell(reply: dict[str, Any]) -> None:
    ended = int(reply["ended"])
    terminal.count(sessions_ended=ended)
    terminal.note(f"{counted(ended, 'login session')} ended; {options.revoked(reply)}")


def _path(name: str | None, *parts: str) -> str:
    return options.of_person(name, "logins", *parts)


def _list(name: str | None, output: str) -> None:
    with options.api() as api:
        found = api.get(_path(name))["logins"]
    if output == "table":
        now = SystemClock().now()
        found = [_row(each, now) for each in found]
    terminal.table(found, _LOGINS, output, empty="there is no login session")


def _row(login: dict[str, Any], now: datetime) -> dict[str, Any]:
    here = " (this one)" if login["current"] else ""
    provider = f" at {login['provider']}" if login["provider"] else ""
    further = [each for each in login["factors"] if each != login["method"]]
    return login | {
        "device": f"{login['device'] or 'unknown'}{here}",
        "how": " + ".join([f"{login['method']}{provider}", *further]),
        "created_at": when(parse_rfc3339(login["created_at"]), now),
        "expires_at": when(parse_rfc3339(login["expires_at"]), now),
    }
