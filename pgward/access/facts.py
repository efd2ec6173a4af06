"""A PostgreSQL server as it tells about itself: what the planner compares with what is wanted."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pgward.access.marks import Mark
from pgward.access.plans import Default, Membership, Privilege
from pgward.core.errors import PgwardError


@dataclass(frozen=True, slots=True)
class Role:
    """One role, as far as it matters; ``oid`` is how sessions are known after it is gone.

    ``reaches`` tells that a member becomes a superuser or the connector itself. ``admin``,
    ``usage`` and ``settable`` are what the connector's account may do with it: grant it to others,
    use its privileges, and SET ROLE to it.
    """

    name: str
    oid: int
    superuser: bool = False
    login: bool = False
    attributes: frozenset[str] = frozenset()  # CREATEDB, CREATEROLE, REPLICATION, BYPASSRLS, …
    limit: int = -1
    until: str | None = None
    mark: Mark | None = None
    reaches: bool = False
    admin: bool = False
    usage: bool = False
    settable: bool = False
    sessions: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """A membership as it is, by one grantor (before 16 there is one row for all grantors).

    ``mine`` tells that the connector's account can take it away.
    """

    role: str
    member: str
    grantor: str
    admin: bool = False
    inherit: bool = True
    set_role: bool = True
    mine: bool = True

    @property
    def membership(self) -> Membership:
        """Who is a member of what."""
        return Membership(self.role, self.member)


@dataclass(frozen=True, slots=True)
class Held:
    """A privilege as it is: by whom, and whether the connector's account can revoke it.

    With ``via`` it does so as that role: which of its roles a REVOKE counts as is else for
    PostgreSQL to choose (manual, REVOKE), and it might not be the one that granted.
    """

    privilege: Privilege
    grantor: str
    grantable: bool = False
    mine: bool = True
    owner: str = ""
    via: str = ""


@dataclass(frozen=True, slots=True)
class HeldDefault:
    """A default privilege as it is, and whether the connector's account can change it."""

    default: Default
    mine: bool = True


@dataclass(frozen=True, slots=True)
class Thing:
    """An object that a pattern may mean; ``can`` are the privileges that we may grant on it.

    With ``owner_usage`` we may act as its owner.
    """

    kind: str
    schema: str
    name: str
    args: str
    owner: str
    can: frozenset[str] = frozenset()
    owner_usage: bool = False
    extension: bool = False


@dataclass(frozen=True, slots=True)
class Owned:
    """Something that a role of ours owns, or (``kind`` "policy") that names it.

    ``mend`` is SQL that takes the danger out of it before it is handed to somebody of more rights;
    ``runs`` is what nothing takes out: it runs somebody's code as whoever owns it, by itself.
    """

    role: str
    kind: str
    identity: str
    mend: tuple[str, ...] = ()
    runs: str | None = None


@dataclass(frozen=True, slots=True)
class Database:
    """A database from within; ``schemas`` are by name those that patterns mean, with owners."""

    things: tuple[Thing, ...] = ()
    held: tuple[Held, ...] = ()
    defaults: tuple[HeldDefault, ...] = ()
    owned: tuple[Owned, ...] = ()


