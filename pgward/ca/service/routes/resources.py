"""Resources: declared by administrators, served by edges."""

import re
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Body, Header, Query
from pydantic import BaseModel

from pgward.ca.login import lockout
from pgward.ca.login.oidc import administering
from pgward.ca.login.trying_out import Trial
from pgward.ca.resources import host_roles, kinds, service_notes
from pgward.ca.resources import stored as resources
from pgward.ca.resources.fields import FieldError, FieldsError
from pgward.ca.resources.identity_provider import IdentityProvider
from pgward.ca.resources.kinds import Resource, Service
from pgward.ca.resources.role_map import RoleMap
from pgward.ca.secrets import kept as secrets
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Change, ResourceChange
from pgward.ca.store import Transaction
from pgward.core.errors import InvalidInputError, PgwardError

router = strict.router("resources")
_LOCKING = ("LoginRule", "IdentityProvider")
_Written = tuple[resources.Resource, resources.Change]
_ETAG = re.compile(r'"?(\d{1,9})"?')
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="the version that must be stored now")
]


class Resources(BaseModel):
    """All resources of a kind, by name."""

    resources: list[dict[str, Any]]


class ResourceReply(BaseModel):
    """One resource."""

    resource: dict[str, Any]


@router.get("/resources/{kind}", summary="List resources of a kind")
def every(context: Current, _by: Administrator, kind: str) -> Resources:
    """Return resources as they can be applied again."""
    with context.store.read() as connection:
        found = resources.every(connection, kinds.canonical(kind))
    return Resources(resources=[each.to_json() for each in found])


@router.get("/resources/{kind}/{name}", summary="Show a resource")
def show(context: Current, _by: Administrator, kind: str, name: str) -> ResourceReply:
    """Return a resource as it can be applied again."""
    with context.store.read() as connection:
        found = resources.get(connection, kinds.canonical(kind), name)
    return ResourceReply(resource=found.to_json())


@router.put("/resources/{kind}/{name}", summary="Create or change a resource")
async def put(  # noqa: PLR0917 - FastAPI passes them by name
    context: Current,
    by: Administrator,
    kind: str,
    name: str,
    body: Annotated[Any, Body(description="the resource: kind, metadata, spec")],
    dry_run: Annotated[bool, Query(description="check everything, change nothing")] = False,
    allow_lockout: Annotated[
        bool, Query(description="also a login rule under which no administrator could log in")
    ] = False,
    untried: Annotated[
        bool, Query(description="also an identity provider that cannot be used now")
    ] = False,
    if_match: IfMatch = None,
) -> ResourceChange:
    """Make the resource what the body says; wrong fields are named by their path (422).

    An identity provider is tried out before, unless nothing of it changes.
    """
    wanted = _wanted(kinds.canonical(kind), name, body, _version(if_match))
    trial = Trial()
    try:
        if isinstance(wanted, IdentityProvider):
            trial = await context.trials.hold(wanted)
        if not untried:
            trial.check()
    except PgwardError as error:
        if not dry_run:
            action = f"{wanted.kind.lower()}.apply"
            await run_sync(context.acts.refused, by.user.name, action, name, error)
        raise
    done = await run_sync(_write, context, wanted, by.user.name, dry_run, allow_lockout)
    notes = [*trial.notes, *await run_sync(_notes, context, wanted)]
    return ResourceChange(resource=done[0].to_json(), change=done[1], notes=notes)


@router.delete("/resources/{kind}/{name}", summary="Delete a resource")
def delete(
    context: Current, by: Administrator, kind: str, name: str, if_match: IfMatch = None
) -> Change:
    """Delete a resource; edges stop serving it at once."""
    real, version = kinds.canonical(kind), _version(if_match)
    with (
        context.acts.act(by.user.name, f"{real.lower()}.delete", name) as act,
        lockout.guarded(act.transaction),
    ):
        resources.delete(act.transaction, real, name, version=version)
        if real == "Policy":
            service_notes.check_unused(act.transaction.connection, name)
        if real == administering.KIND:
            administering.forget(context.oidc, act, name)
    return Change(change="deleted")


def _notes(context: Context, wanted: Resource) -> list[str]:
    with context.store.read() as connection:
        if isinstance(wanted, RoleMap):
            return host_roles.notes_about(connection, wanted.spec)
        if isinstance(wanted, Service):
            spec = wanted.spec
            return service_notes.about(connection, spec) + secrets.notes_about(connection, spec)
    return []


def _write(
    context: Context, wanted: Resource, by: str, dry_run: bool, allow_lockout: bool
) -> _Written:
    if dry_run:
        with context.store.write() as transaction:
            written = _put(context, transaction, wanted, by, allow_lockout=allow_lockout)
            transaction.discard()
        return written
    name = wanted.metadata.name
    with context.acts.act(by, f"{wanted.kind.lower()}.apply", name) as act:
        found, change = _put(context, act.transaction, wanted, by, allow_lockout=allow_lockout)
        act.worth_recording = change != "unchanged"
        act.details |= {"change": change, "version": found.version, "spec": found.spec}
    return found, change


def _put(
    context: Context, transaction: Transaction, wanted: Resource, by: str, *, allow_lockout: bool
) -> _Written:
    """Write it; ConflictError for what would lock every administrator out."""
    if isinstance(wanted, IdentityProvider):
        administering.check_change(transaction.connection, wanted)
    if allow_lockout or wanted.kind not in _LOCKING:
        return resources.put(transaction, wanted, now=context.now(), by=by)
    with lockout.guarded(transaction, override="; --allow-lockout applies it all the same"):
        return resources.put(transaction, wanted, now=context.now(), by=by)


def _wanted(kind: str, name: str, body: Any, version: int | None) -> Resource:
    wanted = kinds.read(kind, body)
    if wanted.metadata.name != name:
        raise FieldsError([FieldError("metadata.name", f"is not {name!r}, as the address says")])
    if version is not None:
        wanted.metadata.version = version
    return wanted


def _version(if_match: str | None) -> int | None:
    if if_match is None:
        return None
    match = _ETAG.fullmatch(if_match)
    if match is None:
        raise InvalidInputError("If-Match is not a version", hint='for example If-Match: "3"')
    return int(match[1])
