"""What policies would say of anybody, with the whole reasoning: for administrators."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from pgward.ca import explanation
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Current
from pgward.ca.service.models import Body, Flag, Moment, Name, Storable, Text
from pgward.ca.service.routes.me_policies import Method
from pgward.client.policy_configs import Choice
from pgward.core.clock import rfc3339
from pgward.policy import explaining
from pgward.policy.cases import shown
from pgward.policy.explaining import Explanation

router = strict.router("resources")
PATH = f"{strict.PREFIX}/policies/explanations"
CASES = f"{strict.PREFIX}/policies/cases"
_MOST_SQL = 32 * 1024
_MOST_DRAFTS = 10
_MOST_DOCUMENTS = 50
_Names = Annotated[list[Name], Field(max_length=200)]


class Person(Body):
    """Who asks; what is left out is as the authority knows it."""

    name: Name
    groups: _Names | None = None
    grants: _Names | None = None
    email: Text | None = None


class WayIn(Body):
    """The way in, and from where."""

    client: Text = ""
    method: Method = "certificate"
    mfa: Flag = False
    reason: Text = ""


class DeviceFacts(Body):
    """A device of the person's by its id, or what one would say of itself."""

    id: Name | None = None
    trusted: Flag = False
    posture: Annotated[dict[str, Any], Field(max_length=50)] = Field(default_factory=dict)


class Startup(Body):
    """What the client asks for as it connects."""

    user: Text = ""
    database: Text = ""
    application_name: Text = ""


class ExplanationRequest(Body):
    """A question; `drafts` are services and policies in place of those that are stored."""

    user: Person
    service: Name
    connect: Startup = Field(default_factory=Startup)
    session: WayIn = Field(default_factory=WayIn)
    device: DeviceFacts = Field(default_factory=DeviceFacts)
    at: Moment | None = None
    sql: Annotated[str, Field(max_length=_MOST_SQL), Storable] = ""
    policies: Annotated[list[Name], Field(max_length=50)] | None = None
    drafts: Annotated[list[Any], Field(max_length=_MOST_DRAFTS)] = Field(default_factory=list)

    def question(self) -> explanation.Question:
        """Return it as it is decided about."""
        connect = {
            "user": self.connect.user,
            "database": self.connect.database,
            "applicationName": self.connect.application_name,
        }
        device = {"trusted": self.device.trusted, "posture": self.device.posture}
        at = {} if self.at is None else {"at": rfc3339(self.at)}
        return explanation.Question(
            user=self.user.name,
            service=self.service,
            groups=self.user.groups,
            grants=self.user.grants,
            email=self.user.email,
            device=self.device.id,
            facts={
                "connect": connect,
                "session": self.session.model_dump(),
                "device": device,
                **at,
            },
            sql=self.sql,
            policies=self.policies,
            drafts=self.drafts,
        )


class Because(BaseModel):
    """An expression of a condition, and what it came to."""

    match: str
    is_: Annotated[str, Field(alias="is")]


class RuleLooked(BaseModel):
    """A rule, and what came of it."""

    policy: str
    rule: str
    on: str
    priority: int
    effect: str
    outcome: str
    because: list[Because]


class ConfigLooked(BaseModel):
    """A rule of the service that chooses a configuration, and what came of it."""

    config: str
    match: str | None
    outcome: str


class Configuration(BaseModel):
    """Which of the service's configurations it would be; `problem` is why there is none."""

    told: str
    problem: str | None
    rules: list[ConfigLooked]

    @classmethod
    def of(cls, choice: Choice) -> "Configuration":
        """Show it."""
        return cls(
            told="" if choice.problem else choice.told(),
            problem=choice.problem,
            rules=[ConfigLooked(**each.to_json()) for each in choice.looked],
        )


class ExplainedDecision(BaseModel):
    """A decision in words, and all rules in the order in which they are looked at.

    `statement` is what is known of a statement; null for the connection.
    """

    allowed: bool
    told: str
    policy: str
    rule: str
    reason: str
    rules: list[RuleLooked]
    statement: dict[str, Any] | None

    @classmethod
    def of(cls, found: Explanation) -> "ExplainedDecision":
        """Show it."""
        statement = found.statement
        return cls(
            allowed=found.decision.allowed,
            told=shown(found.decision),
            policy=found.decision.policy,
            rule=found.decision.rule,
            reason=found.decision.reason,
            rules=[RuleLooked(**each.to_json()) for each in found.rules],
            statement=None if statement is None else explaining.statement_json(statement),
        )


class SeenPerson(BaseModel):
    """The person as rules saw them."""

    name: str
    groups: list[str]
    grants: list[str]
    email: str


class ExplanationReply(BaseModel):
    """What would become of it. `ruled`: the service is in mode postgres."""

    user: SeenPerson
    ruled: bool
    connection: ExplainedDecision
    config: Configuration | None
    statements: list[ExplainedDecision]


@router.post("/policies/explanations", summary="Ask what policies say of somebody")
def explain(context: Current, _by: Administrator, body: ExplanationRequest) -> ExplanationReply:
    """Return the decisions with every rule's part in them; nothing is connected or changed."""
    with context.store.read() as connection:
        found = explanation.explain(connection, body.question(), context.now())
    choice = found.answers.choice
    return ExplanationReply(
        user=SeenPerson(
            name=found.user.name,
            groups=list(found.user.groups),
            grants=list(found.user.grants),
            email=found.user.email,
        ),
        ruled=found.answers.is_ruled,
        connection=ExplainedDecision.of(found.answers.connection),
        config=None if choice is None else Configuration.of(choice),
        statements=[ExplainedDecision.of(each) for each in found.answers.statements],
    )


class CasesRequest(Body):
    """PolicyTests as files have them, and services and policies that they are tried against."""

    documents: Annotated[list[Any], Field(min_length=1, max_length=_MOST_DOCUMENTS)]


class CaseResult(BaseModel):
    """A case of a test; `problem` is what is not as it expects, null where all is."""

    test: str
    case: str
    ok: bool
    problem: str | None


class CasesReply(BaseModel):
    """All cases, in their order."""

    results: list[CaseResult]


@router.post("/policies/cases", summary="Decide the cases of policy tests")
def decide_cases(context: Current, _by: Administrator, body: CasesRequest) -> CasesReply:
    """Return what became of each case; what is not in the request is taken as it is stored."""
    with context.store.read() as connection:
        found = explanation.decide_cases(connection, body.documents, context.now())
    return CasesReply(
        results=[
            CaseResult(test=each.name, case=of.name, ok=of.problem is None, problem=of.problem)
            for each in found
            for of in each.results
        ]
    )
