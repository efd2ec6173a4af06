"""``pgward user …`` and ``pgward group …``: the CA's directory of people."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import click

from pgward.client import options
from pgward.client.api import ApiClient
from pgward.client.options import PasswordSource
from pgward.core import names
from pgward.core.clock import parse_rfc3339, rfc3339
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError
from pgward.system import terminal

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_STANDINGS = ("active", "blocked", "outside", "no-factor", "invited")
_USERS = {
    "name": "NAME",
    "full_name": "FULL NAME",
    "email": "E-MAIL",
    "groups": "GROUPS",
    "blocked": "BLOCKED",
}
_USER = {
    "name": "name",
    "full_name": "full name",
    "email": "e-mail",
    "groups": "groups",
    "administrator": "administrator",
    "blocked": "blocked",
    "blocked_at": "blocked at",
    "blocked_reason": "blocked because",
    "created_at": "created at",
    "created_by": "created by",
    "password_changed_at": "password set at",
    "must_change_password": "must change it",
    "valid_from": "valid from",
    "valid_until": "valid until",
}
_GROUPS = {"name": "NAME", "members": "MEMBERS"}

full_name = click.option("--full-name", metavar="TEXT", help="The name as people say it.")
email = click.option("--email", metavar="ADDRESS", help="Where to write to.")
generate = click.option(
    "--generate", is_flag=True, help="Make a password, and print it on standard output."
)


valid_from = click.option(
    "--valid-from",
    metavar="TIME",
    help="No login before: 2026-12-01 (0:00 UTC), 2026-12-01T08:00:00Z, or none.",
)
valid_until = click.option(
    "--valid-until",
    metavar="TIME",
    help="The account ends then, with its sessions and connections; or none.",
)
must_change = click.option(
    "--must-change-password/--need-not-change-password",
    default=None,
    help="Whether the next login with the password asks for a new one.",
)


@click.group()
def user() -> None:
    """Add, block and list people (administrators only)."""


@user.command("add")
@click.argument("name")
@full_name
@email
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="Repeat it for more.")
@valid_from
@valid_until
@must_change
@generate
@options.password
def add(
    *,
    name: str,
    full_name: str | None,
    email: str | None,
    groups: tuple[str, ...],
    valid_from: str | None,
    valid_until: str | None,
    must_change_password: bool | None,
    generate: bool,
    password_source: PasswordSource,
) -> None:
    """Add the person NAME, who logs in with a password."""
    dates = _dates(valid_from, valid_until)
    names.new_identity(name)
    _refuse_two_sources(generate, password_source)
    with options.api() as api:
        password = _new_password(name, generate, password_source)
        body: dict[str, Any] = {
            "name": name,
            "full_name": full_name or "",
            "email": email or "",
            "groups": list(groups),
            "password": password,
        } | dates
        if must_change_password:
            body["must_change_password"] = True
        api.post("/v1/users", body)
    terminal.report(name=name, groups=groups)
    terminal.note(f"added {name} to {', '.join(groups)}" if groups else f"added {name}")
    if generate:
        terminal.echo(password, fact="password")


@user.command("invite")
@click.argument("name")
@full_name
@email
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="Repeat it for more.")
@click.option(
    "--hours",
    type=click.IntRange(1, 24 * 14),
    default=72,
    show_default=True,
    help="How long the link is good.",
)
@click.option("--mail/--no-mail", default=True, help="Whether it goes out by e-mail, too.")
def invite(
    *,
    name: str,
    full_name: str | None,
    email: str | None,
    groups: tuple[str, ...],
    hours: int,
    mail: bool,
) -> None:
    """Print a link by which NAME chooses a password, once; add NAME if there is none yet.

    Whoever has the link can: give it to nobody else. One that was made before is void then.
    """
    names.new_identity(name)
    given = {"full_name": full_name or "", "email": email or "", "groups": list(groups)}
    with options.api() as api:
        try:
            api.get(_path(name))
        except NotFoundError:
            api.post("/v1/users", {"name": name, **given})
            terminal.note(f"added {name}")
        else:
            if any(given.values()):
                raise ConflictError(
                    f"there is a user {name!r} already",
                    hint="leave the options out that describe a new one, or pgward user edit",
                )
        made = api.post(_path(name, "invitation"), {"hours": hours, "mail": mail})
    until = made["invitation"]["expires_at"]
    terminal.report(name=name, mailed=made["mailed"], expires_at=until)
    how = "also goes out by e-mail" if made["mailed"] else "goes to nobody by itself: pass it on"
    terminal.note(f"the link is good once, until {until}, and {how}")
    terminal.echo(made["link"], fact="link")


@user.command("uninvite")
@click.argument("name")
def uninvite(name: str) -> None:
    """Have the link of NAME count no more."""
    with options.api() as api:
        api.delete(_path(name, "invitation"))
    terminal.report(name=name)
    terminal.note(f"the link of {name} counts no more")


@user.command("list")
@click.option("--search", "text", metavar="TEXT", help="Only who has it in a name or an address.")
@click.option("--standing", type=click.Choice(_STANDINGS), help="Only who stands so.")
@click.option("--group", metavar="GROUP", help="Only its members.")
@options.output
def list_users(text: str | None, standing: str | None, group: str | None, output: str) -> None:
    """List everyone, blocked people too."""
    wanted = {"text": text, "standing": standing, "group": group}
    with options.api() as api:
        some = any(wanted.values())
        found = list(_people(api, wanted)) if some else api.get("/v1/users")["users"]
    terminal.table(found, _USERS, output, empty="there is nobody")


@user.command("show")
@click.argument("name")
@options.output
def show(name: str, output: str) -> None:
    """Show all that the CA knows of NAME."""
    with options.api() as api:
        found = api.get(_path(name))["user"]
    terminal.record(found, _USER, output)


@user.command("edit")
@click.argument("name")
@full_name
@email
@valid_from
@valid_until
@must_change
def edit(
    *,
    name: str,
    full_name: str | None,
    email: str | None,
    valid_from: str | None,
    valid_until: str | None,
    must_change_password: bool | None,
) -> None:
    """Change what the CA knows of NAME, and when the account is valid."""
    given = {
        "full_name": full_name,
        "email": email,
        "must_change_password": must_change_password,
    }
    change: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    change |= _dates(valid_from, valid_until)
    if not change:
        raise InvalidInputError("nothing to change", hint="pgward user edit --help")
    with options.api() as api:
        api.patch(_path(name), change)
    terminal.report(name=name, **change)
    terminal.note(f"changed {name}")


@user.command("block")
@click.argument("name")
@click.option("--reason", default="", metavar="TEXT", help="Why, for those who read it later.")
def block(name: str, reason: str) -> None:
    """Refuse NAME from now on: certificates are revoked, connections cut."""
    with options.api() as api:
        reply = api.post(_path(name, "block"), {"reason": reason})
    terminal.report(name=name, blocked=True)
    terminal.note(f"blocked {name}; {options.revoked(reply)}")


@user.command("unblock")
@click.argument("name")
def unblock(name: str) -> None:
    """Let NAME log in again; revoked certificates stay revoked."""
    with options.api() as api:
        api.post(_path(name, "unblock"))
    terminal.report(name=name, blocked=False)
    terminal.note(f"unblocked {name}; the next login gives a new certificate")


@user.command("passwd")
@click.argument("name")
@click.option(
    "--must-change-password", is_flag=True, help="The next login with it asks for a new one."
)
@generate
@options.password
def passwd(
    name: str, must_change_password: bool, generate: bool, password_source: PasswordSource
) -> None:
    """Set a new password for NAME, whose login sessions end."""
    _refuse_two_sources(generate, password_source)
    with options.api() as api:
        password = _new_password(name, generate, password_source)
        body: dict[str, Any] = {"password": password}
        if must_change_password:
            body["must_change"] = True
        reply = api.post(_path(name, "password"), body)
    terminal.report(name=name)
    terminal.note(f"new password set for {name}; {options.revoked(reply)}")
    if generate:
        terminal.echo(password, fact="password")


@user.command("remove")
@click.argument("names_", metavar="NAME...", nargs=-1, required=True)
def remove(names_: tuple[str, ...]) -> None:
    """Remove people: certificates are revoked, connections cut."""
    with options.api() as api:
        for name in names_:
            reply = api.delete(_path(name))
            terminal.add("removed", name)
            terminal.note(f"removed {name}; {options.revoked(reply)}")


@user.command("reset-mfa")
@click.argument("name")
def reset_mfa(name: str) -> None:
    """Remove all second factors of NAME, who lost them.

    Make sure that it is really they who ask: from then on the password alone lets them in, or
    sets a new second factor up where one is required.
    """
    with options.api() as api:
        removed = api.post(_path(name, "mfa", "reset"))["removed"]
    terminal.report(name=name, removed=removed)
    terminal.note(f"removed of {name}: {', '.join(removed)}" if removed else f"{name} has none")


@click.group()
def group() -> None:
    """Put people into groups; a group exists while it has members."""


@group.command("list")
@options.output
def list_groups(output: str) -> None:
    """List the groups and who is in them."""
    with options.api() as api:
        found = api.get("/v1/groups")["groups"]
    terminal.table(found, _GROUPS, output, empty="there is no group")


@group.command("show")
@click.argument("name")
@options.output
def show_group(name: str, output: str) -> None:
    """Show who is in the group NAME."""
    with options.api() as api:
        found = [each for each in api.get("/v1/groups")["groups"] if each["name"] == name]
    if not found:
        raise NotFoundError(f"there is no group {name!r}", hint="pgward group list")
    terminal.record(found[0], {"name": "name", "members": "members"}, output)


@group.command("add")
@click.argument("name", metavar="GROUP")
@click.argument("users", metavar="USER...", nargs=-1, required=True)
def add_members(name: str, users: tuple[str, ...]) -> None:
    """Put people into GROUP."""
    _change_members(name, add=list(users))


@group.command("remove")
@click.argument("name", metavar="GROUP")
@click.argument("users", metavar="USER...", nargs=-1, required=True)
def remove_members(name: str, users: tuple[str, ...]) -> None:
    """Take people out of GROUP."""
    _change_members(name, remove=list(users))


def _people(api: ApiClient, wanted: Mapping[str, str | None]) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        reply = api.get("/v1/people", **wanted, limit=1000, after=after)
        yield from reply["people"]
        after = reply["after"]
        if after is None:
            return


def _change_members(name: str, **change: list[str]) -> None:
    names.resource_name(name, what="group")
    with options.api() as api:
        reply = api.post(options.path("groups", name, "members"), change)
    members = ", ".join(reply.get("members") or []) or "nobody, so the group is gone"
    terminal.report(name=name, members=reply.get("members") or [])
    terminal.note(f"in {name} now: {members}")


def _dates(first: str | None, last: str | None) -> dict[str, str | None]:
    """Return the dates that were given, as the CA reads them."""
    given = {"valid_from": ("--valid-from", first), "valid_until": ("--valid-until", last)}
    return {key: _moment(*each) for key, each in given.items() if each[1] is not None}


def _moment(option: str, text: str | None) -> str | None:
    if text is None or text == "none":
        return None
    try:
        return rfc3339(parse_rfc3339(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text))
    except (ValueError, OverflowError):
        raise InvalidInputError(
            f"{text!r} is no time", where=option, hint="2026-12-01, 2026-12-01T08:00:00Z or none"
        ) from None


def _refuse_two_sources(generate: bool, source: PasswordSource) -> None:
    if generate and source.given:
        raise InvalidInputError("--generate takes no password", hint="leave the other option out")


def _path(name: str, *act: str) -> str:
    return options.path("users", names.identity(name), *act)


def _new_password(name: str, generate: bool, source: PasswordSource) -> str:
    if generate:
        return options.generate_password()
    try:
        return source.read(f"New password for {name}", new=True)
    except InvalidInputError as error:
        if not source.given:  # there is no terminal to ask on
            error.hint = "use --generate, --password-stdin or --password-file"
        raise
