"""``pgward idp …``: the company's identity providers."""

from pathlib import Path
from typing import Any

import click

from pgward.client import idp_spec, options
from pgward.client.phrases import when
from pgward.core import names
from pgward.core.clock import SystemClock, parse_rfc3339
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.system import terminal

_PROVIDER = {
    "name": "name",
    "description": "description",
    "issuer": "issuer",
    "servers": "servers",
    "bind_dn": "service account",
    "user_dn": "binds as",
    "client_id": "client id",
    "secret": "secret",
    "user_claim": "user claim",
    "groups_claim": "groups claim",
    "group_map": "group map",
    "second_factor": "second factor",
    "create_users": "creates users",
    "link_existing": "links existing users",
    "asked_again": "asked again",
    "redirect_uris": "redirect URIs",
    "backchannel_logout_uri": "back-channel logout",
}
_PEOPLE = {"user": "USER", "subject": "SUBJECT", "groups": "GROUPS", "seen": "LAST LOGIN"}
_CHECKS = {"verdict": "", "name": "WHAT", "detail": "FOUND"}


@click.group()
def idp() -> None:
    """Have people log in at an identity provider (administrators only)."""


@idp.command("add")
@click.argument("name")
@click.option("--issuer", required=True, metavar="URL", help="The provider's issuer, exactly.")
@click.option("--client-id", required=True, metavar="ID", help="What the provider calls pgward.")
@click.option(
    "--client-secret-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The client's secret is the first line of FILE.",
)
@click.option(
    "--client-secret-stdin",
    is_flag=True,
    allow_from_autoenv=False,
    help="The client's secret is the first line of standard input.",
)
@click.option("--description", default="", metavar="TEXT", help="What people are shown.")
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Trust only these certificates (PEM) for its HTTPS.",
)
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="Ask for these scopes.")
@click.option(
    "--user-claim",
    metavar="CLAIM",
    help="What people are called.  [default: preferred_username, else a verified email]",
)
@click.option(
    "--strip-domain",
    "strip_domains",
    multiple=True,
    metavar="DOMAIN",
    help="Take @DOMAIN off names, and let no other domain in.",
)
@click.option("--group-claim", metavar="CLAIM", help="Take groups from this claim.")
@click.option("--group-prefix", metavar="TEXT", help="Put TEXT before groups of the provider.")
@click.option(
    "--group-map",
    "group_map",
    multiple=True,
    metavar="THEIRS=OURS",
    help="What a group of the provider is called here.",
)
@click.option("--admin-group", metavar="GROUP", help="Its members are administrators here.")
@click.option(
    "--allow-group",
    "allow_groups",
    multiple=True,
    metavar="GROUP",
    help="Let only members of such a group of the provider in.",
)
@click.option(
    "--require-claim",
    "require_claims",
    multiple=True,
    metavar="CLAIM=VALUE",
    help="Let only people in of whom the provider says this.",
)
@click.option(
    "--second-factor",
    "second_factor",
    multiple=True,
    metavar="CLAIM=VALUE",
    help="Take this for a second factor: amr=mfa, amr=otp, acr=…",
)
@click.option("--create-users", is_flag=True, help="Add people here at their first login.")
@click.option(
    "--link-existing",
    is_flag=True,
    help="Take people for the user of their name who is here already.",
)
@click.option(
    "--redirect-port",
    "redirect_ports",
    type=click.IntRange(1024, 65535),
    multiple=True,
    metavar="PORT",
    help="Listen on this port only, for providers that want it fixed.",
)
@click.option("--dry-run", is_flag=True, help="Ask the provider, and store nothing.")
@options.output
def add(*, name: str, output: str, dry_run: bool, description: str, **given: Any) -> None:
    """Add the OpenID provider NAME, after trying out that it works.

    Prints what must be registered there. The secret is stored encrypted, and never shown again.
    """
    names.resource_name(name)
    secret = _secret(given.pop("client_secret_file"), given.pop("client_secret_stdin"))
    body: dict[str, Any] = {
        "name": name,
        "description": description,
        "spec": idp_spec.spec_of(**given),
        "dry_run": dry_run,
    }
    if secret is not None:
        body["secret"] = secret
    with options.api() as api:
        found = api.post("/v1/identity-providers", body)
    if output != "table":
        terminal.structured(found, output)
        return
    _show_checks(found["checks"])
    terminal.note(f"{'would add' if dry_run else 'added'} {name}; register there:")
    _show_registration(found["register"])
    spec = found["resource"]["spec"]
    if not spec.get("createUsers") and not spec.get("linkExisting"):
        terminal.note(
            "nobody is let in before you say who they are: pgward idp link, or add it with"
            " --create-users"
        )


@idp.command("list")
@options.output
def list_providers(output: str) -> None:
    """List the identity providers."""
    with options.api() as api:
        found = api.get("/v1/resources/identityprovider")["resources"]
    rows = [idp_spec.row(each) for each in found]
    terminal.table(rows, idp_spec.COLUMNS, output, empty="there is no identity provider")


