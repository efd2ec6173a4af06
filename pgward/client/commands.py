"""``pgward login | logout | whoami | passwd | services``: what a person does every day."""

from datetime import datetime
from typing import Any

import click

from pgward.client import known, options
from pgward.client.options import PasswordSource
from pgward.client.phrases import when
from pgward.client.services import ServiceInfo, StepUp
from pgward.client.session import Session
from pgward.core.clock import SystemClock, rfc3339
from pgward.system import terminal
from pgward.system.files import StorageError
from pgward.system.paths import pgward_home

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
@click.option("--device", is_flag=True, help="Show what this machine tells the CA of itself.")
@options.output
def whoami(*, paths: bool, check: bool, device: bool, output: str) -> None:
    """Show who you are, and until when.

    Exit status 4 when you are not logged in. JSON and YAML always have the paths, too.
    """
    if device:
        from pgward.client import posture  # noqa: PLC0415 - the other commands start quicker

        found = posture.facts()
        if output == "table":
            terminal.record(posture.for_people(found), posture.TITLES)
            terminal.note("sent at each login and renewal; nobody verifies it")
        else:
            terminal.structured(found, output)
        return
    with options.session() as session:
        notices = list(session.api().get("/v1/me").get("notices") or ()) if check else []
        if output != "table":
            told = {"notices": notices} if check else {}
            terminal.structured(_facts(session) | told, output)
            return
        for notice in notices:
            terminal.note(f"note: {notice}")
        if paths:
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
        reply = session.api().post("/v1/me/password", {"old": old, "new": new})
        terminal.report(user=session.user.name)
    options.revoked(reply)
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
        _remember(session, found)
    if output != "table":
        terminal.structured([service.to_json() for service in found], output)
        return
    now = SystemClock().now()
    rows = [
        {
            **service.to_json(),
            "edges": [f"{e.name} {e.address}" for e in service.edges],
            "step_up": _standing(service.step_up, now),
            "access": "" if service.access is None else _ends(service.access.until, now),
        }
        for service in found
    ]
    columns = _SERVICES
    if any(service.step_up for service in found):
        columns = {**columns, "step_up": "STEP-UP"}
    if any(service.access for service in found):
        columns = {**columns, "access": "BY A GRANT"}
    terminal.table(rows, columns, empty="no service is for you; an administrator can add one")


def _remember(session: Session, found: list[ServiceInfo]) -> None:
    """Keep the names for the shell's completion, and for while the CA is away."""
    try:
        known.keep(pgward_home(), session.user.name, found)
    except StorageError as error:
        terminal.note(f"note: {error.message}; the list is not kept")


def _standing(step_up: StepUp | None, now: datetime) -> str | None:
    """Say whether a service wants a second factor now."""
    if step_up is None:
        return None
    if step_up.proved_until is None or not step_up.is_proved(now):
        return "needed"
    return f"given, ends {when(step_up.proved_until, now)}"
