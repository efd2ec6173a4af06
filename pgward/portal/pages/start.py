"""``/admin/start``: from a new authority to the first connection, each step checked live."""

import re
from functools import partial
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Path, Response
from pydantic import Field, SecretStr

from pgward.ca.login import way_back
from pgward.ca.service import errors
from pgward.ca.service.routes import (
    audit,
    edges,
    hosts,
    identity_providers,
    people,
    resources,
    tokens,
)
from pgward.core.address import Address
from pgward.core.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    NotFoundError,
    PgwardError,
)
from pgward.portal.pages import start_steps as steps
from pgward.portal.pages.start_steps import Found
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
PATH = "/admin/start"
_REFUSALS = (ConflictError, DeniedError, InvalidInputError)
_OPENED = "session.open"
_BEFORE = re.compile(r"^resources\[0\]\.(?:metadata\.|spec\.)?")  # which the form has not
_SOME = 2  # people: whether there is anybody else
_Word = Annotated[str, Field(max_length=253)]
_Step = Annotated[str, Path(max_length=20)]


class Provider(Form):
    """An OpenID provider, as far as one must know it to begin."""

    name: _Word = ""
    issuer: Annotated[str, Field(max_length=2_000)] = ""
    client_id: Annotated[str, Field(max_length=500)] = ""
    secret: Annotated[SecretStr, Field(max_length=4_096)] = SecretStr("")
    groups_claim: _Word = ""

    def body(self) -> identity_providers.ProviderRequest:
        """Return it as the API takes it; raise FieldsError."""
        given = {
            "type": "oidc",
            "issuer": self.issuer.strip(),
            "clientId": self.client_id.strip(),
            "groupsClaim": self.groups_claim.strip(),
            "createUsers": True,
        }
        secret = self.secret.get_secret_value().strip()
        body = {
            "name": self.name.strip(),
            "spec": {name: value for name, value in given.items() if value},
            "secret": secret or None,
        }
        return forms.checked(identity_providers.ProviderRequest, body)


class Machine(Form):
    """An edge or a database server that shall join."""

    name: _Word = ""
    address: Annotated[str, Field(max_length=300)] = ""

    def body(self, kind: str, host: str) -> tokens.TokenRequest:
        """Return it as the API takes it: certified for ``host``; raise FieldsError."""
        given = {"kind": kind, "name": self.name.strip(), **steps.names_of(host)}
        return forms.checked(tokens.TokenRequest, given)


class Service(Form):
    """A first database."""

    name: _Word = ""
    host: _Word = ""
    port: Annotated[int, Field(ge=1, le=65_535)] = 5432
    database: Annotated[str, Field(max_length=63)] = ""
    server_name: _Word = ""
    group: _Word = ""

    def resource(self) -> dict[str, object]:
        """Return it as it could be applied."""
        spec = {
            "upstream": {"host": self.host.strip(), "port": self.port},
            "serverName": self.server_name.strip() or self.host.strip(),
            "allow": {"groups": [self.group.strip()]},
        }
        if self.database.strip():
            spec["database"] = self.database.strip()
        return {"kind": "Service", "metadata": {"name": self.name.strip()}, "spec": spec}


def is_new(frame: Frame) -> bool:
    """Tell whether an administrator visits an authority that leads nowhere yet."""
    if not frame.me.user.administrator:
        return False
    return not edges.every(frame.context, frame.me).edges and not _names(frame, "Service")


@router.get(PATH)
def start(frame: Administrator) -> Response:
    """Show the first step that is not done."""
    return _show(frame, "")


@router.get(f"{PATH}/{{step}}")
def one(frame: Administrator, step: _Step) -> Response:
    """Show a step; raise NotFoundError."""
    return _show(frame, step)


@router.post(f"{PATH}/people")
async def provider(frame: Administrator) -> Response:
    """Add an OpenID provider that works."""
    form = frame.form(Provider)
    try:
        made = await identity_providers.add(frame.context, frame.me, form.body())
    except PgwardError as error:  # also a provider that is away
        return await run_sync(partial(_show, frame, "people", problem=error, form=form))
    name = made.resource["metadata"]["name"]
    return frame.go(f"{PATH}/people", f"{name} works, and people can sign in by it.")


@router.post(f"{PATH}/edge")
def edge(frame: Administrator) -> Response:
    """Make what enrols an edge, and show it once."""
    form = frame.form(Machine)
    try:
        address = _address(form.address.strip())
        made = tokens.create(frame.context, frame.me, form.body("edge", address.host))
    except _REFUSALS as error:
        return _show(frame, "edge", problem=error, form=form)
    return _show(frame, "edge", form=form, token=made.token, address=address)


@router.post(f"{PATH}/server")
def server(frame: Administrator) -> Response:
    """Make what enrols a database server, and show it once."""
    form = frame.form(Machine)
    try:
        made = tokens.create(frame.context, frame.me, form.body("host", form.address.strip()))
    except _REFUSALS as error:
        return _show(frame, "server", problem=error, form=form)
    return _show(frame, "server", form=form, token=made.token)


@router.post(f"{PATH}/service")
async def service(frame: Administrator) -> Response:
    """Create the first service."""
    form = frame.form(Service)
    try:
        body = resources.Several(resources=[form.resource()], reason="set up with a browser")
        await resources.several(frame.context, frame.me, body)
    except _REFUSALS as error:
        plain = InvalidInputError(_BEFORE.sub("", error.message), hint=error.hint)
        problem = plain if isinstance(error, InvalidInputError) else error
        return await run_sync(partial(_show, frame, "service", problem=problem, form=form))
    return frame.go(f"{PATH}/service", f"Service {form.name.strip()} created.")


def _found(frame: Frame) -> Found:
    """Return what there is of each thing that a first connection needs."""
    context, me = frame.context, frame.me
    known = edges.every(context, me)
    return Found(
        me=me.user.name,
        people=[each.name for each in people.page(context, me, limit=_SOME).people],
        providers=_names(frame, "IdentityProvider"),
        edges=known.edges,
        version=known.version,
        servers=hosts.every(context, me).hosts,
        services=_names(frame, "Service"),
        opened=bool(audit.events(context, me, limit=1, action=_OPENED).events),
        now=context.now(),
    )


def _address(text: str) -> Address:
    found = Address.parse(text)
    if found.port == 0:
        raise InvalidInputError("port 0 is no port that people can reach")
    return found


def _names(frame: Frame, kind: str) -> list[str]:
    every = resources.every(frame.context, frame.me, kind).resources
    return [each["metadata"]["name"] for each in every]


def _show(
    frame: Frame,
    step: str,
    *,
    problem: PgwardError | None = None,
    form: Form | None = None,
    token: str | None = None,
    address: Address | None = None,
) -> Response:
    found = _found(frame)
    every = steps.steps(found)
    undone = next((each for each in every if not each.done), every[-1])
    here = undone if not step else next((each for each in every if each.id == step), None)
    if here is None:
        raise NotFoundError("there is no such step", hint=f"they begin at {PATH}")
    settings = frame.context.desk.settings
    return frame.show(
        f"start/{here.id}.html",
        status=200 if problem is None else errors.status(problem),
        steps=every,
        step=here,
        after=next((each for each in every[every.index(here) + 1 :]), None),
        found=found,
        problem=problem,
        form=form,
        token=token,
        address=address,
        ca=settings.ca,
        fingerprint=frame.context.authority.fingerprint,
        way_back=way_back.own(settings),
    )
