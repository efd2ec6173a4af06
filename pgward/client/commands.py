"""``pgward login | logout | whoami | passwd | services``: what a person does every day."""

import getpass
from datetime import datetime
from typing import Any

import click

from pgward.client import api, failures, options
from pgward.client import login as logging_in
from pgward.client.home import Home
from pgward.client.options import PasswordSource
from pgward.client.phrases import when
from pgward.client.session import Session
from pgward.client.trust import Trust, parse_url
from pgward.client.witness import Witness
from pgward.core import names
from pgward.core.clock import SystemClock, rfc3339
from pgward.core.errors import DeniedError, InvalidInputError, PgwardError
from pgward.pki.errors import LogError
from pgward.system import terminal
from pgward.system.paths import pgward_home


@click.command()
@click.option("--ca", metavar="URL", envvar=["PGWARD_LOGIN_CA", "PGWARD_CA"], help="The CA's URL.")
@click.option(
    "--fingerprint",
    metavar="SHA256:…",
    envvar=["PGWARD_LOGIN_FINGERPRINT", "PGWARD_FINGERPRINT"],
    help="The CA's fingerprint, as its administrator told you.",
)
@click.option(
    "--user",
    metavar="NAME",
    envvar=["PGWARD_LOGIN_USER", "PGWARD_USER"],
    help="Who you are.  [default: who logged in last, else your name on this machine]",
)
@options.password
def login(
    ca: str | None, fingerprint: str | None, user: str | None, password_source: PasswordSource
) -> None:
    """Log in, and get a certificate that psql can use.

    The first login names the CA and its fingerprint; later ones remember both. The private key
    is made here and stays here.
    """
    home, clock = Home(pgward_home()), SystemClock()
    name = names.identity(user or home.last_user() or getpass.getuser())
    url = None if ca is None else parse_url(ca)
    home.prepare()
    trust = _trust(home, url, fingerprint)
    password = password_source.read(f"Password for {name} at {failures.host_of(trust.ca_url)}")
    try:
        done = logging_in.with_password(home, trust, name, password, clock)
    except DeniedError as error:
        if not user:  # with a password from a file nobody has seen whose it should be
            error.hint = f"that was for {name}; --user NAME logs in somebody else"
        raise
    if done.notice:
        terminal.note(f"note: {done.notice}")
    _greet(done.session, clock.now())
    _see_the_log(done.session)
    done.session.close()


def _trust(home: Home, url: str | None, fingerprint: str | None) -> Trust:
    """Return whom to log in to: pin the CA that was named, or take the one that is known."""
    if url is None and fingerprint is None:
        return home.trust()
    if fingerprint is None:
        return _known(home, str(url))
    trust = api.pin(url or home.trust().ca_url, fingerprint)
    trust.save(home.directory)
    return trust


def _known(home: Home, url: str) -> Trust:
    if home.has_trust():
        known = home.trust()
        if known.ca_url == url:
            return known
    raise InvalidInputError(
        f"{failures.host_of(url)} is not known here yet, so its fingerprint is needed",
        hint="--fingerprint SHA256:…, as `pgward ca init` printed it",
    )


def _see_the_log(session: Session) -> None:
    """Be a witness of the CA's log: pin its key, and tell when it contradicts itself."""
    try:
        Witness(pgward_home(), session.trust.fingerprint).update(session.api())
    except LogError as error:
        terminal.error(error)
    except PgwardError:
        return  # an older CA has no log, and one that is busy can be asked later


def _greet(session: Session, now: datetime) -> None:
    user = session.user
    groups = f" ({', '.join(user.groups)})" if user.groups else ""
    lasts = when(session.session_expires_at, now).removeprefix("in ")
    terminal.note(
        f"logged in as {user.name}{groups} at {failures.host_of(session.trust.ca_url)}"
        f" for {lasts}, until {rfc3339(session.session_expires_at)}\n"
        f"certificate until {rfc3339(session.not_after)}, renewed while the session lasts\n"
        "next: pgward services, then pgward psql SERVICE"
    )


