"""What servers hold, as auditors and owners see it: objects, roles, and who was granted what."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from pgward.access.catalog import PUBLIC
from pgward.ca.access import healths
from pgward.ca.access.healths import Health
from pgward.ca.catalog import intake, searching, standing
from pgward.ca.catalog.searching import GrantFilter, ObjectFilter
from pgward.ca.catalog.standing import KIND, tagging
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.resources import stored
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator, Person, auditor
from pgward.ca.service.context import Current
from pgward.ca.service.models import Time
from pgward.core.errors import InvalidInputError

router = strict.router("catalog")
Integration = Annotated[str, Path(max_length=63)]
Word = Annotated[str | None, Query(max_length=252)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=8000)]
ObjectKind = Literal["database", "schema", "table", "sequence", "function"]


class Known(BaseModel):
    """How the last look at a server went; times are null before the first one.

    ``databases`` has for each what hindered its reading, or null. After a look that failed as a
    whole, ``failure`` says why, and what is known is of ``taken_at``. ``problem`` is what hinders
    the connector beside that, by its own last word.
    """

    integration: str
    connector: str | None
    edge: str | None
    tags: dict[str, str]
    taken_at: Time | None
    seconds: float | None
    server_version: int | None
    databases: dict[str, str | None]
    counts: dict[str, int]
    failed_at: Time | None
    failure: str | None
    problem: str | None
    asked_at: Time | None
    asked_by: str | None


class AllKnown(BaseModel):
    """Every integration by name."""

    integrations: list[Known]


class Object(BaseModel):
    """A database, a schema, or what is in one; ``rows`` and ``size`` (bytes) are estimates.

    A database and a schema have no ``name`` but in the field of theirs.
    """

    database: str
    kind: str
    schema_: Annotated[str, Field(alias="schema")]
    name: str
    signature: str
    detail: str
    owner: str
    comment: str
    rows: int | None
    size: int | None
    tags: dict[str, str]


class Objects(BaseModel):
    """Objects by database, schema and name; ``cursor`` leads to the next page."""

    objects: list[Object]
    cursor: str | None


class Grant(BaseModel):
    """What somebody was granted on an object, or on a column of it; everybody is null.

    Of kind ``default`` it is what objects will have that the role ``name`` makes.
    ``by_way_of`` tells through which memberships who was asked about has it.
    """

    database: str
    kind: str
    schema_: Annotated[str, Field(alias="schema")]
    name: str
    signature: str
    detail: str
    owner: str
    column: str
    grantee: str | None
    privileges: list[str]
    grantable: list[str]
    by_way_of: list[str]


class Grants(BaseModel):
    """Grants by database, schema and name; ``cursor`` leads to the next page."""

    grants: list[Grant]
    cursor: str | None


class Membership(BaseModel):
    """A role that another is a member of, and what it may do as one."""

    role: str
    admin: bool
    inherit: bool
    set: bool


class Role(BaseModel):
    """A role; ``attributes`` are those that are not as usual, and ``login``."""

    name: str
    comment: str
    attributes: dict[str, Any]
    member_of: list[Membership]


class Roles(BaseModel):
    """Roles by name; ``cursor`` leads to the next page."""

    roles: list[Role]
    cursor: str | None


class Asked(BaseModel):
    """Whether a look at the server was asked for now, and who does it."""

    integration: str
    asked_at: Time
    connector: str | None
    edge: str | None


def reader(context: Current, request: Request, session: Person) -> LoginSession:
    """Return who may look: auditors at all catalogs, owners of integrations at theirs.

    Raises DeniedError for other people.
    """
    if not standing.sees_all(session.user):
        with context.store.read() as connection:
            owned = standing.owned_by(connection, session.user)
        wanted = request.path_params.get("integration")
        if owned if wanted is None else wanted in owned:
            return session
    return auditor(context, request, session)


Reader = Annotated[LoginSession, Depends(reader)]


@router.get("/catalog", summary="List what is known of servers")
def every(context: Current, by: Reader) -> AllKnown:
    """Return how the last look at each integration's server went; owners see their own."""
    with context.store.read() as connection:
        scans = {row["integration"]: row for row in searching.scans(connection)}
        found = stored.every(connection, KIND)
        if not standing.sees_all(by.user):
            owned = standing.owned_by(connection, by.user)
            found = [each for each in found if each.name in owned]
        told = healths.every(connection, [each.name for each in found])
    return AllKnown(
        integrations=[_known(each, scans.get(each.name), told.get(each.name)) for each in found]
    )


@router.get("/catalog/{integration}", summary="Show what is known of a server")
def one(context: Current, _by: Reader, integration: Integration) -> Known:
    """Return how the last look at an integration's server went."""
    with context.store.read() as connection:
        found = stored.get(connection, KIND, integration)
        scans = searching.scans(connection, integration)
        told = healths.every(connection, [integration])
    return _known(found, scans[0] if scans else None, told.get(integration))


