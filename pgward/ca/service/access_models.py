"""Bodies about just-in-time access, as they stand in the API's description."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from pgward.access.approvals import Approval, Demand
from pgward.access.flows import MATCHING, Asked, Flow
from pgward.access.people import Person
from pgward.access.rights import ObjectRights, Rights
from pgward.ca.access.declared import Target
from pgward.ca.access.requests import Decision, Grant
from pgward.ca.access.viewing import Needed, Seen
from pgward.ca.resources.role_bundle import RoleBundleSpec
from pgward.ca.service.models import Body, Flag, Name, Storable, Text, Time
from pgward.core import names
from pgward.core.errors import InvalidInputError

MOST_OBJECTS = 200
Word = Annotated[str, Field(min_length=1, max_length=63), Storable]
Names = Annotated[list[Word], Field(max_length=100)]


class ObjectModel(Body):
    """Privileges on objects of a database, as everywhere."""

    database: Word
    kind: Literal["database", "schema", "table", "sequence", "function"]
    # `schema` is a method of pydantic's models.
    schema_: Annotated[str, Field(alias="schema", max_length=63), Storable] = ""
    name: Annotated[str, Field(max_length=63), Storable] = ""
    privileges: Annotated[list[Word], Field(min_length=1, max_length=20)]
    future: Flag = False

    def rights(self) -> ObjectRights:
        """Return it as flows read it; raise InvalidInputError."""
        return ObjectRights.read(self.model_dump(by_alias=True))


class AskBody(Body):
    """What somebody asks for; without ``seconds`` as long as usual, without ``flow`` any flow."""

    service: Word
    bundles: Names = Field(default_factory=list)
    roles: Names = Field(default_factory=list)
    privileges: Annotated[list[ObjectModel], Field(max_length=MOST_OBJECTS)] = Field(
        default_factory=list
    )
    seconds: Annotated[int, Field(ge=1, le=366 * 24 * 3600)] | None = None
    reason: Text = ""
    break_glass: Flag = False
    flow: Name | None = None

    def asked(self) -> Asked:
        """Return it as flows read it; raise InvalidInputError."""
        for role in self.roles:
            if not role.isprintable():
                raise InvalidInputError(f"{role!r} is no role's name")
        return Asked(
            frozenset(names.resource_name(each, what="bundle's name") for each in self.bundles),
            Rights(frozenset(self.roles), frozenset(each.rights() for each in self.privileges)),
        )


class ActBody(Body):
    """Why; and the version of the request that was looked at, if it must still be that."""

    reason: Text = ""
    version: int | None = None


class ExtendBody(Body):
    """For how many seconds more, and why."""

    seconds: Annotated[int, Field(ge=1, le=366 * 24 * 3600)]
    reason: Text = ""


class ApprovalModel(BaseModel):
    """Who has to say yes: so many of these people; ``given`` is how many have."""

    users: list[str]
    groups: list[str]
    integration_owner: bool = False
    resource_owner: bool = False
    count: int
    approvers: list[str] = Field(default_factory=list)
    given: int = 0

    @classmethod
    def of_flow(cls, approval: Approval) -> "ApprovalModel":
        """Show what a flow says."""
        people = approval.people
        return cls(
            users=sorted(people.users),
            groups=sorted(people.groups),
            integration_owner=approval.integration_owner,
            resource_owner=approval.resource_owner,
            count=approval.count,
        )

    @classmethod
    def of_request(cls, needed: Needed) -> "ApprovalModel":
        """Show what a request needs."""
        demand: Demand = needed.demand
        return cls(
            users=sorted(demand.people.users),
            groups=sorted(demand.people.groups),
            count=demand.count,
            approvers=needed.approvers,
            given=needed.given,
        )


class DecisionModel(BaseModel):
    """What somebody said; a yes that does not count any more is of who left, or changed groups."""

    by: str
    what: str
    at: Time
    reason: str
    counts: bool

    @classmethod
    def of(cls, said: Decision, counts: frozenset[str]) -> "DecisionModel":
        """Show it."""
        return cls(
            by=said.decided_by,
            what=said.decision,
            at=said.decided_at,
            reason=said.reason,
            counts=said.decision != "approve" or said.decided_by in counts,
        )


class GrantModel(BaseModel):
    """A grant; ``until`` is when it ends by itself, ``role`` whom the person is on the server.

    ``trouble``, of one that waits for its connector, is what keeps that from doing anything.
    """

    id: str
    request: str
    user: str
    service: str
    integration: str | None
    flow: str
    bundles: list[str]
    roles: list[str]
    privileges: list[dict[str, Any]]
    role: str | None
    state: str
    until: Time
    created_at: Time
    activated_at: Time | None
    ended_at: Time | None
    end_reason: str | None
    ended_by: str | None
    problem: str | None
    sessions_ended: int | None
    break_glass: bool
    trouble: str | None

    @classmethod
    def of(cls, grant: Grant, trouble: str | None = None) -> "GrantModel":
        """Show it."""
        return cls(
            trouble=trouble,
            id=grant.id,
            request=grant.id,
            user=grant.user_name,
            until=grant.ends_at,
            created_at=grant.granted_at,
            **_asked(grant.asked),
            **{
                name: getattr(grant, name)
                for name in cls.model_fields
                if hasattr(grant, name) and name != "id"
            },
        )


class BundleModel(BaseModel):
    """A role bundle, and what is in it."""

    name: str
    roles: list[str]
    privileges: list[dict[str, Any]]

    @classmethod
    def of(cls, name: str, rights: Rights) -> "BundleModel":
        """Show it."""
        return cls(name=name, roles=sorted(rights.roles), privileges=_objects(rights.objects))

    @classmethod
    def every(
        cls, found: Mapping[str, RoleBundleSpec]
    ) -> dict[str, list[tuple[str, "BundleModel"]]]:
        """Show bundles, by the integrations that they are for, in the order of their names."""
        shown: dict[str, list[tuple[str, BundleModel]]] = {}
        for name, spec in sorted(found.items()):
            model = cls.of(name, spec.rights())
            for integration in set(spec.integrations):
                shown.setdefault(integration, []).append((name, model))
        return shown


class RequestModel(BaseModel):
    """A request, what people said, what came of it, and what whoever looks may do with it.

    ``inside`` says what is in its bundles now; ``trouble``, for one request that waits for its
    connector, what keeps that from doing anything.
    """

    id: str
    version: int
    user: str
    service: str
    flow: str
    integration: str | None
    bundles: list[str]
    roles: list[str]
    privileges: list[dict[str, Any]]
    seconds: int
    reason: str
    break_glass: bool
    extends: str | None
    state: str
    created_at: Time
    lapses_at: Time
    decided_at: Time | None
    automatic: str | None
    approvals: list[ApprovalModel]
    decisions: list[DecisionModel]
    grant: GrantModel | None
    acknowledged_at: Time | None
    acknowledged_by: str | None
    can: list[str]
    inside: list[BundleModel]
    trouble: str | None

    @classmethod
    def of(cls, seen: Seen) -> "RequestModel":
        """Show it."""
        request = seen.request
        return cls(
            user=request.user_name,
            automatic=request.rule,
            approvals=[ApprovalModel.of_request(each) for each in seen.needed],
            decisions=[DecisionModel.of(each, seen.counts) for each in seen.decisions],
            grant=None if seen.grant is None else GrantModel.of(seen.grant, seen.trouble),
            can=seen.can,
            inside=[BundleModel.of(name, rights) for name, rights in seen.inside.items()],
            trouble=seen.trouble,
            **_asked(request.rights),
            **{name: getattr(request, name) for name in cls.model_fields if hasattr(request, name)},
        )


class RequestReply(BaseModel):
    """One request."""

    request: RequestModel


class RequestsReply(BaseModel):
    """A page of requests, the newest first; ``after`` asks for the next page, if there is one."""

    requests: list[RequestModel]
    after: str | None


class GrantsReply(BaseModel):
    """A page of grants, what ends last first; ``after`` asks for the next page."""

    grants: list[GrantModel]
    after: str | None


class OfferModel(BaseModel):
    """What a flow lets somebody ask for on a service; without rights it lets in, and no more.

    ``only_break_glass``: they may break the glass, and not ask.
    """

    service: str
    description: str
    flow: str
    integration: str | None
    bundles: list[BundleModel]
    roles: list[str]
    privileges: list[dict[str, Any]]
    max_seconds: int
    default_seconds: int
    reason: str
    reason_matches: str | None
    approvals: list[ApprovalModel]
    automatic: list[str]
    break_glass_seconds: int | None
    only_break_glass: bool
    extend_seconds: int | None

    @classmethod
    def of(
        cls,
        aim: Target,
        flow: Flow,
        bundles: Mapping[str, list[tuple[str, BundleModel]]],
        person: Person,
    ) -> "OfferModel":
        """Show it to a person, with those of ``bundles`` that it has, as `BundleModel.every`."""
        glass = flow.glass
        breaks = glass is not None and glass.who.names(person)
        usable = aim.integration is not None
        longer = flow.longest_in_all
        return cls(
            service=aim.service,
            description=aim.description,
            flow=flow.name,
            integration=aim.integration,
            bundles=[
                model
                for name, model in bundles.get(aim.integration or "", ())
                if name in flow.bundles
            ],
            roles=sorted(flow.bounds.roles) if usable else [],
            privileges=_objects(flow.bounds.objects) if usable else [],
            max_seconds=int(flow.longest.total_seconds()),
            default_seconds=int(flow.usual.total_seconds()),
            reason="required" if flow.reason == MATCHING else flow.reason,
            reason_matches=flow.pattern_text or None,
            approvals=[ApprovalModel.of_flow(each) for each in flow.approvals],
            automatic=[each.name for each in flow.automatic],
            break_glass_seconds=int(glass.longest.total_seconds()) if breaks and glass else None,
            only_break_glass=not flow.lets_ask(person),
            extend_seconds=None if longer is None else int(longer.total_seconds()),
        )


class OffersReply(BaseModel):
    """All that somebody may ask for."""

    offers: list[OfferModel]


def _asked(asked: Asked) -> dict[str, Any]:
    return {
        "bundles": sorted(asked.bundles),
        "roles": sorted(asked.rights.roles),
        "privileges": _objects(asked.rights.objects),
    }


def _objects(objects: Iterable[ObjectRights]) -> list[dict[str, Any]]:
    return [each.to_json() for each in sorted(objects)]