@dataclass(frozen=True, slots=True)
class Door:
    """A database from outside: whether anybody, and the connector, can connect to it."""

    name: str
    owner: str
    allows: bool = True
    connects: bool = True
    can: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Server:
    """What is the same from every database: roles, memberships, databases and who has a hold there.

    ``places`` are databases where roles of ours have privileges or own something.
    """

    version: int = 0  # major
    user: str = ""
    superuser: bool = False
    writable: bool = True
    roles: Mapping[str, Role] = field(default_factory=dict)
    members: tuple[Member, ...] = ()
    doors: Mapping[str, Door] = field(default_factory=dict)
    held: tuple[Held, ...] = ()
    places: frozenset[tuple[str, str]] = frozenset()  # role, database

    @classmethod
    def read(cls, rows: Iterable[bytes]) -> Self:
        """Read what ``looking.SERVER`` returns; raise PgwardError for what it cannot have."""
        found: dict[str, list[dict[str, Any]]] = {}
        try:
            for row in rows:
                fields = loads(row)
                found.setdefault(fields["is"], []).append(fields)
            (server,) = found["server"]
            return cls(
                version=int(server["version"]) // 10000,
                user=str(server["user"]),
                superuser=server["super"] is True,
                writable=server["recovery"] is False,
                roles={each["name"]: _role(each) for each in found.get("role", ())},
                members=tuple(_member(each) for each in found.get("member", ())),
                doors={each["name"]: _door(each) for each in found.get("database", ())},
                held=tuple(_held(each, each["database"]) for each in found.get("held", ())),
                places=frozenset(
                    (each["role"], each["database"]) for each in found.get("place", ())
                ),
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise _unreadable() from error

    def ours(self, integration: str) -> dict[str, Role]:
        """Return the roles that were made for an integration; never the connector's own account."""
        return {
            name: role
            for name, role in self.roles.items()
            if role.mark is not None and role.mark.integration == integration and name != self.user
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """A server, and those of its databases that matter; one that could not be entered says why."""

    server: Server = field(default_factory=Server)
    databases: Mapping[str, Database] = field(default_factory=dict)
    closed: Mapping[str, str] = field(default_factory=dict)


def read_database(rows: Iterable[bytes], database: str) -> Database:
    """Read what ``looking.DATABASE`` returns; raise PgwardError for what it cannot have."""
    things: list[Thing] = []
    held: list[Held] = []
    defaults: list[HeldDefault] = []
    owned: list[Owned] = []
    try:
        for row in rows:
            fields = loads(row)
            match fields["is"]:
                case "thing":
                    things.append(_thing(fields))
                case "held":
                    held.append(_held(fields, database))
                case "default":
                    defaults.append(_default(fields, database))
                case "owned":
                    owned.append(_owned(fields))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _unreadable() from error
    return Database(tuple(things), tuple(held), tuple(defaults), tuple(owned))


def loads(row: bytes) -> dict[str, Any]:
    """Read a row; names in a database that knows no encoding may be no UTF-8."""
    fields = json.loads(row.decode("utf-8", "surrogateescape"))
    if not isinstance(fields, dict):
        raise TypeError("a row is an object")
    return fields


def _role(fields: Mapping[str, Any]) -> Role:
    return Role(
        name=fields["name"],
        oid=int(fields["oid"]),
        superuser=fields["super"],
        login=fields["login"],
        attributes=frozenset(fields["attributes"]),
        limit=fields["limit"],
        until=fields["until"],
        mark=Mark.read(fields["comment"]),
        reaches=fields["reaches"],
        admin=fields["admin"],
        usage=fields["usage"],
        settable=fields["settable"],
        sessions=fields["sessions"],
    )


def _member(fields: Mapping[str, Any]) -> Member:
    return Member(
        fields["role"],
        fields["member"],
        fields["grantor"],
        admin=fields["admin"],
        inherit=fields["inherit"],
        set_role=fields["set"],
        mine=fields["mine"],
    )


def _door(fields: Mapping[str, Any]) -> Door:
    return Door(
        fields["name"],
        fields["owner"],
        allows=fields["allows"],
        connects=fields["connects"],
        can=frozenset(fields["can"]),
    )


def _held(fields: Mapping[str, Any], database: str) -> Held:
    privilege = Privilege(
        database,
        fields["kind"],
        fields["schema"],
        fields["name"],
        fields["args"],
        fields["grantee"],
        fields["privilege"],
    )
    return Held(
        privilege,
        fields["grantor"],
        grantable=fields["grantable"],
        mine=fields["how"] in ("plain", "set"),
        owner=fields["owner"],
        via=fields["grantor"] if fields["how"] == "set" else "",
    )


def _default(fields: Mapping[str, Any], database: str) -> HeldDefault:
    default = Default(
        database,
        fields["owner"],
        fields["schema"],
        fields["objects"],
        fields["grantee"],
        fields["privilege"],
    )
    return HeldDefault(default, mine=fields["mine"])


def _thing(fields: Mapping[str, Any]) -> Thing:
    return Thing(
        fields["kind"],
        fields["schema"],
        fields["name"],
        fields["args"],
        fields["owner"],
        frozenset(fields["can"]),
        owner_usage=fields["owner_usage"],
        extension=fields["extension"],
    )


def _owned(fields: Mapping[str, Any]) -> Owned:
    return Owned(
        fields["role"], fields["kind"], fields["identity"], tuple(fields["mend"]), fields["runs"]
    )


def _unreadable() -> PgwardError:
    return PgwardError("the server's answer about its roles and rights cannot be read")
