"""Rotations in the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.ca.records import CaName
from pgward.ca.rotation.phases import Phase, hierarchy_of
from pgward.ca.store.schema_authorities import rotation_reports, rotations
from pgward.ca.store.transaction import SNAPSHOT, Transaction, counter
from pgward.core.clock import rfc3339
from pgward.core.errors import ConflictError, NotFoundError


@dataclass(frozen=True, slots=True)
class Rotation:
    """One rotation; ``old`` and ``new`` are ids of generations, roots first."""

    id: str
    target: CaName
    phase: Phase
    phase_since: datetime
    version: int
    old: tuple[str, ...]
    new: tuple[str, ...]
    started_at: datetime
    started_by: str
    ended_at: datetime | None
    history: tuple[Mapping[str, Any], ...]

    @property
    def hierarchy(self) -> str:
        """``user`` or ``server``."""
        return hierarchy_of(self.target)

    @property
    def old_issuing(self) -> str:
        """The id of the issuing CA that is replaced."""
        return self.old[-1]

    @property
    def new_issuing(self) -> str:
        """The id of the issuing CA that replaces it."""
        return self.new[-1]


def every(connection: Connection) -> list[Rotation]:
    """Return all rotations, the newest first."""
    statement = sa.select(rotations).order_by(rotations.c.started_at.desc(), rotations.c.id)
    return [_rotation(row) for row in connection.execute(statement)]


def under_way(connection: Connection) -> list[Rotation]:
    """Return the rotations that are not over."""
    statement = sa.select(rotations).where(rotations.c.ended_at.is_(None))
    return [_rotation(row) for row in connection.execute(statement.order_by(rotations.c.id))]


def get(connection: Connection, name: str) -> Rotation:
    """Return a rotation by its id; raise NotFoundError."""
    row = connection.execute(sa.select(rotations).where(rotations.c.id == name)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no rotation {name!r}", hint="pgward ca rotate status")
    return _rotation(row)


def check_none_under_way(connection: Connection, target: CaName) -> None:
    """Raise ConflictError when the hierarchy is being rotated already."""
    for each in under_way(connection):
        if each.hierarchy == hierarchy_of(target):
            raise ConflictError(
                f"the rotation {each.id} is under way, in phase {each.phase}",
                hint="pgward ca rotate status",
            )


def add(
    transaction: Transaction,
    name: str,
    target: CaName,
    *,
    old: tuple[str, ...],
    new: tuple[str, ...],
    now: datetime,
    by: str,
) -> Rotation:
    """Store a rotation that begins."""
    entry = {"phase": Phase.TRUST_BOTH.value, "at": rfc3339(now), "by": by}
    row = {
        "id": name,
        "target": target.value,
        "phase": Phase.TRUST_BOTH.value,
        "phase_since": now,
        "version": counter(transaction.connection, SNAPSHOT) + 1,
        "old": list(old),
        "new": list(new),
        "started_at": now,
        "started_by": by,
        "history": [entry],
    }
    transaction.execute(sa.insert(rotations).values(row))
    transaction.changed()
    return get(transaction.connection, name)


def enter(
    transaction: Transaction, rotation: Rotation, phase: Phase, *, now: datetime, **told: Any
) -> Rotation:
    """Change the phase; ``told`` goes into the history. Reports of another phase go."""
    entry = {"phase": phase.value, "at": rfc3339(now), **told}
    values = {
        "phase": phase.value,
        "phase_since": now,
        "version": counter(transaction.connection, SNAPSHOT) + 1,
        "ended_at": now if phase.is_over else None,
        "history": [*rotation.history, entry],
    }
    mine = rotations.c.id == rotation.id
    transaction.execute(sa.update(rotations).where(mine).values(values))
    reports = rotation_reports.c.rotation == rotation.id
    transaction.execute(sa.delete(rotation_reports).where(reports))
    transaction.changed()
    return get(transaction.connection, rotation.id)


def _rotation(row: sa.Row[Any]) -> Rotation:
    return Rotation(
        id=row.id,
        target=CaName(row.target),
        phase=Phase(row.phase),
        phase_since=row.phase_since,
        version=row.version,
        old=tuple(row.old),
        new=tuple(row.new),
        started_at=row.started_at,
        started_by=row.started_by,
        ended_at=row.ended_at,
        history=tuple(row.history),
    )
