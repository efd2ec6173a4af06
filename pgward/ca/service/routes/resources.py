"""Resources: declared by administrators, served by edges."""

import re
from typing import Annotated, Any

from fastapi import Body, Header, Query
from pydantic import BaseModel

from pgward.ca.login import lockout
from pgward.ca.login.oidc import administering
from pgward.ca.login.rule_book import LoginRuleBook
from pgward.ca.resources import kinds
from pgward.ca.resources import stored as resources
from pgward.ca.resources.fields import FieldError, FieldsError
from pgward.ca.resources.identity_provider import IdentityProvider
from pgward.ca.resources.kinds import Resource
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Change, ResourceChange
from pgward.ca.store import Transaction
from pgward.core.errors import ConflictError, InvalidInputError

router = strict.router("resources")
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
def put(  # noqa: PLR0917 - FastAPI passes them by name
    context: Current,
    by: Administrator,
    kind: str,
    name: str,
    body: Annotated[Any, Body(description="the resource: kind, metadata, spec")],
    dry_run: Annotated[bool, Query(description="check everything, change nothing")] = False,
    allow_lockout: Annotated[
        bool, Query(description="also a login rule under which no administrator could log in")
    ] = False,
    if_match: IfMatch = None,
) -> ResourceChange:
    """Make the resource what the body says; wrong fields are named by their path (422)."""
    wanted = _wanted(kinds.canonical(kind), name, body, _version(if_match))
    if dry_run:
        return _dry_run(context, wanted, by.user.name, allow_lockout=allow_lockout)
    with context.acts.act(by.user.name, f"{wanted.kind.lower()}.apply", name) as act:
        found, change = _put(
            context, act.transaction, wanted, by.user.name, allow_lockout=allow_lockout
        )
        act.worth_recording = change != "unchanged"
        act.details |= {"change": change, "version": found.version, "spec": found.spec}
    return ResourceChange(resource=found.to_json(), change=change)


@router.delete("/resources/{kind}/{name}", summary="Delete a resource")
def delete(
    context: Current, by: Administrator, kind: str, name: str, if_match: IfMatch = None
) -> Change:
    """Delete a resource; edges stop serving it at once."""
    real, version = kinds.canonical(kind), _version(if_match)
    with context.acts.act(by.user.name, f"{real.lower()}.delete", name) as act:
        resources.delete(act.transaction, real, name, version=version)
        if real == administering.KIND:
            administering.forget(context.oidc, act, name)
    return Change(change="deleted")


def _check(transaction: Transaction, wanted: Resource) -> None:
    if isinstance(wanted, IdentityProvider):
        administering.check_change(transaction, wanted)


def _dry_run(context: Context, wanted: Resource, by: str, *, allow_lockout: bool) -> ResourceChange:
    with context.store.write() as transaction:
        found, change = _put(context, transaction, wanted, by, allow_lockout=allow_lockout)
        transaction.discard()
    return ResourceChange(resource=found.to_json(), change=change)


def _put(
    context: Context, transaction: Transaction, wanted: Resource, by: str, *, allow_lockout: bool
) -> tuple[resources.Resource, resources.Change]:
    """Write it; ConflictError for a login rule that would lock every administrator out."""
    _check(transaction, wanted)
    if allow_lockout or wanted.kind != "LoginRule":
        return resources.put(transaction, wanted, now=context.now(), by=by)
    book = LoginRuleBook(context.authority.settings)
    locked_before = lockout.of_administrators(transaction.connection, book)
    written = resources.put(transaction, wanted, now=context.now(), by=by)
    locked = lockout.of_administrators(transaction.connection, book)
    if locked and not locked_before:
        reasons = ", ".join(f"{name} ({why})" for name, why in locked.items())
        raise ConflictError(
            f"no administrator could log in under it: {reasons};"
            " --allow-lockout applies it all the same",
            hint="make it possible for one of them first",
        )
    return written


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
