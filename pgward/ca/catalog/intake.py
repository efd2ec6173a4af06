"""Catalogs as connectors deliver them: a list of pieces first, then those that are not here yet.

Nothing of a scan is to be seen before all of it is here; then it takes the place of the one before
in one transaction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.access.catalog import Piece, Thing
from pgward.ca.store import Transaction
from pgward.ca.store.schema_catalog import (
    catalog_grants,
    catalog_objects,
    catalog_pieces,
    catalog_roles,
    catalog_scans,
)
from pgward.core.errors import InvalidInputError

MOST_PIECES: Final = 2048
"""Of one integration."""
_ROOM = 1_000_000  # for ids of the rows of one piece, which has fewer
_PIECES = catalog_pieces.c
_TABLES = (catalog_objects, catalog_grants, catalog_roles)
_FEW = 500


@dataclass(frozen=True, slots=True)
class DatabaseScan:
    """What was found in a database; with a problem and no pieces, what was known stays."""

    digests: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """One look at a server; ``databases`` has the server's own things under ""."""

    integration: str
    taken_at: datetime
    seconds: float
    server_version: int
    databases: Mapping[str, DatabaseScan] = field(default_factory=dict)

    def digests(self) -> set[str]:
        """Return the pieces of all databases."""
        return {digest for each in self.databases.values() for digest in each.digests}


def offer(transaction: Transaction, scan: Scan, now: datetime) -> list[str]:
    """Make a scan the newest one when all its pieces are here; else return which are not.

    Raises InvalidInputError for one with too many pieces.
    """
    wanted = scan.digests()
    if len(wanted) > MOST_PIECES:
        raise InvalidInputError(f"a catalog has {MOST_PIECES} pieces at most, not {len(wanted)}")
    here = _here(transaction.connection, scan.integration)
    missing = sorted(wanted - here.keys())
    if missing:
        return missing
    stays = {name for name, each in scan.databases.items() if each.problem and not each.digests}
    gone = [
        row.id
        for digest, row in here.items()
        if digest not in wanted and not (row.live and row.database_name in stays)
    ]
    new = [here[digest].id for digest in wanted if not here[digest].live]
    _forget(transaction, gone)
    for few in _chunks(new):
        statement = sa.update(catalog_pieces).where(_PIECES.id.in_(few))
        transaction.execute(statement.values(live=True))
    _note(transaction, scan, now, is_new=bool(gone or new))
    return []


def failed(transaction: Transaction, integration: str, why: str, now: datetime) -> None:
    """Take note that a server could not be looked at; what is known of it stays."""
    _write(transaction, integration, {"failed_at": now, "failure": why})


def take(transaction: Transaction, integration: str, piece: Piece, now: datetime) -> bool:
    """Keep a piece until the scan comes that lists it; tell whether it is new here.

    Raises InvalidInputError for one that cannot be read, and where there are too many.
    """
    things = piece.things()
    here = _here(transaction.connection, integration)
    if piece.digest in here:
        return False
    if len(here) >= 2 * MOST_PIECES:
        raise InvalidInputError("there are too many pieces that no list has")
    last = transaction.execute(sa.select(sa.func.max(_PIECES.id))).scalar_one()
    number = 1 if last is None else int(last) + 1
    row = {
        "id": number,
        "integration": integration,
        "digest": piece.digest,
        "database_name": piece.database,
        "live": False,
        "received_at": now,
    }
    transaction.execute(sa.insert(catalog_pieces).values(row))
    _insert(transaction, catalog_objects, number, integration, _objects(piece, things))
    _insert(transaction, catalog_grants, number, integration, _grants(piece, things))
    _insert(transaction, catalog_roles, number, integration, _roles(things))
    return True


def ask(transaction: Transaction, integration: str, now: datetime, by: str) -> None:
    """Want a look at a server now; its connector hears of it with what it waits for."""
    _write(transaction, integration, {"asked_at": now, "asked_by": by})
    transaction.changed()


def asked_at(connection: Connection, integration: str) -> datetime | None:
    """Return when somebody wanted a look at the server last."""
    statement = sa.select(catalog_scans.c.asked_at)
    found = connection.execute(statement.where(catalog_scans.c.integration == integration))
    return found.scalar_one_or_none()


def forget(transaction: Transaction, integration: str) -> None:
    """Remove all that is known of a server, as its integration is deleted."""
    _forget(transaction, [each.id for each in _here(transaction.connection, integration).values()])
    mine = catalog_scans.c.integration == integration
    transaction.execute(sa.delete(catalog_scans).where(mine))


