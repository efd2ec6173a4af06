"""What each resource was: a version for every change of it, with who made it, when and why.

Versions of a name only grow. A deletion is a version, so what is made anew under the name goes on
behind it, and nobody takes it for what was there before.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.resources import kinds
from pgward.ca.store import Transaction
from pgward.ca.store.schema_history import resource_history
from pgward.core.errors import ConflictError, NotFoundError

Happened = Literal["created", "updated", "deleted"]
_COLUMNS = resource_history.c


@dataclass(frozen=True, slots=True)
class Version:
    """What a change made of a resource; ``spec`` is None where it was deleted.

    ``restored`` is the version that a rollback brought back.
    """

    kind: str
    name: str
    version: int
    change: Happened
    description: str
    spec: dict[str, Any] | None
    changed_at: datetime
    changed_by: str
    reason: str = ""
    restored: int | None = None

    def body(self) -> dict[str, Any]:
        """Return it as one applies it; ConflictError for a deletion."""
        if self.spec is None:
            raise ConflictError(
                f"version {self.version} of {self.kind} {self.name!r} is its deletion",
                hint=f"pgward delete {self.kind.lower()} {self.name}",
            )
        metadata = {"name": self.name, "description": self.description}
        return {"kind": self.kind, "metadata": metadata, "spec": self.spec}


def note(transaction: Transaction, version: Version) -> None:
    """Remember a version; its number must be new."""
    values = {name: getattr(version, name) for name in Version.__slots__}
    transaction.execute(sa.insert(resource_history).values(values))


def last(connection: Connection, kind: str, name: str) -> int:
    """Return the newest version, a deletion too; 0 where there never was such a resource."""
    newest = sa.select(sa.func.max(_COLUMNS.version)).where(*_is(kind, name))
    return connection.execute(newest).scalar_one() or 0


def of(
    connection: Connection, kind: str, name: str, *, before: int | None = None, limit: int
) -> list[Version]:
    """Return up to ``limit`` versions, the newest first, all older than ``before`` if given."""
    chosen = sa.select(resource_history).where(*_is(kind, name))
    if before is not None:
        chosen = chosen.where(_COLUMNS.version < before)
    found = connection.execute(chosen.order_by(_COLUMNS.version.desc()).limit(limit))
    return [Version(**row) for row in found.mappings()]


def get(connection: Connection, kind: str, name: str, version: int) -> Version:
    """Return one version; raise NotFoundError."""
    chosen = sa.select(resource_history).where(*_is(kind, name), _COLUMNS.version == version)
    row = connection.execute(chosen).mappings().one_or_none()
    if row is None:
        raise NotFoundError(
            f"there is no version {version} of {kind} {name!r}",
            hint=f"pgward history {kind.lower()} {name}",
        )
    return Version(**row)


def check_known(connection: Connection, kind: str, name: str) -> int:
    """Return the newest version; NotFoundError where there never was such a resource."""
    newest = last(connection, kind, name)
    if not newest:
        raise NotFoundError(
            f"there is no {kind} {name!r}, and never was", hint=f"pgward get {kinds.plural(kind)}"
        )
    return newest


def before_last(connection: Connection, kind: str, name: str) -> Version:
    """Return what a resource was before its last change; NotFoundError where there was nothing.

    Of a deleted one that is what it was when it was deleted.
    """
    newest = check_known(connection, kind, name)
    chosen = sa.select(resource_history).where(
        *_is(kind, name), _COLUMNS.version < newest, _COLUMNS.change != "deleted"
    )
    found = connection.execute(chosen.order_by(_COLUMNS.version.desc()).limit(1))
    row = found.mappings().one_or_none()
    if row is None:
        raise NotFoundError(
            f"there was nothing before version {newest} of {kind} {name!r}",
            hint=f"pgward history {kind.lower()} {name}",
        )
    return Version(**row)


def _is(kind: str, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (_COLUMNS.kind == kind, _COLUMNS.name == name)
