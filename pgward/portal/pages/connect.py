"""``/databases/NAME``: what one has there, and every way to connect.

A secret is the answer to the POST that made it: it is shown once, and stands in no address.
"""

import re
import shlex
from datetime import datetime
from pathlib import Path as File
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Response
from pydantic import Field

from pgward.ca.service import errors
from pgward.ca.service.routes import handles, public
from pgward.ca.service.routes.me import ServiceInfo
from pgward.client import edge_uri
from pgward.client.config.formats import libpq
from pgward.core.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    PgwardError,
    UnavailableError,
)
from pgward.pki import fingerprint, pem
from pgward.portal.pages import clients, database, standing
from pgward.portal.web import forms, headers, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Frame, Signed

router = route.router()
ROOTS = "pgward-ca.crt"
"""What the file with the roots of servers is called where people save it."""
REFUSALS = (ConflictError, DeniedError, InvalidInputError, UnavailableError)
_GIVEN_REASON = 'PGOPTIONS="-c pgward.reason=TICKET-7"'
_ESCAPED = re.compile(r"([\\ ])")
_Word = Annotated[str, Field(max_length=63)]


class Wanted(Form):
    """What is wanted at the service; left empty, what the service says."""

    role: _Word = ""
    database: _Word = ""
    reason: Annotated[str, Field(max_length=200)] = ""

    def body(self, service: str) -> dict[str, Any]:
        """Return it as the API takes it."""
        return {
            "service": service,
            "role": self.role.strip() or None,
            "database": self.database.strip() or None,
        }


class WantedToken(Wanted):
    """The same, and for how many hours."""

    hours: int = 8


@router.get(f"/{ROOTS}")
def roots(frame: Signed) -> Response:
    """Give the certificates that verify edges and servers, which are no secret, as a file."""
    found = public.trust(frame.context).server_roots
    sent = {**headers.COMMON, "Content-Disposition": f'attachment; filename="{ROOTS}"'}
    return Response("".join(found), media_type="application/x-pem-file", headers=sent)


@router.get("/databases/{service}")
def show(frame: Signed, service: database.Name) -> Response:
    """Show a database: whether one gets in, until when, and how to connect."""
    return page(frame, service)


@router.post("/databases/{service}/otp")
def one_time_password(frame: Signed, service: database.Name) -> Response:
    """Make a one-time password, and show the command that uses it."""
    form = frame.form(Wanted)
    try:
        found = database.reachable(frame, service)
        body = forms.checked(handles.ForService, form.body(service))
        made = handles.new_otp(frame.context, frame.me, body)
    except REFUSALS as error:
        return page(frame, service, error, form)
    user = _user(form, made.otp)
    uri = _uri(found, user, form, password=edge_uri.EMPTY)
    return frame.show(
        "shown_once.html",
        title=f"One-time password for {service}",
        words="It is good once, and opens this database for whoever has it first.",
        values={"Command": _command(uri, form), "User name": user, "Connection URI": uri},
        block=None,
        until=made.expires_at,
        seconds=_seconds(frame, made.expires_at),
        back=f"/databases/{service}",
        roots=ROOTS,
    )


@router.post("/databases/{service}/token")
def token(frame: Signed, service: database.Name) -> Response:
    """Make a token, and show what a client must be told."""
    form = frame.form(WantedToken)
    try:
        found = database.reachable(frame, service)
        given = form.body(service) | {"hours": form.hours}
        made = handles.new_token(
            frame.context, frame.me, forms.checked(handles.TokenRequest, given)
        )
    except REFUSALS as error:
        return page(frame, service, error, form)
    user, first = _user(form, made.id), database.edges(found)[0]
    uri = _uri(found, user, form, password=None)
    return frame.show(
        "shown_once.html",
        title=f"Token for {service}",
        words="A client needs the user name and the password. The password is shown only now.",
        values={
            "Password": made.secret,
            "User name": user,
            "Host": first.address.host,
            "Port": str(first.address.port),
            "Database": form.database.strip() or found.database or "postgres",
            "Connection URI": uri,
            "Command": _command(uri, form),
        },
        block=None,
        until=made.expires_at,
        seconds=None,
        onward=f"/databases/{service}/clients/dbeaver?way=token&user={quote(user)}",
        back=f"/databases/{service}",
        roots=ROOTS,
    )


def page(
    frame: Frame, name: str, problem: PgwardError | None = None, form: Wanted | None = None
) -> Response:
    """Return the page, with what went wrong."""
    found = database.find(frame, name)
    if found is None:
        return database.closed(frame, name)
    known = pem.split("".join(public.trust(frame.context).server_roots).encode())
    return frame.show(
        "connect.html",
        status=200 if problem is None else errors.status(problem),
        service=found,
        state=standing.of(frame, found),
        modes=_modes(found, frame.me.user.name),
        log_in=database.log_in(frame),
        has_straight=clients.place(found) is not None,
        groups=clients.GROUPS if clients.ways(found) else {},
        login=frame.context.desk.settings.login,
        fingerprints=[fingerprint.of(each) for each in known],
        now=frame.context.now(),
        problem=problem,
        form=form,
        roots=ROOTS,
    )


def _modes(service: ServiceInfo, person: str) -> dict[str, str]:
    """Return the psql command of each way by which one comes with a certificate."""
    commands = {}
    if service.edges and service.ways.certificate:
        commands["Through pgward's tunnel"] = f"pgward psql {service.name}"
    if clients.Way.LOGIN in clients.ways(service):
        known = clients.facts(service, person, clients.Wanted(way=clients.Way.LOGIN))
        commands["Straight, with the files of pgward login"] = libpq.psql(known)
    if not service.ways.reason_required:
        return commands
    return {title: f"{_GIVEN_REASON} {command}" for title, command in commands.items()}


def _uri(service: ServiceInfo, user: str, form: Wanted, *, password: str | None) -> str:
    return edge_uri.write(
        database.edges(service),
        user=user,
        password=password,
        database=form.database.strip() or service.database,
        root_file=File(ROOTS),
    )


def _user(form: Wanted, handle: str) -> str:
    role = form.role.strip()
    return f"{role}~{handle}" if role else handle


def _command(uri: str, form: Wanted) -> str:
    """Return the command for a shell; the reason is a setting (PostgreSQL manual, 34.1.2)."""
    command = f"psql {shlex.quote(uri)}"
    reason = " ".join(form.reason.split())
    if not reason:
        return command
    escaped = _ESCAPED.sub(r"\\\1", reason)
    return f"PGOPTIONS={shlex.quote(f'-c pgward.reason={escaped}')} {command}"


def _seconds(frame: Frame, until: datetime) -> int:
    return max(0, int((until - frame.context.now()).total_seconds()))