@click.command()
def logout() -> None:
    """End the login session, revoke its certificates, and remove them from this machine.

    Works without the CA too, and then says what could not be revoked.
    """
    problem = logging_in.logout(Home(pgward_home()), SystemClock())
    if problem is None:
        terminal.note("logged out")
        return
    terminal.note(
        f"logged out here, but {problem}\n"
        "the certificate is not revoked; it ends by itself, as nothing can renew it any more"
    )


_WHOAMI = {
    "user": "user",
    "full_name": "full name",
    "groups": "groups",
    "ca": "CA",
    "session": "login session",
    "certificate": "certificate",
}
_PATHS = {"sslcert": "sslcert", "sslkey": "sslkey", "sslrootcert": "sslrootcert"}


@click.command()
@click.option("--paths", is_flag=True, help="Show the files that psql needs.")
@click.option("--check", is_flag=True, help="Ask the CA whether the session still holds.")
@options.output
def whoami(paths: bool, check: bool, output: str) -> None:
    """Show who you are, and until when.

    Exit status 4 when you are not logged in. JSON and YAML always have the paths, too.
    """
    with options.session() as session:
        if check:
            session.api().get("/v1/me")
        if output != "table":
            terminal.structured(_facts(session), output)
        elif paths:
            terminal.record(_files(session), _PATHS)
        else:
            terminal.record(_for_people(session, SystemClock().now()), _WHOAMI)


def _facts(session: Session) -> dict[str, Any]:
    return {
        "user": session.user.name,
        "full_name": session.user.full_name,
        "groups": session.user.groups,
        "administrator": session.user.administrator,
        "ca_url": session.trust.ca_url,
        "fingerprint": session.trust.fingerprint,
        "session_expires_at": session.session_expires_at,
        "certificate": {
            "serial": session.state.serial,
            "not_before": session.state.not_before,
            "not_after": session.not_after,
        },
        "paths": _files(session),
    }


def _files(session: Session) -> dict[str, str]:
    paths = session.paths
    return {
        "sslcert": str(paths.cert),
        "sslkey": str(paths.key),
        "sslrootcert": str(paths.ca),
    }


def _for_people(session: Session, now: datetime) -> dict[str, Any]:
    ended = session.not_after <= now
    note = "; the next use renews it" if ended else ""
    return {
        "user": session.user.name,
        "full_name": session.user.full_name,
        "groups": session.user.groups,
        "ca": session.trust.ca_url,
        "session": _ends(session.session_expires_at, now),
        "certificate": f"{_ends(session.not_after, now)}{note}, serial {session.state.serial}",
    }


def _ends(moment: datetime, now: datetime) -> str:
    verb = "ends" if moment > now else "ended"
    return f"{verb} {when(moment, now)} ({rfc3339(moment)})"


@click.command()
@options.password_stdin
def passwd(password_stdin: bool) -> None:
    """Change your password; your other login sessions end.

    From standard input it takes two lines: the present password, then the new one.
    """
    source = PasswordSource(stdin=password_stdin, file=None)
    with options.session() as session:
        old = source.read(f"Present password of {session.user.name}")
        new = source.read("New password", new=True)
        session.api().post("/v1/me/password", {"old": old, "new": new})
    terminal.note("password changed; your other login sessions have ended")


_SERVICES = {
    "name": "NAME",
    "mode": "MODE",
    "database": "DATABASE",
    "server_name": "SERVER",
    "edges": "EDGES",
    "description": "DESCRIPTION",
}


@click.command()
@options.output
def services(output: str) -> None:
    """List the services that you may use, and the edges that lead to them."""
    with options.session() as session:
        found = session.services()
    if output != "table":
        terminal.structured([service.to_json() for service in found], output)
        return
    rows = [
        {**service.to_json(), "edges": [f"{e.name} {e.address}" for e in service.edges]}
        for service in found
    ]
    terminal.table(rows, _SERVICES, empty="no service is for you; an administrator can add one")
