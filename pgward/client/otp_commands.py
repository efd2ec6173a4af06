"""``pgward otp``, ``token`` and ``tokens``: ways in for clients that have no certificate."""

import shlex
from datetime import datetime
from typing import Any

import click

from pgward.client import edge_uri, options
from pgward.client.access import hints
from pgward.client.phrases import when
from pgward.client.services import ServiceInfo, choose
from pgward.client.session import Session
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.core.errors import InvalidInputError, NotFoundError, UnavailableError
from pgward.system import terminal

_TOKENS = {
    "id": "ID",
    "service": "SERVICE",
    "created_at": "SINCE",
    "expires_at": "UNTIL",
    "last_used_at": "LAST USED",
    "last_client": "FROM",
}
_MOST_NAME = 63  # bytes: PostgreSQL's names have no more

role = click.option("--role", metavar="ROLE", help="Log in as ROLE, where the service lets you.")
database = click.option("--database", metavar="NAME", help="The database, if not the service's.")
user = click.option(
    "--user", "name", metavar="NAME", help="Whose tokens, if not yours (administrators only)."
)


@click.command("otp")
@click.argument("service")
@role
@database
def otp(service: str, role: str | None, database: str | None) -> None:
    """Make a one-time password for SERVICE, and print the command that uses it.

    It is good once and for five minutes, at any edge that serves SERVICE, in the place of the
    user name: any client that can speak TLS can use it.
    """
    with options.session() as session:
        found = _service(session, service)
        wanted = _wanted(found, role, database)
        made = session.api().post("/v1/me/otp", wanted)
        user = _user(role, str(made["otp"]))
        uri = _uri(session, found, user, database, password=edge_uri.EMPTY)
    terminal.note(f"good once, until {made['expires_at']}")
    terminal.report(service=found.name, user=user, expires_at=made["expires_at"], uri=uri)
    terminal.echo(terminal.clean(f"psql {shlex.quote(uri)}"), fact="command")


@click.command("token")
@click.argument("service")
@click.option(
    "--hours",
    type=click.IntRange(1, 7 * 24),
    default=8,
    show_default=True,
    help="How long it is good; with your login session it ends anyway.",
)
@role
@database
def token(service: str, hours: int, role: str | None, database: str | None) -> None:
    """Make a token for SERVICE: a user name and a password for clients that need both.

    Prints the connection URI and, on a line of its own, the password, which is shown only now.
    """
    with options.session() as session:
        found = _service(session, service)
        wanted = _wanted(found, role, database)
        made = session.api().post("/v1/me/tokens", {**wanted, "hours": hours})
        user = _user(role, str(made["id"]))
        uri = _uri(session, found, user, database, password=None)
    terminal.note(f"good until {made['expires_at']}; pgward tokens revoke {made['id']}")
    terminal.report(id=made["id"], service=found.name, user=user, expires_at=made["expires_at"])
    terminal.echo(terminal.clean(uri), fact="uri")
    terminal.echo(terminal.clean(str(made["secret"])), fact="password")


@click.group("tokens", invoke_without_command=True)
@user
@options.output
@click.pass_context
def tokens(context: click.Context, name: str | None, output: str) -> None:
    """List your tokens; revoke those that you do not need."""
    if context.invoked_subcommand is None:
        _list(name, output)


@tokens.command("list", short_help="List the tokens that count, and when each was used.")
@user
@options.output
def list_tokens(name: str | None, output: str) -> None:
    """List the tokens that count, and when and from where each was used last."""
    _list(name, output)


@tokens.command("revoke")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@user
def revoke(ids: tuple[str, ...], name: str | None) -> None:
    """Have tokens count no more: edges cut what runs on them."""
    with options.api() as api:
        for each in ids:
            api.delete(options.of_person(name, "tokens", each))
            terminal.add("revoked", each)
            terminal.note(f"revoked the token {each}")


def _service(session: Session, name: str) -> ServiceInfo:
    try:
        found = choose(session.services(), name)
    except NotFoundError as error:
        raise hints.refusal(name, error, lambda: session.offers(name)) from None
    if not found.edges:
        raise UnavailableError(f"no edge serves {name} now", hint="ask an administrator")
    return found


def _wanted(service: ServiceInfo, role: str | None, database: str | None) -> dict[str, str]:
    """Return what the CA is asked for: it says no where the service forces something else."""
    for what, name in (("role", role), ("database", database)):
        if name is not None:
            _check_name(what, name)
    said = {"service": service.name, "role": role, "database": database}
    return {name: each for name, each in said.items() if each is not None}


def _check_name(what: str, name: str) -> None:
    if not name or len(name.encode()) > _MOST_NAME or not name.isprintable():
        raise InvalidInputError(f"{name!r} cannot be a {what}'s name")


def _user(role: str | None, handle: str) -> str:
    return handle if role is None else f"{role}~{handle}"


def _uri(
    session: Session, service: ServiceInfo, user: str, database: str | None, password: str | None
) -> str:
    return edge_uri.write(
        service.edges,
        user=user,
        password=password,
        database=database or service.database,
        root_file=session.paths.ca,
    )


def _list(name: str | None, output: str) -> None:
    with options.api() as api:
        found = api.get(options.of_person(name, "tokens"))["tokens"]
    if output == "table":
        now = SystemClock().now()
        found = [_row(each, now) for each in found]
    terminal.table(
        found, _TOKENS, output, empty="there is no token; `pgward token SERVICE` makes one"
    )


def _row(found: dict[str, Any], now: datetime) -> dict[str, Any]:
    times = ("created_at", "expires_at", "last_used_at")
    shown = {each: when(parse_rfc3339(found[each]), now) for each in times if found[each]}
    return found | {"last_used_at": "never"} | shown
