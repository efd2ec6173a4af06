"""What is known of servers: objects, roles and grants, page by page, in the order of their names.

Tags are said by the integration as it is now, so a filter by a tag is a condition on names.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.access.catalog import PUBLIC
from pgward.access.rights import ANY
from pgward.access.tags import TagRule, tags_of
from pgward.ca.store.schema_catalog import (
    catalog_grants,
    catalog_objects,
    catalog_pieces,
    catalog_roles,
    catalog_scans,
)
from pgward.core import strict_json
from pgward.core.errors import InvalidInputError

_OBJECTS, _GRANTS, _ROLES = catalog_objects.c, catalog_grants.c, catalog_roles.c
_DEEPEST: Final = 50  # memberships of memberships
_MOST_NUMBER = 2**63
_SPECIAL = "[?"  # what means something in GLOB, besides the star


@dataclass(frozen=True, slots=True)
class Tagging:
    """The tags of an integration, and those of what its databases hold."""

    base: Mapping[str, str] = field(default_factory=dict)
    rules: Sequence[TagRule] = ()

    def of(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Return an object's tags."""
        table = row["name"] if row["kind"] == "table" else ""
        return tags_of(self.base, self.rules, row["database"], row["schema"], table)


@dataclass(frozen=True, slots=True)
class ObjectFilter:
    """Which objects: every field that is not None must match; ``tags`` all of them."""

    database: str | None = None
    schema: str | None = None
    kind: str | None = None
    owner: str | None = None
    search: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GrantFilter:
    """Which grants; ``to`` are roles, and everybody with ``PUBLIC``."""

    to: Collection[str] | None = None
    database: str | None = None
    schema: str | None = None
    name: str | None = None
    privilege: str | None = None


def scans(connection: Connection, integration: str | None = None) -> list[dict[str, Any]]:
    """Return how the last look at each server went, by integration."""
    statement = sa.select(catalog_scans).order_by(catalog_scans.c.integration)
    if integration is not None:
        statement = statement.where(catalog_scans.c.integration == integration)
    return [dict(row) for row in connection.execute(statement).mappings()]


def objects(
    connection: Connection,
    integration: str,
    wanted: ObjectFilter,
    tagging: Tagging,
    *,
    limit: int,
    after: str | None = None,
) -> list[dict[str, Any]]:
    """Return objects with their tags; ``after`` is the ``place`` of the last one had.

    Raises InvalidInputError for a place that is none.
    """
    clauses = [_OBJECTS.integration == integration, _live(_OBJECTS.piece, integration)]
    equal = {
        _OBJECTS.database_name: wanted.database,
        _OBJECTS.schema_name: wanted.schema,
        _OBJECTS.kind: wanted.kind,
        _OBJECTS.owner: wanted.owner,
    }
    clauses += [column == value for column, value in equal.items() if value is not None]
    if wanted.search is not None:
        clauses.append(_OBJECTS.words.contains(wanted.search.lower(), autoescape=True))
    sqlite = connection.dialect.name == "sqlite"
    clauses += [_tagged(tagging, key, value, sqlite=sqlite) for key, value in wanted.tags.items()]
    found = _page(connection, catalog_objects, clauses, limit=limit, after=after)
    return [row | {"tags": tagging.of(row)} for row in map(_object, found)]


def grants(
    connection: Connection,
    integration: str,
    wanted: GrantFilter,
    *,
    limit: int,
    after: str | None = None,
) -> list[dict[str, Any]]:
    """Return who was granted what by name of the object; ``after`` as for ``objects``."""
    clauses = [_GRANTS.integration == integration, _live(_GRANTS.piece, integration)]
    equal = {
        _GRANTS.database_name: wanted.database,
        _GRANTS.schema_name: wanted.schema,
        _GRANTS.name: wanted.name,
    }
    clauses += [column == value for column, value in equal.items() if value is not None]
    if wanted.to is not None:
        clauses.append(_GRANTS.grantee.in_(wanted.to))
    if wanted.privilege is not None:
        spaced = " " + _GRANTS.privileges + " "
        clauses.append(spaced.contains(f" {wanted.privilege.upper()} ", autoescape=True))
    found = _page(connection, catalog_grants, clauses, limit=limit, after=after)
    return [_grant(row) for row in found]


def roles(
    connection: Connection,
    integration: str,
    *,
    limit: int,
    search: str | None = None,
    after: str | None = None,
) -> list[dict[str, Any]]:
    """Return roles by name; ``after`` is the name of the last one had."""
    clauses = [_ROLES.integration == integration, _live(_ROLES.piece, integration)]
    if search is not None:
        clauses.append(sa.func.lower(_ROLES.name).contains(search.lower(), autoescape=True))
    if after is not None:
        clauses.append(_ROLES.name > after)
    statement = sa.select(catalog_roles).where(*clauses).order_by(_ROLES.name).limit(limit)
    return [_role(row) for row in connection.execute(statement).mappings()]


def role(connection: Connection, integration: str, name: str) -> dict[str, Any] | None:
    """Return one role, or None."""
    mine = (
        _ROLES.integration == integration,
        _ROLES.name == name,
        _live(_ROLES.piece, integration),
    )
    row = connection.execute(sa.select(catalog_roles).where(*mine).limit(1)).mappings().first()
    return None if row is None else _role(row)


