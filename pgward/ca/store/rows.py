"""Rows in one canonical form, whichever database they are in, and hashes of whole tables.

A row is a JSON object of its columns, sorted by name. What JSON lacks stands in an object with
one key: ``b`` bytes (base64), ``t`` a time (RFC 3339, UTC, microseconds), ``j`` any JSON.
"""

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.core.errors import InvalidInputError

BATCH = 1000
_HASHES = 1 << 256


@dataclass(slots=True)
class Tally:
    """How many rows a table has, and a hash of them that does not depend on their order.

    The sum of the rows' SHA-256, modulo 2^256: two databases sort text differently. It tells
    of accidents; whoever forges rows is kept out by the encryption of what holds them.
    """

    rows: int = 0
    total: int = 0

    def add(self, line: bytes) -> None:
        """Count one row in its canonical form."""
        self.rows += 1
        self.total = (self.total + int.from_bytes(sha256(line).digest())) % _HASHES

    @property
    def hexdigest(self) -> str:
        """The hash as 64 hex digits."""
        return f"{self.total:064x}"


def batches(
    connection: Connection, table: sa.Table, size: int = BATCH
) -> Iterator[Sequence[sa.RowMapping]]:
    """Read a table, so many rows at a time."""
    found = connection.execute(sa.select(table), execution_options={"yield_per": size})
    yield from found.mappings().partitions(size)


def tally(connection: Connection, table: sa.Table) -> Tally:
    """Count and hash a whole table."""
    made = Tally()
    for batch in batches(connection, table):
        for row in batch:
            made.add(line(table, row))
    return made


def line(table: sa.Table, row: Mapping[str, Any] | sa.RowMapping) -> bytes:
    """Return the canonical form of a row, without a line end."""
    values = {
        column.name: _encoded(row[column.name], is_json=_is_json(column))
        for column in table.columns
    }
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode("ascii")


def parse(data: bytes) -> dict[str, Any]:
    """Read a row back; raise InvalidInputError."""
    try:
        values = json.loads(data)
        if not isinstance(values, dict):
            raise InvalidInputError("a row is not an object")
        return {name: _decoded(value) for name, value in values.items()}
    except (ValueError, RecursionError, Base64Error) as error:
        raise InvalidInputError("a row cannot be read") from error


def _is_json(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.JSON)


def _encoded(value: Any, *, is_json: bool) -> Any:
    if value is None:
        return None
    if is_json:
        return {"j": _plain(value)}
    if isinstance(value, bytes | memoryview):
        return {"b": b64encode(value).decode("ascii")}
    if isinstance(value, datetime):
        return {"t": value.astimezone(UTC).isoformat(timespec="microseconds")}
    return _plain(value)


def _plain(value: Any) -> Any:
    """Return JSON in which a number has one form: PostgreSQL keeps 1.0e3 as 1000."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _decoded(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        raise InvalidInputError("a value of a row has no known kind")
    ((kind, inner),) = value.items()
    if kind == "j":
        return inner
    if not isinstance(inner, str) or kind not in ("b", "t"):
        raise InvalidInputError("a value of a row has no known kind")
    return b64decode(inner, validate=True) if kind == "b" else _time(inner)


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise InvalidInputError("a time of a row has no zone")
    return moment
