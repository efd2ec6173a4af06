"""``pgward secret …``: what edges log in to PostgreSQL with; values go in and never come out."""

import sys
from base64 import b64encode
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from pgward.client import options
from pgward.client.phrases import counted, when
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.core.errors import InvalidInputError
from pgward.system import terminal
from pgward.system.files import storage_errors

_SECRETS = {
    "name": "NAME",
    "version": "VERSION",
    "services": "SERVICES",
    "changed": "CHANGED",
    "by": "BY",
}
_VERSIONS = {
    "version": "VERSION",
    "state": "STATE",
    "made": "MADE",
    "created_by": "BY",
    "expires_at": "KEPT UNTIL",
}
_ACCOUNTS = {
    "integration": "INTEGRATION",
    "user": "ACCOUNT",
    "secret": "SECRET",
    "every": "EVERY",
    "last": "CHANGED",
    "due": "DUE",
    "failure": "PROBLEM",
}
_MAX_BYTES = 16 * 1024  # as the CA has it
_SEEN = (
    "warning: others on this machine may have seen the value in the list of processes, and your"
    " shell may keep it in its history; --file or standard input keep it to yourself"
)


def source(command: Any) -> Any:
    """Add the options that say where a value comes from."""
    value = click.option("--value", help="The value itself, which others on this machine may see.")
    file = click.option(
        "--file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Read the value from FILE; - is standard input.",
    )
    return value(file(command))


@click.group("secret", invoke_without_command=True)
@options.output
@click.pass_context
def secret(context: click.Context, output: str) -> None:
    """List the secrets that edges log in with; create, rotate and delete them."""
    if context.invoked_subcommand is None:
        _list(output)


@secret.command("list", short_help="List secrets, and which services refer to them.")
@options.output
def list_secrets(output: str) -> None:
    """List secrets, their versions and which services refer to them; never a value."""
    _list(output)


@secret.command("create", short_help="Store a new secret, to which services refer by name.")
@click.argument("name")
@source
def create(name: str, value: str | None, file: Path | None) -> None:
    """Store a new secret NAME, to which services refer by fromSecret.

    Without an option the value is asked for on the terminal, or else read from standard input.
    The line end of a single line is left out. Nobody can get it back: only edges whose services
    refer to it do.
    """
    given = _value(name, value, file)
    with options.api() as api:
        made = api.post("/v1/secrets", {"name": name, "value": given})
    terminal.report(**made)
    terminal.note(f"the secret {made['name']} is stored")


@secret.command("rotate", short_help="Give a secret a new value.")
@click.argument("name")
@source
@click.option(
    "--now", is_flag=True, help="Have a connector change the password at the server, too."
)
def rotate(name: str, value: str | None, file: Path | None, now: bool) -> None:
    """Give the secret NAME a new value; edges use it for their next login.

    The value comes as for `pgward secret create`. The one before can be recovered for 30 days.
    With --now there is no value to give: it is that of an account that an integration names, whose
    connector makes the change at once, and not only on its schedule.
    """
    if now:
        _change(name, value, file)
        return
    given = _value(name, value, file)
    with options.api() as api:
        made = api.post(options.path("secrets", name, "rotate"), {"value": given})
    terminal.report(**made)
    terminal.note(f"the secret {made['name']} has version {made['version']} now")


def _change(name: str, value: str | None, file: Path | None) -> None:
    if value is not None or file is not None:
        raise InvalidInputError("--now makes the value itself: it takes no --value and no --file")
    with options.api() as api:
        asked = api.post(options.path("secrets", name, "change"))
    terminal.report(**asked)
    terminal.note(
        f"asked for a new password of {asked['user']} at {asked['integration']}:"
        " `pgward secret accounts` shows what came of it"
    )


@secret.command("accounts", short_help="List accounts whose passwords change.")
@options.output
def accounts(output: str) -> None:
    """List the accounts of integrations whose passwords change on a schedule, or on demand."""
    with options.api() as api:
        found = api.get("/v1/accounts")["accounts"]
    if output == "table":
        now = SystemClock().now()
        found = [each | {"last": _last(each["changed_at"], now)} for each in found]
    terminal.table(found, _ACCOUNTS, output, empty="no integration names an account")