@router.post("/catalog/{integration}/refresh", summary="Have a server looked at now")
def refresh(context: Current, by: Administrator, integration: Integration) -> Asked:
    """Have the integration's connector look at its server; it hears of that at once."""
    now = context.now()
    with context.acts.act(by.user.name, "catalog.refresh", integration) as act:
        found = stored.get(act.transaction.connection, KIND, integration)
        intake.ask(act.transaction, integration, now, by.user.name)
    spec = found.spec
    return Asked(
        integration=integration,
        asked_at=now,
        connector=spec.get("connector"),
        edge=spec.get("edge"),
    )


@router.get("/catalog/{integration}/objects", summary="Search what databases hold")
def objects(
    *,
    context: Current,
    _by: Reader,
    integration: Integration,
    database: Word = None,
    schema: Word = None,
    kind: ObjectKind | None = None,
    owner: Word = None,
    search: Annotated[str | None, Query(max_length=200, description="in names, comments")] = None,
    tag: Annotated[list[str] | None, Query(max_length=20, description="KEY=VALUE")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Objects:
    """Return databases, schemas, tables and views, sequences and functions, with their tags."""
    wanted = ObjectFilter(database, schema, kind, owner, search, _tags(tag or []))
    with context.store.read() as connection:
        tags = tagging(stored.get(connection, KIND, integration).spec)
        found = searching.objects(connection, integration, wanted, tags, limit=limit, after=cursor)
    more = searching.place(found[-1]) if len(found) == limit else None
    return Objects(objects=[Object(**each) for each in found], cursor=more)


@router.get("/catalog/{integration}/roles", summary="List a server's roles")
def roles(
    *,
    context: Current,
    _by: Reader,
    integration: Integration,
    search: Word = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Roles:
    """Return roles by name, what they are members of, and what is special about them."""
    with context.store.read() as connection:
        stored.get(connection, KIND, integration)
        found = searching.roles(connection, integration, limit=limit, search=search, after=cursor)
    more = found[-1]["name"] if len(found) == limit else None
    return Roles(roles=[Role(**each) for each in found], cursor=more)


@router.get("/catalog/{integration}/grants", summary="List who was granted what")
def grants(
    *,
    context: Current,
    _by: Reader,
    integration: Integration,
    to: Annotated[Word, Query(description="a role: its own, its memberships', everybody's")] = None,
    direct: Annotated[bool, Query(description="only what the role itself was granted")] = False,
    database: Word = None,
    schema: Word = None,
    name: Word = None,
    privilege: Annotated[str | None, Query(max_length=16)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Grants:
    """Return grants as the server keeps them: owners and superusers need none."""
    with context.store.read() as connection:
        stored.get(connection, KIND, integration)
        ways = _ways(connection, integration, to, direct=direct)
        holders = None if ways is None else list(ways)
        wanted = GrantFilter(holders, database, schema, name, privilege)
        found = searching.grants(connection, integration, wanted, limit=limit, after=cursor)
    more = searching.place(found[-1]) if len(found) == limit else None
    shown = [Grant(**each, by_way_of=_way(ways, each["grantee"])) for each in found]
    return Grants(grants=shown, cursor=more)


def _known(resource: stored.Resource, scan: dict[str, Any] | None, health: Health | None) -> Known:
    spec = resource.spec
    told = scan or {"databases": {}, "counts": {}}
    return Known(
        integration=resource.name,
        connector=spec.get("connector"),
        edge=spec.get("edge"),
        tags=spec.get("tags", {}),
        taken_at=told.get("taken_at"),
        seconds=told.get("seconds"),
        server_version=told.get("server_version"),
        databases=told["databases"],
        counts=told["counts"],
        failed_at=told.get("failed_at"),
        failure=told.get("failure"),
        problem=None if health is None else health.problem,
        asked_at=told.get("asked_at"),
        asked_by=told.get("asked_by"),
    )


def _tags(pairs: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise InvalidInputError("a tag is KEY=VALUE")
        if found.setdefault(key, value) != value:
            raise InvalidInputError(f"a tag has one value, not {found[key]} and {value}")
    return found


def _ways(
    connection: Connection, integration: str, role: str | None, *, direct: bool
) -> dict[str, str | None] | None:
    if role is None:
        return None
    return {role: None} if direct else searching.closure(connection, integration, role)


def _way(ways: dict[str, str | None] | None, grantee: str | None) -> list[str]:
    """Return the memberships from who was asked about to a grantee, that one last."""
    found: list[str] = []
    at: str | None = PUBLIC if grantee is None else grantee
    while ways is not None and at is not None and ways.get(at) is not None:
        found.insert(0, at)
        at = ways[at]
    return found
