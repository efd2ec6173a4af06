"""``/databases/NAME``: what one has there, and every way to connect.

A secret is the answer to the POST that made it: it is shown once, and stands in no address.
"""

import re
import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path as File
from typing import Annotated, Any

from fastapi import Path, Response
from pydantic import Field

from pgward.ca.handles import logins
from pgward.ca.handles.logins import Way
from pgward.ca.resources import stored as resources
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.service import errors
from pgward.ca.service.routes import access_requests, handles, public
from pgward.ca.service.routes import me as people
from pgward.ca.service.routes.me import ServiceInfo
from pgward.client import edge_uri
from pgward.client.config.catalogue import FORMATS
from pgward.client.services import EdgeInfo
from pgward.core.address import Address
from pgward.core.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    NotFoundError,
    PgwardError,
    UnavailableError,
)
from pgward.pki import fingerprint, pem
from pgward.portal.web import forms, headers, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Frame, Signed

router = route.router()
ROOTS = "pgward-ca.crt"
"""What the file with the roots of servers is called where people save it."""
_REFUSALS = (ConflictError, DeniedError, InvalidInputError, UnavailableError)
_MOST_REQUESTS = 100
_ESCAPED = re.compile(r"([\\ ])")
_Name = Annotated[str, Path(max_length=63)]
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


@dataclass(frozen=True, slots=True)
class Ways:
    """By what a service lets people in at an edge itself, and whether it asks why."""

    otp: bool
    token: bool
    asks_why: bool


@router.get(f"/{ROOTS}")
def roots(frame: Signed) -> Response:
    """Give the certificates that verify edges and servers, which are no secret, as a file."""
    found = public.trust(frame.context).server_roots
    sent = {**headers.COMMON, "Content-Disposition": f'attachment; filename="{ROOTS}"'}
    return Response("".join(found), media_type="application/x-pem-file", headers=sent)


@router.get("/databases/{service}")
def show(frame: Signed, service: _Name) -> Response:
    """Show a database: whether one gets in, until when, and how to connect."""
    return _show(frame, service)


@router.post("/databases/{service}/otp")
def one_time_password(frame: Signed, service: _Name) -> Response:
    """Make a one-time password, and show the command that uses it."""
    form = frame.form(Wanted)
    try:
        found = _reachable(frame, service)
        body = forms.checked(handles.ForService, form.body(service))
        made = handles.new_otp(frame.context, frame.me, body)
    except _REFUSALS as error:
        return _show(frame, service, error, form)
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
def token(frame: Signed, service: _Name) -> Response:
    """Make a token, and show what a client must be told."""
    form = frame.form(WantedToken)
    try:
        found = _reachable(frame, service)
        given = form.body(service) | {"hours": form.hours}
        made = handles.new_token(
            frame.context, frame.me, forms.checked(handles.TokenRequest, given)
        )
    except _REFUSALS as error:
        return _show(frame, service, error, form)
    user, first = _user(form, made.id), _edges(found)[0]
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
        back=f"/databases/{service}",
        roots=ROOTS,
    )


def _show(
    frame: Frame, name: str, problem: PgwardError | None = None, form: Wanted | None = None
) -> Response:
    found = _find(frame, name)
    if found is None:
        return _closed(frame, name)
    known = pem.split("".join(public.trust(frame.context).server_roots).encode())
    return frame.show(
        "connect.html",
        status=200 if problem is None else errors.status(problem),
        service=found,
        ways=_ways(frame, name),
        clients=list(FORMATS),
        fingerprints=[fingerprint.of(each) for each in known],
        now=frame.context.now(),
        problem=problem,
        form=form,
        roots=ROOTS,
    )


def _closed(frame: Frame, name: str) -> Response:
    """Say that there is no access, and what to do; raise NotFoundError where there is nothing.

    What one may not even ask for is not told apart from what does not exist.
    """
    if not access_requests.offers(frame.context, frame.me, name).offers:
        raise NotFoundError(
            f"there is no database {name!r} for you",
            hint="the page Databases lists those that you may use",
        )
    mine = access_requests.every(frame.context, frame.me, mine=True, limit=_MOST_REQUESTS).requests
    waiting = [each for each in mine if each.service == name and each.state == "pending"]
    return frame.show("closed.html", status=403, service=name, waiting=waiting)


def _find(frame: Frame, name: str) -> ServiceInfo | None:
    found = people.services(frame.context, frame.me).services
    return next((each for each in found if each.name == name), None)


def _reachable(frame: Frame, name: str) -> ServiceInfo:
    """Return a service to which an edge leads; raise DeniedError, UnavailableError."""
    found = _find(frame, name)
    if found is None:
        raise DeniedError(f"you have no access to {name} now")
    if not found.edges:
        raise UnavailableError(f"no edge serves {name} now", hint="ask an administrator")
    return found


def _ways(frame: Frame, name: str) -> Ways:
    with frame.context.store.read() as connection:
        spec = ServiceSpec.model_validate(resources.get(connection, "Service", name).spec)

        def takes(way: Way) -> bool:
            try:
                logins.check_offered(connection, frame.me.user, name, way, frame.context.now())
            except (NotFoundError, InvalidInputError):
                return False
            return True

        asks_why = spec.postgres is not None and spec.postgres.reason_required
        return Ways(takes("otp"), takes("token"), asks_why)


def _edges(service: ServiceInfo) -> list[EdgeInfo]:
    return [
        EdgeInfo(each.name, Address.parse(each.address), each.server_name) for each in service.edges
    ]


def _uri(service: ServiceInfo, user: str, form: Wanted, *, password: str | None) -> str:
    return edge_uri.write(
        _edges(service),
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
