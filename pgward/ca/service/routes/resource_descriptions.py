"""A resource with all that hangs on it: what it names, what names it, and who changed it last."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy.engine import Connection

from pgward.ca.access import declared, healths
from pgward.ca.access.healths import Service
from pgward.ca.resources import existing, history, kinds, references, shelf, stored
from pgward.ca.resources.stored import Resource
from pgward.ca.service import applying, strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Current
from pgward.ca.service.models import Time
from pgward.ca.service.routes.resource_history import PastVersion

router = strict.router("resources")
_VERSIONS = 5
_EACH_OTHER = {
    "User": ("Group", "groups", "spec.members"),
    "Group": ("User", "members", "spec.groups"),
}
"""By kind: what else names it, the field that has those here, and the field that names it there."""
_ORDER = {kind: number for number, kind in enumerate(kinds.KINDS)}


class ReferenceInfo(BaseModel):
    """Something by its kind and name; ``field`` is where the one names the other."""

    kind: str
    name: str
    field: str
    exists: bool


class ConnectorWord(BaseModel):
    """Who serves an integration, when they were heard last, and what they told last and when.

    ``trouble`` is why nothing is done on the server now; null where all is well.
    """

    machine: str
    last_seen_at: Time | None
    told_at: Time | None
    state: str | None
    problem: str | None
    server_version: int | None
    trouble: str | None

    @classmethod
    def of(cls, found: Service) -> "ConnectorWord":
        """Show it."""
        health = found.health
        return cls(
            machine=found.machine,
            last_seen_at=found.last_seen_at,
            told_at=None if health is None else health.told_at,
            state=None if health is None else health.state,
            problem=None if health is None else health.problem,
            server_version=None if health is None else health.server_version,
            trouble=found.trouble,
        )


class Description(BaseModel):
    """A resource, what it refers to, what refers to it, and its last versions.

    ``connector`` is the last word of an integration's; null for other kinds.
    """

    resource: dict[str, Any]
    refers_to: list[ReferenceInfo]
    referred_to_by: list[ReferenceInfo]
    notes: list[str]
    versions: list[PastVersion]
    connector: ConnectorWord | None = None


@router.get("/resources/{kind}/{name}/description", summary="Show what hangs on a resource")
def describe(context: Current, _by: Administrator, kind: str, name: str) -> Description:
    """Return a resource with its references in both directions."""
    real = kinds.canonical(kind)
    with context.store.read() as connection:
        found = shelf.get(connection, real, name)
        versions = history.of(connection, real, name, limit=_VERSIONS)
        return Description(
            resource=found.to_json(),
            refers_to=[
                ReferenceInfo(
                    kind=each.kind,
                    name=each.name,
                    field=each.field,
                    exists=existing.exists(connection, each),
                )
                for each in references.of(found.spec)
            ],
            referred_to_by=_users(connection, found),
            notes=applying.notes_of(connection, kinds.read(real, found.to_json()), context.now()),
            versions=[PastVersion.of(each) for each in versions],
            connector=_word(connection, real, name, context.now()),
        )


def _word(connection: Connection, kind: str, name: str, now: datetime) -> ConnectorWord | None:
    spec = declared.integration(connection, name) if kind == "Integration" else None
    if spec is None:
        return None
    return ConnectorWord.of(healths.service(connection, name, spec, now))


def _users(connection: Connection, found: Resource) -> list[ReferenceInfo]:
    """Return what names a resource, by kind and name.

    People and groups name each other only, and each as the other one does.
    """
    kind, name = found.kind, found.name
    named = [
        ReferenceInfo(kind=each.kind, name=each.name, field=reference.field, exists=True)
        for each in stored.naming(connection, name)
        for reference in references.of(each.spec)
        if (reference.kind, reference.name) == (kind, name)
    ]
    if kind in _EACH_OTHER:
        other, field, back = _EACH_OTHER[kind]
        named += [
            ReferenceInfo(kind=other, name=each, field=back, exists=True)
            for each in found.spec.get(field, ())
        ]
    return sorted(named, key=lambda each: (_ORDER[each.kind], each.name))
