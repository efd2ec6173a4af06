"""``/admin/edges``, ``/admin/hosts`` and ``/admin/connectors``: who enrolled, and who may."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Response
from pydantic import Field

from pgward.ca.service import errors
from pgward.ca.service.models import Revoked
from pgward.ca.service.routes import (
    certificates,
    connectors,
    edge_databases,
    edges,
    hosts,
    revocations,
    tokens,
)
from pgward.ca.service.routes.certificates import CertificateInfo
from pgward.ca.service.routes.edge_databases import DatabaseInfo
from pgward.core.errors import NotFoundError, PgwardError
from pgward.portal.pages.machines import condition
from pgward.portal.pages.machines.common import (
    REASONS,
    REFUSALS,
    Lines,
    Name,
    Revoke,
    Word,
    few,
    listed,
    unknown_act,
)
from pgward.portal.pages.machines.condition import Condition, Machine
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
_MOST_DATABASES = 200
_FEW = 5
_HOUR = 3600
Kind = Literal["edge", "host", "connector"]


class NewMachine(Form):
    """A machine that shall join, the names for its certificate, and how long that may take."""

    name: Word
    dns: Lines = ""
    ips: Lines = ""
    hours: Annotated[int, Field(ge=1, le=168)] = 1


class Act(Revoke):
    """What is done with a machine, and why its certificates are revoked."""

    act: Annotated[str, Field(max_length=20)]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Machines of a kind: how they are listed and removed, and how one joins."""

    kind: Kind
    title: str
    about: str
    every: Callable[[Frame], list[Machine]]
    remove: Callable[[Frame, str], Revoked]
    named: bool = True
    """Whether its certificate has names that somebody dials."""
    steps: tuple[tuple[str, str], ...] = field(default=())
    """What is run on the machine, and what for; {name} and {dns} are filled in."""

    @property
    def path(self) -> str:
        """Where its pages are."""
        return f"/admin/{self.kind}s"


@dataclass(frozen=True, slots=True)
class Row:
    """A machine, and how it fares."""

    of: Machine
    condition: Condition


_EDGES = Fleet(
    "edge",
    "Edges",
    "An edge lets people in to databases, and sees to who may.",
    lambda frame: list(edges.every(frame.context, frame.me).edges),
    lambda frame, name: edges.remove(frame.context, frame.me, name),
    steps=(
        (
            "On the edge's machine, run this and give it the token:",
            "pgward edge enroll /var/lib/pgward-edge --token-file - --advertise {dns}:6432",
        ),
        ("Then have it serve:", "pgward edge serve /var/lib/pgward-edge"),
    ),
)
_HOSTS = Fleet(
    "host",
    "Hosts",
    "A host runs a PostgreSQL server that checks certificates itself.",
    lambda frame: list(hosts.every(frame.context, frame.me).hosts),
    lambda frame, name: hosts.remove(frame.context, frame.me, name),
    steps=(
        (
            "On the host, run this and give it the token; --dry-run shows what it would change:",
            "pgward hba apply --data-dir /var/lib/postgresql/data --token-file - --dns {dns}",
        ),
        (
            "Then keep it, so that it hears of revocations at once:",
            "pgward hba agent --data-dir /var/lib/postgresql/data",
        ),
    ),
)
_CONNECTORS = Fleet(
    "connector",
    "Connectors",
    "A connector makes in PostgreSQL what people were granted, and takes it away in time.",
    lambda frame: list(connectors.every(frame.context, frame.me).connectors),
    lambda frame, name: connectors.remove(frame.context, frame.me, name),
    named=False,
    steps=(
        (
            "On a machine that reaches the servers, run this and give it the token:",
            "pgward connector enroll /var/lib/pgward-connector --token-file -",
        ),
        ("Then have it serve:", "pgward connector serve /var/lib/pgward-connector"),
    ),
)
FLEETS = (_EDGES, _HOSTS, _CONNECTORS)


def _add_routes(fleet: Fleet) -> None:
    @router.get(fleet.path)
    def every(frame: Administrator) -> Response:
        """Show all machines of a kind, and how each fares."""
        return _every(frame, fleet)

    @router.post(fleet.path)
    def add(frame: Administrator) -> Response:
        """Make a join token, and show it once."""
        return _add(frame, fleet)

    @router.get(f"{fleet.path}/{{name}}")
    def one(frame: Administrator, name: Name) -> Response:
        """Show a machine."""
        return _one(frame, fleet, name)

    @router.post(f"{fleet.path}/{{name}}")
    def act(frame: Administrator, name: Name) -> Response:
        """Remove a machine, or revoke its certificates."""
        return _act(frame, fleet, name)


