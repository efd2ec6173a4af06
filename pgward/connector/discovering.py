"""Look at what a server holds: read-only, one database after the other, with few rights.

Each database is read in one snapshot of its own. What cannot be read is told as a problem and
keeps what is known of it; it never hides the rest.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, LiteralString, Protocol

import psycopg

from pgward.access import catalog_queries as queries
from pgward.access.catalog import Piece, Thing, pieces
from pgward.access.rights import matches
from pgward.core.errors import PgwardError, UnavailableError
from pgward.system.safe_text import clean

MOST_THINGS: Final = 200_000
"""Of one database: what is more is left out, and that is told."""
_MOST_ALL = 1_000_000
_BATCH = 2000
_LONGEST_STATEMENT = 25_000  # ms, for each batch: less than after which the server counts as hung
_LONGEST_LOCK = 5_000
_MOST_PROBLEM = 500
_SQL_ASCII = "SQL_ASCII"
_STRAY = re.compile("[\udc80-\udcff]")
_STRANGE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


class Server(Protocol):
    """A PostgreSQL server, as the connector reaches it."""

    def connect(self, database: str | None = None) -> "psycopg.Connection[Any]":
        """Connect, with autocommit; raise PgwardError."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which databases to look into: patterns of names, and of those to leave out."""

    databases: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()

    def covers(self, database: str) -> bool:
        """Tell whether a database is looked at."""
        return any(matches(each, database) for each in self.databases) and not any(
            matches(each, database) for each in self.exclude
        )

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> "Scope":
        """Read it from what the CA says of an integration's discovery."""
        return cls(
            tuple(map(str, settings.get("databases", ["*"]))),
            tuple(map(str, settings.get("exclude", []))),
        )


@dataclass(frozen=True, slots=True)
class Part:
    """A database's pieces; with a ``problem`` and none, what was known of it stays."""

    pieces: tuple[Piece, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Catalog:
    """A server at a time: its own pieces under "", and those of its databases by name."""

    taken_at: datetime
    seconds: float
    version: int
    parts: Mapping[str, Part] = field(default_factory=dict)

    def things(self) -> Iterator[tuple[str, Thing]]:
        """Return everything with its database."""
        for database, part in self.parts.items():
            for piece in part.pieces:
                for thing in piece.things():
                    yield database, thing


def discover(
    server: Server,
    scope: Scope | None = None,
    *,
    now: Callable[[], datetime],
    go_on: Callable[[], bool] = lambda: True,
) -> Catalog:
    """Look at a server; raise PgwardError when not even its list of databases can be read.

    ``go_on`` is asked before each database; when it says no, UnavailableError is raised.
    """
    scope = scope or Scope()
    taken_at, begun = now(), time.monotonic()
    version, here, names = _whole(server, scope)
    parts = {"": here}
    left = _MOST_ALL
    for name, may_enter in sorted(names.items()):
        if not go_on():
            raise UnavailableError("the look at the server was broken off")
        if not may_enter:
            parts[name] = Part(problem=f"no right to connect to the database {clean(name)}")
            continue
        parts[name] = part = _database(server, name, min(MOST_THINGS, left))
        left -= sum(len(piece.lines) for piece in part.pieces)
    return Catalog(taken_at, round(time.monotonic() - begun, 3), version, parts)


def _whole(server: Server, scope: Scope) -> tuple[int, Part, dict[str, bool]]:
    """Return the version, databases and roles, and into which databases one may go."""
    lines, names = [], {}
    try:
        with server.connect() as connection, connection.transaction():
            _begin(connection)
            number = _one(connection, "select current_setting('server_version_num')::int")
            version = int(number) // 10000
            for fields in _rows(connection, queries.DATABASES):
                if scope.covers(fields["name"]):
                    if fields["detail"] is None:
                        names[fields["name"]] = bool(fields["enter"])
                    lines.append(queries.thing(fields).line())
            for fields in _rows(connection, queries.roles(version)):
                lines.append(queries.thing(fields).line())
                if len(lines) > MOST_THINGS:
                    raise PgwardError(f"the server has more than {MOST_THINGS} roles")
    except (psycopg.Error, *_STRANGE) as error:
        raise PgwardError(f"the server's catalog cannot be read: {_told(error)}") from error
    return version, Part(tuple(pieces("", lines))), names


def _database(server: Server, name: str, most: int) -> Part:
    lines: list[bytes] = []
    problem = None
    try:
        with server.connect(name) as connection, connection.transaction():
            _begin(connection)
            for thing in _things(connection):
                if len(lines) >= most:
                    problem = f"the database {clean(name)} holds more than {most} things"
                    break
                lines.append(thing.line())
    except (psycopg.Error, PgwardError, *_STRANGE) as error:
        told = f"the database {clean(name)} cannot be read: {_told(error)}"
        return Part(problem=told[:_MOST_PROBLEM])
    return Part(tuple(pieces(name, lines)), problem)


def _things(connection: "psycopg.Connection[Any]") -> Iterator[Thing]:
    columns: dict[str, list[Any]] = {}
    for fields in _rows(connection, queries.COLUMNS):
        columns.setdefault(fields["oid"], []).extend(fields["grants"])
    for query in (queries.SCHEMAS, queries.RELATIONS, queries.FUNCTIONS, queries.DEFAULTS):
        for fields in _rows(connection, query):
            yield queries.thing(fields, columns)


def _begin(connection: "psycopg.Connection[Any]") -> None:
    """Make the transaction harmless: it can change nothing, and waits for nobody for long."""
    connection.execute("set transaction isolation level repeatable read, read only")
    connection.execute("set local search_path = pg_catalog, pg_temp")
    connection.execute(f"set local statement_timeout = {_LONGEST_STATEMENT}")
    connection.execute(f"set local lock_timeout = {_LONGEST_LOCK}")
    # A database without an encoding takes any bytes for a name, and roles and databases may have
    # been called in another's encoding: those come as they are, and psycopg hands them over so.
    encoding = _one(connection, "select current_setting('server_encoding')")
    encoding = encoding.decode() if isinstance(encoding, bytes) else encoding
    wanted = _SQL_ASCII if encoding in (_SQL_ASCII, "UTF8") else "UTF8"
    connection.execute(f"set local client_encoding = '{wanted}'")


def _rows(connection: "psycopg.Connection[Any]", query: str) -> Iterator[dict[str, Any]]:
    """Return the rows of a query as they come: the server holds them, not we."""
    text = f"select one.j::text from ({query}) one(j)"  # noqa: S608 - one of catalog_queries
    with connection.cursor(name="pgward_catalog") as cursor:
        cursor.itersize = _BATCH
        cursor.execute(text)
        for (found,) in cursor:
            yield json.loads(_decoded(found))


def _decoded(found: str | bytes) -> str:
    """Return JSON, in which a byte that is not UTF-8 became a backslash, x and its two digits."""
    if isinstance(found, str):
        return found
    text = found.decode("utf-8", "surrogateescape")
    return _STRAY.sub(lambda match: f"\\\\x{ord(match[0]) - 0xDC00:02x}", text)


def _one(connection: "psycopg.Connection[Any]", query: LiteralString) -> Any:
    row = connection.execute(query).fetchone()
    if row is None:
        raise UnavailableError("the server returned nothing")
    return row[0]


def _told(error: Exception) -> str:
    if isinstance(error, PgwardError):
        return error.message
    if isinstance(error, psycopg.Error):
        return clean(error.diag.message_primary or str(error).strip() or "the connection broke")
    return "its answer is not what PostgreSQL says"