def _here(connection: Connection, integration: str) -> dict[str, sa.Row[Any]]:
    statement = sa.select(catalog_pieces).where(_PIECES.integration == integration)
    return {row.digest: row for row in connection.execute(statement)}


def _forget(transaction: Transaction, pieces: list[int]) -> None:
    for number in pieces:
        for table in _TABLES:
            mine = table.c.id.between(number * _ROOM, (number + 1) * _ROOM - 1)
            transaction.execute(sa.delete(table).where(mine))
    for few in _chunks(pieces):
        transaction.execute(sa.delete(catalog_pieces).where(_PIECES.id.in_(few)))


def _note(transaction: Transaction, scan: Scan, now: datetime, *, is_new: bool) -> None:
    databases = {name: each.problem for name, each in scan.databases.items() if name}
    values: dict[str, Any] = {
        "taken_at": scan.taken_at,
        "received_at": now,
        "seconds": scan.seconds,
        "server_version": scan.server_version,
        "databases": databases,
        "failed_at": None,
        "failure": None,
    }
    if is_new:
        values["counts"] = _counts(transaction.connection, scan.integration)
    _write(transaction, scan.integration, values)


def _write(transaction: Transaction, integration: str, values: Mapping[str, Any]) -> None:
    mine = catalog_scans.c.integration == integration
    done = transaction.execute(sa.update(catalog_scans).where(mine).values(values))
    if not done.rowcount:
        row = {"integration": integration, "databases": {}, "counts": {}} | dict(values)
        transaction.execute(sa.insert(catalog_scans).values(row))


def _counts(connection: Connection, integration: str) -> dict[str, int]:
    objects = catalog_objects.c
    live = sa.select(_PIECES.id).where(_PIECES.integration == integration, _PIECES.live)
    statement = sa.select(objects.kind, sa.func.count()).group_by(objects.kind)
    mine = statement.where(objects.integration == integration, objects.piece.in_(live))
    found = {str(row[0]): int(row[1]) for row in connection.execute(mine)}
    roles = sa.select(sa.func.count()).where(
        catalog_roles.c.integration == integration, catalog_roles.c.piece.in_(live)
    )
    return found | {"role": int(connection.execute(roles).scalar_one())}


def _insert(
    transaction: Transaction,
    table: sa.Table,
    number: int,
    integration: str,
    rows: Iterable[dict[str, Any]],
) -> None:
    """Insert rows of a piece; their ids begin with its number."""
    made = [
        row | {"id": number * _ROOM + place, "piece": number, "integration": integration}
        for place, row in enumerate(rows)
    ]
    if made:
        transaction.execute(sa.insert(table), made)


def _objects(piece: Piece, things: list[Thing]) -> Iterable[dict[str, Any]]:
    for thing in things:
        if thing.kind in ("role", "default"):
            continue
        yield _place(piece, thing) | {
            "comment": thing.comment,
            "row_estimate": thing.rows,
            "size_estimate": thing.size,
            "words": f"{thing.schema}.{thing.name}\n{thing.comment}".lower().lstrip("."),
        }


def _grants(piece: Piece, things: list[Thing]) -> Iterable[dict[str, Any]]:
    for thing in things:
        place = _place(piece, thing)
        for given in thing.grants:
            yield place | {
                "column_name": given.column,
                "grantee": given.grantee,
                "privileges": " ".join(given.privileges),
                "grantable": " ".join(given.grantable),
            }


def _roles(things: list[Thing]) -> Iterable[dict[str, Any]]:
    for thing in things:
        if thing.kind == "role":
            yield {
                "name": thing.name,
                "comment": thing.comment,
                "attributes": dict(thing.attributes),
                "member_of": [each.to_json() for each in thing.member_of],
            }


def _place(piece: Piece, thing: Thing) -> dict[str, Any]:
    """Return where a thing is; a database and a schema are so by themselves, and have no name."""
    return {
        "database_name": thing.name if thing.kind == "database" else piece.database,
        "kind": thing.kind,
        "schema_name": thing.name if thing.kind == "schema" else thing.schema,
        "name": "" if thing.kind in ("database", "schema") else thing.name,
        "signature": thing.signature,
        "detail": thing.detail,
        "owner": thing.owner,
    }


def _chunks(numbers: list[int]) -> Iterable[list[int]]:
    """Cut a list: databases bind only so many values to a statement."""
    return (numbers[at : at + _FEW] for at in range(0, len(numbers), _FEW))