for _each in FLEETS:
    _add_routes(_each)


def _every(
    frame: Frame, fleet: Fleet, problem: PgwardError | None = None, form: NewMachine | None = None
) -> Response:
    now = frame.context.now()
    found, version = fleet.every(frame), _version(frame, fleet)
    listed_now = few(frame, ((each.name, each) for each in found))
    rows = [Row(each, condition.of(each, now, version)) for each in listed_now.rows]
    return frame.show(
        "machines/fleet.html",
        status=200 if problem is None else errors.status(problem),
        fleet=fleet,
        rows=rows,
        few=listed_now,
        is_empty=not found,
        now=now,
        problem=problem,
        form=form,
    )


def _add(frame: Frame, fleet: Fleet) -> Response:
    form = None
    try:
        form = frame.form(NewMachine)
        given = {
            "kind": fleet.kind,
            "name": form.name.strip(),
            "dns": listed(form.dns),
            "ips": listed(form.ips),
            "ttl_seconds": form.hours * _HOUR,
        }
        body = forms.checked(tokens.TokenRequest, given)
        made = tokens.create(frame.context, frame.me, body)
    except REFUSALS as error:
        return _every(frame, fleet, error, form)
    dialled = next((each for each in body.dns if not each.startswith("*")), body.name)
    return frame.show(
        "machines/token.html",
        fleet=fleet,
        machine=body.name,
        token=made.token,
        until=made.expires_at,
        steps=[(words, text.format(name=body.name, dns=dialled)) for words, text in fleet.steps],
    )


def _one(frame: Frame, fleet: Fleet, name: str, problem: PgwardError | None = None) -> Response:
    now = frame.context.now()
    found = next((each for each in fleet.every(frame) if each.name == name), None)
    if found is None:
        raise NotFoundError(f"there is no {fleet.kind} {name!r}", hint="look at the list of them")
    return frame.show(
        "machines/machine.html",
        status=200 if problem is None else errors.status(problem),
        fleet=fleet,
        machine=found,
        condition=condition.of(found, now, _version(frame, fleet)),
        version=_version(frame, fleet),
        certificates=_certificates(frame, fleet, name),
        databases=_databases(frame, fleet, name),
        reasons=REASONS,
        now=now,
        clock=_clock,
        problem=problem,
    )


def _databases(frame: Frame, fleet: Fleet, name: str) -> list[DatabaseInfo]:
    """Return how an edge finds the databases behind it, those that do not answer first."""
    if fleet.kind != "edge":
        return []
    found = edge_databases.shown(frame.context, frame.me, name).databases
    return sorted(found, key=lambda each: (each.problem is None, each.service))[:_MOST_DATABASES]


def _act(frame: Frame, fleet: Fleet, name: str) -> Response:
    try:
        form = frame.form(Act)
        if form.act == "remove":
            done = fleet.remove(frame, name)
            told = f"{name} is removed, with {done.revoked} certificates revoked."
            return frame.go(fleet.path, told)
        if form.act != "revoke":
            raise unknown_act()
        given = {
            "kind": fleet.kind,
            "name": name,
            "reason": form.reason,
            "comment": form.comment.strip(),
        }
        body = forms.checked(revocations.RevokeAllRequest, given)
        revoked = revocations.revoke_all(frame.context, frame.me, body).revoked
    except REFUSALS as error:
        return _one(frame, fleet, name, error)
    return frame.go(f"{fleet.path}/{name}", f"Revoked: {revoked}. It has to enroll again.")


def _version(frame: Frame, fleet: Fleet) -> int | None:
    return frame.context.store.version() if fleet.kind == "edge" else None


def _certificates(frame: Frame, fleet: Fleet, name: str) -> list[CertificateInfo]:
    given: dict[str, Any] = {fleet.kind: name, "limit": _FEW}
    wanted = forms.checked(certificates.Filters, given)
    return certificates.every(frame.context, frame.me, wanted).certificates


def _clock(certificate: CertificateInfo, now: datetime) -> tuple[float, datetime]:
    """Return how much of a certificate's life is over, of 1, and when it is renewed."""
    life = certificate.not_after - certificate.not_before
    passed = (now - certificate.not_before) / life if life else 1.0
    return round(min(max(passed, 0.0), 1.0), 3), certificate.not_after - life / 3
