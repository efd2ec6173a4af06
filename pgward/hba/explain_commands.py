"""``pgward hba explain``."""

from ipaddress import ip_address

import click

from pgward.core.errors import InvalidInputError
from pgward.hba.decide import explaining
from pgward.hba.decide.connection import Connection, Encryption, World
from pgward.hba.decide.explaining import Explanation
from pgward.hba.decide.loading import load
from pgward.hba.decide.verdict import Certificate, Evidence, Verdict
from pgward.hba.file_options import ReadFiles, dialect_options, file_options
from pgward.hba.server.files import ServerFiles
from pgward.hba.syntax.addresses import IP
from pgward.hba.syntax.regexes import BeyondUsError
from pgward.system import terminal
from pgward.system.output import option as output_option

_LOCAL = "local"
_REFUSED = 1


@click.command()
@file_options
@dialect_options
@click.option("--user", required=True, metavar="ROLE", help="The role to be.")
@click.option("--database", metavar="NAME", help="The database.  [default: as the role]")
@click.option("--replication", is_flag=True, help="Physical replication, to no database.")
@click.option(
    "--address", required=True, metavar="IP", help=f"The client's, or {_LOCAL}: the Unix socket."
)
@click.option("--host-name", metavar="NAME", help="The client's, where its DNS leads both ways.")
@click.option("--tls", is_flag=True, help="The connection is encrypted with TLS.")
@click.option("--gss", is_flag=True, help="The connection is encrypted with GSSAPI.")
@click.option("--cert-cn", metavar="NAME", help="CN of a valid client certificate.")
@click.option("--cert-dn", metavar="DN", help="Its DN, as PostgreSQL writes it: CN=ann,O=x.")
@click.option("--password", "knows", is_flag=True, help="The right password is known.")
@click.option("--system-user", metavar="NAME", help="Who the system says it is: peer, gss, …")
@click.option("--member", "members", multiple=True, metavar="GROUP", help="The role is in GROUP.")
@output_option
def explain(
    *,
    read_files: ReadFiles,
    user: str,
    database: str | None,
    replication: bool,
    address: str,
    host_name: str | None,
    tls: bool,
    gss: bool,
    cert_cn: str | None,
    cert_dn: str | None,
    knows: bool,
    system_user: str | None,
    members: tuple[str, ...],
    output: str,
) -> None:
    """Say which line of pg_hba.conf decides about a connection, and what becomes of it.

    Nothing is tried: the files are read as their version of PostgreSQL reads them, with what
    they include. samehost and samenet mean this machine, with --ssh or --dsn the server's; members
    of roles are the server's with --dsn. The status is 1 where the connection would be refused.
    """
    encryption = _encryption(tls=tls, gss=gss)
    certificate = _certificate(cert_cn, cert_dn)
    if certificate is not None and not tls:
        raise InvalidInputError("there is no client certificate without TLS", hint="add --tls")
    asked = None if replication else database or user
    connection = Connection(user, asked, _address(address), encryption, host_name)
    files = read_files()
    if replication and not files.able.physical_replication:
        raise InvalidInputError(f"{files.able.name} has no physical replication")
    try:
        loaded = load(files.hba, files.ident, files.able, _world(files, user, members))
        found = explaining.explain(loaded, connection, Evidence(certificate, knows, system_user))
    except BeyondUsError as error:
        raise InvalidInputError(
            f"this cannot be told from the files alone: {error}",
            hint="log in for real: the server's log names the line (PostgreSQL 14 and later)",
        ) from error
    _show(found, output)
    if found.verdict is not Verdict.IN:
        raise SystemExit(_REFUSED)


def _world(files: ServerFiles, user: str, members: tuple[str, ...]) -> World:
    """Return who is in which group: what the server says, and what is said here beside it."""
    groups = {group: frozenset[str]() for group in members}
    live = files.live
    if live is None:
        return World({**groups, user: frozenset(members)}, files.interfaces)
    there = live.world.member_of
    if user not in there:
        terminal.note(f"there is no role {user!r} at the server")
    for what in (*live.unseen, *(f"{path} {how}" for path, how in live.changed.items())):
        terminal.note(what)
    mine = there.get(user, frozenset()) | set(members)
    return World({**groups, **there, user: mine}, live.world.interfaces)


def _encryption(*, tls: bool, gss: bool) -> Encryption:
    if tls and gss:
        raise InvalidInputError("a connection is encrypted with TLS or with GSSAPI, not with both")
    if tls:
        return Encryption.TLS
    return Encryption.GSS if gss else Encryption.NONE


def _address(text: str) -> IP | None:
    if text == _LOCAL:
        return None
    try:
        return ip_address(text)
    except ValueError:
        raise InvalidInputError(
            f"{text!r} is no IP address", hint=f"for example 10.0.0.9, ::1, or {_LOCAL}"
        ) from None


def _certificate(name: str | None, dn: str | None) -> Certificate | None:
    if name is None and dn is None:
        return None
    return Certificate(name or "", dn or f"CN={name}")


def _show(found: Explanation, output: str) -> None:
    if output != "table":
        terminal.structured(found.to_json(), output)
        return
    rows = [{"where": each.where, "what": each.why.value} for each in found.passed]
    decides, by = found.decides, found.mapped_by
    if decides is not None:
        rows.append({"where": str(decides.place), "what": f"decides: {explaining.shown(decides)}"})
    terminal.table(rows, {"where": "LINE", "what": "WHAT OF IT"})
    if decides is not None:
        terminal.echo(f"\nit wants {terminal.clean(found.wants)}")
    through = "" if by is None else f", by {by.place}"
    terminal.echo(f"{found.verdict.value}{through}")