def closure(connection: Connection, integration: str, role: str) -> dict[str, str | None]:
    """Return a role, and all that it is a member of, each with the role that led there.

    PUBLIC is among them: everybody is one.
    """
    found: dict[str, str | None] = {role: None, PUBLIC: None}
    level = [role]
    for _ in range(_DEEPEST):
        if not level:
            break
        statement = sa.select(_ROLES.name, _ROLES.member_of).where(
            _ROLES.integration == integration,
            _live(_ROLES.piece, integration),
            _ROLES.name.in_(level),
        )
        level = []
        for name, member_of in connection.execute(statement):
            for other, _admin, inherits, may_set in member_of:
                if other not in found and (inherits or may_set):
                    found[other] = name
                    level.append(other)
    return found


def place(row: Mapping[str, Any]) -> str:
    """Return where an object or a grant stands in the list: what ``after`` takes."""
    names = [row[name] for name in ("database", "schema", "name", "id")]
    return urlsafe_b64encode(json.dumps(names).encode()).decode("ascii")


def _page(
    connection: Connection,
    table: sa.Table,
    clauses: Iterable[sa.ColumnElement[bool]],
    *,
    limit: int,
    after: str | None,
) -> list[sa.RowMapping]:
    columns = (table.c.database_name, table.c.schema_name, table.c.name, table.c.id)
    statement = sa.select(table).where(*clauses).order_by(*columns).limit(limit)
    if after is not None:
        values = [
            sa.bindparam(None, value, type_=column.type)
            for column, value in zip(columns, _read_place(after), strict=True)
        ]
        statement = statement.where(sa.tuple_(*columns) > sa.tuple_(*values))
    return list(connection.execute(statement).mappings())


def _read_place(after: str) -> tuple[str, str, str, int]:
    try:
        database, schema, name, number = strict_json.loads(urlsafe_b64decode(after))
    except (ValueError, TypeError):
        database = None
    names = (database, schema, name) if database is not None else ()
    if not names or not all(isinstance(each, str) and "\0" not in each for each in names):
        raise InvalidInputError("that cursor is none of ours")
    if type(number) is not int or not 0 <= number < _MOST_NUMBER:
        raise InvalidInputError("that cursor is none of ours")
    return str(database), str(schema), str(name), number


def _live(piece: sa.Column[int], integration: str) -> sa.ColumnElement[bool]:
    pieces = catalog_pieces.c
    return piece.in_(sa.select(pieces.id).where(pieces.integration == integration, pieces.live))


def _tagged(tagging: Tagging, key: str, value: str, *, sqlite: bool) -> sa.ColumnElement[bool]:
    """Return the condition that an object has a tag: the narrowest rule that names it says so."""
    rules = sorted((each for each in tagging.rules if key in each.tags), key=lambda one: one.depth)
    holds: sa.ColumnElement[bool] = sa.literal(tagging.base.get(key) == value) == sa.true()
    for rule in rules:  # the last of them is asked first
        says = sa.literal(rule.tags[key] == value) == sa.true()
        holds = sa.case((_means(rule, sqlite=sqlite), says), else_=holds)
    return holds


def _means(rule: TagRule, *, sqlite: bool) -> sa.ColumnElement[bool]:
    clauses = [_matches(_OBJECTS.database_name, rule.database, sqlite=sqlite)]
    if rule.schema:
        clauses.append(_OBJECTS.schema_name != "")
        clauses.append(_matches(_OBJECTS.schema_name, rule.schema, sqlite=sqlite))
    if rule.table:
        clauses.append(_OBJECTS.kind == "table")
        clauses.append(_matches(_OBJECTS.name, rule.table, sqlite=sqlite))
    return sa.and_(*clauses)


def _matches(column: sa.Column[str], pattern: str, *, sqlite: bool) -> sa.ColumnElement[bool]:
    """Return the condition that a name matches a pattern, as ``rights.matches`` tells.

    SQLite's LIKE takes small letters for capital ones, so it is GLOB there.
    """
    if pattern == ANY:
        return sa.true()
    if ANY not in pattern:
        return column == pattern
    if sqlite:
        globbed = "".join(f"[{each}]" if each in _SPECIAL else each for each in pattern)
        return column.op("GLOB", is_comparison=True)(globbed)
    liked = "".join(f"\\{each}" if each in "\\%_" else each for each in pattern)
    return column.like(liked.replace(ANY, "%"), escape="\\")


def _object(row: sa.RowMapping) -> dict[str, Any]:
    return _place(row) | {
        "comment": row["comment"],
        "rows": row["row_estimate"],
        "size": row["size_estimate"],
    }


def _grant(row: sa.RowMapping) -> dict[str, Any]:
    return _place(row) | {
        "column": row["column_name"],
        "grantee": None if row["grantee"] == PUBLIC else row["grantee"],
        "privileges": row["privileges"].split(),
        "grantable": row["grantable"].split(),
    }


def _place(row: sa.RowMapping) -> dict[str, Any]:
    return {
        "id": row["id"],
        "database": row["database_name"],
        "kind": row["kind"],
        "schema": row["schema_name"],
        "name": row["name"],
        "signature": row["signature"],
        "detail": row["detail"],
        "owner": row["owner"],
    }


def _role(row: sa.RowMapping) -> dict[str, Any]:
    return {
        "name": row["name"],
        "comment": row["comment"],
        "attributes": row["attributes"],
        "member_of": [
            {"role": role, "admin": admin, "inherit": inherits, "set": may_set}
            for role, admin, inherits, may_set in row["member_of"]
        ],
    }
