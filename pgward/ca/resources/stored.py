"""Resources in the store: declared, compared with what is there, written when they differ."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.resources import history, kinds
from pgward.ca.resources.certificate_profile import CertificateProfileSpec
from pgward.ca.resources.history import Version
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.resources.login_rule import LoginRuleSpec
from pgward.ca.resources.policy import PolicySpec
from pgward.ca.resources.role_map import RoleMapSpec
from pgward.ca.store import Transaction
from pgward.ca.store.schema import resources
from pgward.core.clock import rfc3339
from pgward.core.errors import ConflictError, NotFoundError

Change = Literal["created", "updated", "unchanged"]
_MOST_SERVICES = 4096  # that are remembered as they were read


# Lists ask for many, and SQLAlchemy takes longer to build a statement than to run it.
_FIND = sa.select(resources).where(
    resources.c.kind == sa.bindparam("of_kind"), resources.c.name == sa.bindparam("called")
)
_EVERY = (
    sa.select(resources)
    .where(resources.c.kind == sa.bindparam("of_kind"))
    .order_by(resources.c.name)
)
_SERVICES = (
    sa.select(*(sa.cast(each, sa.Text) if each.name == "spec" else each for each in resources.c))
    .where(resources.c.kind == "Service")
    .order_by(resources.c.name)
)
_SOME_SERVICES = _SERVICES.where(resources.c.name.in_(sa.bindparam("called", expanding=True)))
_PAGE = _EVERY.where(resources.c.name > sa.bindparam("behind")).limit(sa.bindparam("most"))
_SEVERAL = (
    sa.select(resources)
    .where(
        resources.c.kind == sa.bindparam("of_kind"),
        resources.c.name.in_(sa.bindparam("called", expanding=True)),
    )
    .order_by(resources.c.name)
)


class StaleError(ConflictError):
    """The condition of a request does not hold: the resource is another by now, or is there."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A stored resource; ``spec`` is JSON in camelCase."""

    kind: str
    name: str
    description: str
    spec: dict[str, Any]
    version: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str

    def to_json(self) -> dict[str, Any]:
        """Return what a person can edit and apply again."""
        metadata = {"name": self.name, "description": self.description, "version": self.version}
        if self.created_by:  # else nobody knows, as of a group
            metadata |= {"createdAt": rfc3339(self.created_at), "createdBy": self.created_by}
        if self.updated_by:
            metadata |= {"updatedAt": rfc3339(self.updated_at), "updatedBy": self.updated_by}
        return {"kind": self.kind, "metadata": metadata, "spec": self.spec}


def find(connection: Connection, kind: str, name: str) -> Resource | None:
    """Return a resource, or None."""
    row = connection.execute(_FIND, {"of_kind": kind, "called": name}).one_or_none()
    return None if row is None else Resource(**row._mapping)  # noqa: SLF001 - public in SQLAlchemy


def get(connection: Connection, kind: str, name: str) -> Resource:
    """Return a resource; raise NotFoundError."""
    found = find(connection, kind, name)
    if found is None:
        raise NotFoundError(f"there is no {kind} {name!r}", hint=f"pgward get {kinds.plural(kind)}")
    return found


def every(connection: Connection, kind: str) -> list[Resource]:
    """Return all resources of a kind by name."""
    found = connection.execute(_EVERY, {"of_kind": kind})
    return [Resource(*row) for row in found]  # its fields are the columns, in their order


def page(connection: Connection, kind: str, after: str, limit: int) -> list[Resource]:
    """Return up to so many resources of a kind by name, those behind a name."""
    given = {"of_kind": kind, "behind": after, "most": limit}
    return [Resource(*row) for row in connection.execute(_PAGE, given)]


def several(connection: Connection, kind: str, names: Collection[str]) -> list[Resource]:
    """Return those of these resources of a kind that there are, by name."""
    if not names:
        return []
    found = connection.execute(_SEVERAL, {"of_kind": kind, "called": sorted(names)})
    return [Resource(*row) for row in found]


def naming(connection: Connection, name: str) -> list[Resource]:
    """Return every resource in whose spec a name stands as a text, or as part of one's."""
    text = sa.cast(resources.c.spec, sa.Text)
    found = sa.select(resources).where(text.contains(json.dumps(name), autoescape=True))
    rows = connection.execute(found.order_by(resources.c.kind, resources.c.name))
    return [Resource(*row) for row in rows]


def services(
    connection: Connection, names: Collection[str] | None = None
) -> list[tuple[Resource, ServiceSpec]]:
    """Return all services, or those of these names, with their specs as models.

    Neither is the caller's to change.
    """
    found = []
    statement = _SERVICES if names is None else _SOME_SERVICES
    for kind, name, description, text, *rest in connection.execute(
        statement, {} if names is None else {"called": sorted(names)}
    ):
        spec, model = _service(text)
        found.append((Resource(kind, name, description, spec, *rest), model))
    return found


