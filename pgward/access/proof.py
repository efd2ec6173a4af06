"""Who may do what, by the resources alone: the rules said a second time, plainly.

A proof holds this against what real connections are allowed. So nothing is used here of what
decides in earnest, speed counts for nothing, and what is not known raises InvalidInputError rather
than being guessed. Resources are documents as `pgward apply` takes them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, NamedTuple

from pgward.core.errors import InvalidInputError

Document = Mapping[str, Any]
Mode = Literal["native", "tunnel", "aware"]
MODES: Final[tuple[Mode, ...]] = ("native", "tunnel", "aware")
READS: Final = frozenset({"SELECT"})
_HAS = re.compile(r"'([^']*)' in ctx\.user\.(groups|grants)")
_STATEMENT_READS: Final = "ctx.request.postgres.statement.reads"


class Right(NamedTuple):
    """A privilege on a table; on a schema where ``table`` is "", on a database without either."""

    privilege: str
    database: str
    schema: str = ""
    table: str = ""


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person of the directory."""

    name: str
    groups: frozenset[str] = frozenset()
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """What was asked for and approved: bundles, roles and privileges at a service, by a flow."""

    person: str
    service: str
    flow: str
    bundles: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    rights: frozenset[Right] = frozenset()

    @property
    def gives_rights(self) -> bool:
        """Whether it is more than the way in."""
        return bool(self.bundles or self.roles or self.rights)

    @property
    def names(self) -> frozenset[str]:
        """What policies know it by."""
        return (self.bundles | self.roles) or frozenset({self.flow})


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL server before anything is granted: its objects, and what its own roles have.

    ``host`` is what its agent joined as; ``own`` has what each role may, by PUBLIC as well.
    """

    host: str
    objects: frozenset[tuple[str, str, str]]
    own: Mapping[str, frozenset[Right]] = field(default_factory=dict)
    public: frozenset[Right] = frozenset()


@dataclass(frozen=True, slots=True)
class Rules:
    """What follows from resources, people, a server, and what was given (and not ended since)."""

    resources: Sequence[Document]
    people: Mapping[str, Somebody]
    server: Server
    given: Sequence[Given] = ()

    def may_ask(self, wish: Given) -> bool:
        """Tell whether a flow lets somebody have this; approvals are another matter."""
        person, flow = self.people.get(wish.person), self._spec("AccessFlow", wish.flow)
        service = self._spec("Service", wish.service)
        if person is None or person.blocked or flow is None or service is None:
            return False
        if not _names(flow["who"], person) or not _is_for(flow, wish.service, service):
            return False
        if not wish.gives_rights:
            return not (flow.get("bundles") or flow.get("roles") or flow.get("privileges"))
        server = service.get("integration")
        if server is None or self._spec("Integration", server) is None:
            return False
        bounds = self._meant(flow.get("privileges", ()))
        return (
            wish.roles <= set(flow.get("roles", ()))
            and wish.rights <= bounds
            and all(
                each in flow.get("bundles", ()) and server in self._bundle(each)["integrations"]
                for each in wish.bundles
            )
        )

    def live(self) -> tuple[Given, ...]:
        """Return what stands still: a grant is as good as its flow is now."""
        return tuple(each for each in self.given if self.may_ask(each))

    def enters(self, person: str, service: str) -> bool:
        """Tell whether an edge lets somebody come to a service, before policies."""
        who, spec = self.people[person], self._spec("Service", service)
        if who.blocked or spec is None:
            return False
        return _names(spec["allow"], who) or bool(self._here(person, service))

    def native(self, person: str) -> frozenset[str]:
        """Return the roles that the server takes somebody's certificate for."""
        who = self.people[person]
        if who.blocked:
            return frozenset()
        found = set()
        for spec in self._all("RoleMap"):
            if self.server.host in spec["hosts"]:
                for rule in spec["rules"]:
                    named = rule.get("roles", ()) if _names(rule, who) else ()
                    found |= {each.replace("{user}", person) for each in named}
        for given in self.live():
            integration = self._integration(given)
            if given.person == person and self.server.host in integration.get("hosts", ()):
                found.add(self.access_role(given))
        return frozenset(found)

    def lands(self, person: str, service: str, asked: str) -> str | None:
        """Return as whom an aware edge logs somebody in who asks for a role; None: not at all."""
        if not self.enters(person, service):
            return None
        if not self._policies_let(person, service, on="connect", reads=True):
            return None
        spec = self._configured(person, service)
        role = self._role(spec["user"], person, service, asked)
        if role is None or "certificate" not in spec["auth"]:
            return role
        return role if role in self.native(person) else None

    def as_whom(self, mode: Mode, person: str, service: str, asked: str) -> str | None:
        """Return as which role somebody comes in who asks for one; None: not at all."""
        if mode == "aware":
            return self.lands(person, service, asked)
        if mode == "tunnel" and not self.enters(person, service):
            return None
        return asked if asked in self.native(person) else None

    def may(self, mode: Mode, person: str, service: str, role: str) -> frozenset[Right]:
        """Return what somebody may do with tables, having come in as a role."""
        has = self.rights(role)
        found = {
            each for each in has if each.table and Right("USAGE", each.database, each.schema) in has
        }
        if mode != "aware":
            return frozenset(found)
        return frozenset(
            each
            for each in found
            if self._policies_let(person, service, on="statement", reads=each.privilege in READS)
        )

    def rights(self, role: str) -> frozenset[Right]:
        """Return what a role has: its own, everybody's, and what was given to it."""
        found = set(self.server.own.get(role, ())) | self.server.public
        for given in self.live():
            if given.gives_rights and self.access_role(given) == role:
                found |= given.rights
                found |= {right for each in given.roles for right in self.rights(each)}
                for name in given.bundles:
                    bundle = self._bundle(name)
                    found |= self._meant(bundle.get("privileges", ()))
                    found |= {r for each in bundle.get("roles", ()) for r in self.rights(each)}
        return frozenset(found)

    def access_role(self, given: Given) -> str:
        """Return what the person is called on the server."""
        template = self._integration(given).get("roleName", "{user}")
        return str(template.replace("{user}", given.person))

    def _role(self, rule: Document, person: str, service: str, asked: str) -> str | None:
        """Return the role of the user rule of a service."""
        if "force" in rule:
            return str(rule["force"])
        own = [person] if rule.get("fromPerson") else []
        if rule.get("fromGrant"):
            own = [self.access_role(e) for e in self._here(person, service) if e.gives_rights] + own
        default = rule.get("default")
        if asked in ("", person):
            return own[0] if own else default
        may = {*own[:1], *rule.get("allow", ()), *([] if default is None else [default])}
        return asked if asked in may else None

    def _configured(self, person: str, service: str) -> Document:
        """Return how a service is set up for somebody: the first rule that matches chooses."""
        postgres = self._service(service)["postgres"]
        for rule in postgres.get("rules", ()):
            if rule.get("matchAny") or self._holds(rule["match"], person, service, reads=True):
                return {**postgres, **postgres["configs"][rule["config"]]}
        return dict(postgres)

    def _policies_let(self, person: str, service: str, *, on: str, reads: bool) -> bool:
        postgres = self._service(service)["postgres"]
        wanted = [self._spec("Policy", name) for name in postgres.get("policies", ())]
        policies = [each for each in (*wanted, postgres.get("policy")) if each is not None]
        rules = [e for p in policies for e in p["rules"] if e.get("on", "connect") == on]
        rules.sort(key=lambda each: (each.get("priority", 0), each["effect"] == "ALLOW"))
        for rule in rules:
            if self._holds(rule["condition"], person, service, reads=reads):
                return bool(rule["effect"] == "ALLOW")
        return all(_default(each, on) == "ALLOW" for each in policies)

    def _holds(self, condition: str, person: str, service: str, *, reads: bool) -> bool:
        known = {
            "groups": self.people[person].groups,
            "grants": {name for each in self._here(person, service) for name in each.names},
        }
        for term in condition.split(" && "):
            bare = term.removeprefix("!")
            bare = bare[1:-1] if bare.startswith("(") and bare.endswith(")") else bare
            found = _HAS.fullmatch(bare)
            if bare == _STATEMENT_READS:
                is_so = reads
            elif found is not None:
                is_so = found[1] in known[found[2]]
            else:
                raise InvalidInputError(f"a proof does not know the condition {term!r}")
            if is_so is term.startswith("!"):
                return False
        return True

    def _here(self, person: str, service: str) -> list[Given]:
        return [each for each in self.live() if (each.person, each.service) == (person, service)]

    def _meant(self, privileges: Iterable[Document]) -> frozenset[Right]:
        """Return privileges on the objects that there are, each by its name."""
        found = set()
        for each in privileges:
            for privilege in each["grant"]:
                if "schema" not in each:
                    found.add(Right(privilege, each["database"]))
                elif "tables" not in each:
                    found.add(Right(privilege, each["database"], each["schema"]))
                else:
                    found |= {
                        Right(privilege, database, schema, table)
                        for database, schema, table in self.server.objects
                        if database == each["database"]
                        and fnmatchcase(schema, each["schema"])
                        and any(fnmatchcase(table, pattern) for pattern in each["tables"])
                    }
        return frozenset(found)

    def _integration(self, given: Given) -> Document:
        name = self._service(given.service).get("integration") if given.gives_rights else None
        return {} if name is None else self._spec("Integration", name) or {}

    def _service(self, name: str) -> Document:
        return self._spec("Service", name) or {}

    def _bundle(self, name: str) -> Document:
        return self._spec("RoleBundle", name) or {"integrations": ()}

    def _spec(self, kind: str, name: str) -> Document | None:
        for each in self.resources:
            if (each["kind"], each["metadata"]["name"]) == (kind, name):
                return dict(each["spec"])
        return None

    def _all(self, kind: str) -> list[Document]:
        return [each["spec"] for each in self.resources if each["kind"] == kind]


def _is_for(flow: Document, name: str, service: Document) -> bool:
    if "services" in flow:
        return name in flow["services"]
    return bool(flow["serviceLabels"].items() <= service.get("labels", {}).items())


def _names(people: Document, person: Somebody) -> bool:
    groups = people.get("groups", ())
    return person.name in people.get("users", ()) or any(each in person.groups for each in groups)


def _default(policy: Document, on: str) -> str:
    """Return what becomes of what no rule decides."""
    if on == "statement":
        return str(policy.get("statements", {}).get("default", "ALLOW"))
    has_rules = any(each.get("on", "connect") == "connect" for each in policy["rules"])
    return str(policy.get("connect", {}).get("default", "DENY" if has_rules else "ALLOW"))