def _last(changed_at: str | None, now: datetime) -> str:
    return "never" if changed_at is None else when(parse_rfc3339(changed_at), now)


@secret.command("history", short_help="Show the versions of a secret.")
@click.argument("name")
@options.output
def history(name: str, output: str) -> None:
    """Show the versions of the secret NAME that are kept, never a value."""
    with options.api() as api:
        found = api.get(options.path("secrets", name, "versions"))["versions"]
    if output == "table":
        now = SystemClock().now()
        found = [each | {"made": when(parse_rfc3339(each["created_at"]), now)} for each in found]
    terminal.table(found, _VERSIONS, output)


@secret.command("recover", short_help="Take a former value of a secret again.")
@click.argument("name")
@click.option("--version", type=click.IntRange(1), required=True, help="Of which version.")
def recover(name: str, version: int) -> None:
    """Make a former value of the secret NAME the one in use, as a new version.

    Former values are kept for 30 days, the last ten of them.
    """
    with options.api() as api:
        made = api.post(options.path("secrets", name, "recover"), {"version": version})
    terminal.report(**made)
    terminal.note(f"the secret {made['name']} has version {made['version']} now, as {version} was")


@secret.command("delete", short_help="Forget secrets to which no service refers.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Also one that a service refers to.")
def delete(names: tuple[str, ...], force: bool) -> None:
    """Forget secrets; one that a service refers to only with --force."""
    with options.api() as api:
        for name in names:
            forced = {"force": "true"} if force else None
            reply = api.call("DELETE", options.path("secrets", name), params=forced)
            terminal.add("deleted", name)
            broken = [str(each) for each in reply["services"]]
            told = f"; these services cannot log in now: {', '.join(broken)}" if broken else ""
            terminal.note(f"deleted the secret {name}{told}")


@secret.command("rotate-key", short_help="Encrypt all secrets with a new key.")
def rotate_key() -> None:
    """Encrypt all secrets with a new key; values and edges stay as they are.

    It happens by itself every 90 days.
    """
    with options.api() as api:
        done = api.post("/v1/secret-key/rotate")
    terminal.report(**done)
    terminal.note(f"{counted(int(done['secrets']), 'secret')} encrypted with a new key")


def _value(name: str, value: str | None, file: Path | None) -> str:
    """Return the value in base64; raise InvalidInputError, which never holds any of it."""
    if value is not None and file is not None:
        raise InvalidInputError("--value and --file exclude each other")
    data = _read(name, value, file)
    if data.count(b"\n") <= 1:
        data = data.removesuffix(b"\n").removesuffix(b"\r")
    if not data:
        raise InvalidInputError("the value is empty")
    if len(data) > _MAX_BYTES:
        raise InvalidInputError(f"the value is longer than {_MAX_BYTES} bytes")
    return b64encode(data).decode("ascii")


def _read(name: str, value: str | None, file: Path | None) -> bytes:
    if value is not None:
        terminal.note(_SEEN)
        return value.encode("utf-8", "surrogateescape")
    if file is not None and str(file) != "-":
        with storage_errors(file, "read"), file.open("rb") as opened:
            return opened.read(_MAX_BYTES + 3)
    if file is None and terminal.interactive():
        return terminal.ask_password(f"Value of {name}", confirm=True).encode()
    return sys.stdin.buffer.read(_MAX_BYTES + 3)


def _list(output: str) -> None:
    with options.api() as api:
        found = api.get("/v1/secrets")["secrets"]
    if output == "table":
        now = SystemClock().now()
        found = [_row(each, now) for each in found]
    terminal.table(
        found, _SECRETS, output, empty="there is no secret; `pgward secret create NAME` makes one"
    )


def _row(found: dict[str, Any], now: datetime) -> dict[str, Any]:
    changed = found["rotated_at"] or found["created_at"]
    return found | {
        "changed": when(parse_rfc3339(changed), now),
        "by": found["rotated_by"] or found["created_by"],
    }