@idp.command("show")
@click.argument("name")
@options.output
def show(name: str, output: str) -> None:
    """Show the identity provider NAME, and who came from there."""
    with options.api() as api:
        found = api.get(_path(name))
    if output != "table":
        terminal.structured(found, output)
        return
    spec, metadata = found["resource"]["spec"], found["resource"]["metadata"]
    told = {
        "name": metadata["name"],
        "description": metadata["description"],
        "issuer": spec.get("issuer"),
        "servers": spec.get("servers"),
        "bind_dn": spec.get("bindDn"),
        "user_dn": spec.get("userDn"),
        "client_id": spec.get("clientId"),
        "secret": "stored" if found["has_secret"] else "none",
        "user_claim": idp_spec.user_claim(spec),
        "groups_claim": spec.get("groupsClaim"),
        "group_map": [f"{theirs}={ours}" for theirs, ours in spec.get("groupMap", {}).items()],
        "second_factor": idp_spec.shown_second_factor(spec),
        "create_users": spec.get("createUsers"),
        "link_existing": spec.get("linkExisting"),
        "asked_again": idp_spec.asked_again(spec),
        **found["register"],
    }
    known = {key: value for key, value in told.items() if value not in (None, [])}
    terminal.record(known, {key: title for key, title in _PROVIDER.items() if key in known})
    now = SystemClock().now()
    people = [
        each
        | {
            "seen": when(parse_rfc3339(each["last_login_at"]), now)
            if each["last_login_at"]
            else "never"
        }
        for each in found["people"]
    ]
    terminal.table(people, _PEOPLE, empty="nobody has come from there yet")


@idp.command("test")
@click.argument("name")
@options.output
def test(name: str, output: str) -> None:
    """Ask the provider NAME all that can be asked without a person."""
    with options.api() as api:
        found = api.post(f"{_path(name)}/test")["checks"]
    if output == "table":
        _show_checks(found)
    else:
        terminal.structured(found, output)
    failed = [each["name"] for each in found if each["verdict"] == "failed"]
    if failed:
        raise PgwardError(f"{name} cannot be used: {', '.join(failed)}")


@idp.command("secret")
@click.argument("name")
@click.option(
    "--client-secret-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="It is the first line of FILE.",
)
@click.option(
    "--client-secret-stdin",
    is_flag=True,
    allow_from_autoenv=False,
    help="It is the first line of standard input.",
)
def secret(*, name: str, client_secret_file: Path | None, client_secret_stdin: bool) -> None:
    """Store another client secret for NAME."""
    found = _secret(client_secret_file, client_secret_stdin)
    if found is None:
        found = terminal.ask_password(f"Client secret of {name}")
    with options.api() as api:
        api.put(f"{_path(name)}/secret", {"secret": found})
    terminal.report(name=name, has_secret=True)
    terminal.note(f"stored; see whether {name} takes it: pgward idp test {name}")


@idp.command("link")
@click.argument("name")
@click.argument("user")
@click.argument("subject")
def link(name: str, user: str, subject: str) -> None:
    """Have SUBJECT of the provider NAME log in as USER, who exists."""
    body = {"user": names.identity(user), "subject": subject}
    with options.api() as api:
        made = api.post(f"{_path(name)}/links", body)
    terminal.report(name=name, **made)
    terminal.note(f"{user} logs in at {name} from now on")


@idp.command("unlink")
@click.argument("name")
@click.argument("user")
def unlink(name: str, user: str) -> None:
    """Forget who USER is at NAME; logins from there end, and so do groups it gave."""
    with options.api() as api:
        reply = api.delete(options.path("identity-providers", name, "links", names.identity(user)))
    terminal.report(name=name, user=user)
    terminal.note(f"unlinked {user}; {options.revoked(reply)}")


@idp.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove NAME and its secret: logins from there end, the people stay."""
    with options.api() as api:
        reply = api.delete(_path(name))
    terminal.add("removed", name)
    terminal.note(f"removed {name}; {options.revoked(reply)}")


def _path(name: str) -> str:
    return options.path("identity-providers", names.resource_name(name))


def _secret(file: Path | None, stdin: bool) -> str | None:
    if file is not None and stdin:
        raise InvalidInputError("--client-secret-file and --client-secret-stdin exclude each other")
    if stdin:
        return terminal.read_stdin_line()
    return None if file is None else options.first_line(file)


def _show_checks(found: list[dict[str, Any]]) -> None:
    terminal.table(found, _CHECKS)


def _show_registration(told: dict[str, Any]) -> None:
    titles = {
        "client_id": "client id",
        "application_type": "kind of application",
        "redirect_uris": "redirect URIs",
        "backchannel_logout_uri": "back-channel logout",
    }
    terminal.record(told, titles)