@lru_cache(_MOST_SERVICES)
def _service(text: str) -> tuple[dict[str, Any], ServiceSpec]:
    """Read one; lists and snapshots need all of them, and hardly any has changed."""
    spec: dict[str, Any] = json.loads(text)
    return spec, ServiceSpec.model_validate(spec)


def certificate_profiles(connection: Connection) -> list[tuple[str, CertificateProfileSpec]]:
    """Return all certificate profiles by name."""
    found = every(connection, "CertificateProfile")
    return [(each.name, CertificateProfileSpec.model_validate(each.spec)) for each in found]


def login_rules(connection: Connection) -> list[tuple[str, LoginRuleSpec]]:
    """Return all login rules by name."""
    found = every(connection, "LoginRule")
    return [(each.name, LoginRuleSpec.model_validate(each.spec)) for each in found]


def policies(connection: Connection) -> dict[str, PolicySpec]:
    """Return all policies by name."""
    found = every(connection, "Policy")
    return {each.name: PolicySpec.model_validate(each.spec) for each in found}


def role_maps(connection: Connection) -> list[tuple[str, RoleMapSpec]]:
    """Return all role maps by name."""
    found = every(connection, "RoleMap")
    return [(each.name, RoleMapSpec.model_validate(each.spec)) for each in found]


def put(
    transaction: Transaction,
    wanted: kinds.Resource,
    *,
    now: datetime,
    by: str,
    reason: str = "",
    restored: int | None = None,
) -> tuple[Resource, Change]:
    """Create or update; ConflictError when ``metadata.version`` is given and not the stored one.

    What it is now goes into the history with ``reason``, and the version that was ``restored``.
    """
    found = find(transaction.connection, wanted.kind, wanted.metadata.name)
    return put_over(transaction, wanted, found, now=now, by=by, reason=reason, restored=restored)


def put_over(
    transaction: Transaction,
    wanted: kinds.Resource,
    found: Resource | None,
    *,
    now: datetime,
    by: str,
    reason: str,
    restored: int | None,
) -> tuple[Resource, Change]:
    """Do the same where it was found already."""
    check_version(wanted, found)
    kind, name, description = wanted.kind, wanted.metadata.name, wanted.metadata.description
    spec = wanted.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    if found is not None and (found.description, found.spec) == (description, spec):
        return found, "unchanged"
    before = found.version if found else history.last(transaction.connection, kind, name)
    made = (found.created_at, found.created_by) if found else (now, by)
    new = Resource(kind, name, description, spec, before + 1, *made, now, by)
    values = {each: getattr(new, each) for each in Resource.__slots__}
    if found is None:
        transaction.execute(sa.insert(resources).values(values))
    else:
        transaction.execute(sa.update(resources).where(*_is(kind, name)).values(values))
    change: Literal["created", "updated"] = "updated" if found else "created"
    version = Version(kind, name, new.version, change, description, spec, now, by, reason, restored)
    history.note(transaction, version)
    transaction.changed()
    transaction.touch(kind, name)
    return new, change


def delete(
    transaction: Transaction,
    kind: str,
    name: str,
    *,
    now: datetime,
    by: str,
    version: int | None = None,
    reason: str = "",
) -> Resource:
    """Remove a resource; raise NotFoundError, or ConflictError when its version is another."""
    found = get(transaction.connection, kind, name)
    if version is not None and version != found.version:
        raise _changed(found, version)
    transaction.execute(sa.delete(resources).where(*_is(kind, name)))
    gone = Version(kind, name, found.version + 1, "deleted", "", None, now, by, reason)
    history.note(transaction, gone)
    transaction.changed()
    transaction.touch(kind, name)
    return found


def check_condition(found: Resource | None, kind: str, name: str, version: int | None) -> None:
    """Raise StaleError unless this is the version that is there; 0: there must be none."""
    if version is None or version == (found.version if found else 0):
        return
    if found is None:
        raise StaleError(f"there is no {kind} {name!r} any more: it was deleted")
    if version == 0:
        raise StaleError(f"there is a {kind} {name!r} already")
    changed = _changed(found, version)
    raise StaleError(changed.message, hint=changed.hint)


def check_version(wanted: kinds.Resource, found: Resource | None) -> None:
    """Raise ConflictError unless ``metadata.version``, if given, is that of what is there."""
    version = wanted.metadata.version
    if version is None:
        return
    if found is None:
        raise ConflictError(
            f"{wanted.kind} {wanted.metadata.name!r} was deleted since version {version}",
            hint="remove metadata.version to create it again",
        )
    if version != found.version:
        raise _changed(found, version)


def _changed(found: Resource, version: int) -> ConflictError:
    by = f" by {found.updated_by}" if found.updated_by else ""
    return ConflictError(
        f"{found.kind} {found.name!r} was changed{by}:"
        f" it has version {found.version}, not {version}",
        hint=f"pgward get {kinds.plural(found.kind)} {found.name}, then change it again",
    )


def _is(kind: str, name: str) -> Sequence[sa.ColumnElement[bool]]:
    return (resources.c.kind == kind, resources.c.name == name)
