"""What policies would say of whoever asks."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pgward.ca import caller, own_explanation
from pgward.ca.service import strict
from pgward.ca.service.auth import Person
from pgward.ca.service.context import Current
from pgward.ca.service.models import Body, Flag, Name, Storable, Text
from pgward.policy.context import Connect, Statement
from pgward.policy.rules import Decision

router = strict.router("people")

Method = Literal["certificate", "tunnel", "web", "otp", "token"]
_Word = Annotated[str, Field(max_length=500), Storable]
_Words = Annotated[list[_Word], Field(max_length=500)]


class StatementFacts(Body):
    """A statement as PostgreSQL's grammar tells, which whoever asks has looked at."""

    kind: _Word
    kinds: _Words
    tables: _Words
    names: _Words
    functions: _Words
    settings: _Words
    text: Annotated[str, Field(max_length=16 * 1024), Storable] = ""
    whole: Flag = True
    reads: Flag = False
    parsed: Flag = True
    why: _Word = ""

    def read(self) -> Statement:
        """Return it as policies see it."""
        return Statement(
            kind=self.kind,
            kinds=tuple(self.kinds),
            tables=tuple(self.tables),
            names=tuple(self.names),
            functions=tuple(self.functions),
            settings=tuple(self.settings),
            text=self.text,
            whole=self.whole,
            reads=self.reads,
            parsed=self.parsed,
            why=self.why,
        )


class Question(Body):
    """What one wants of a service; without statements it is about the connection alone."""

    service: Name
    role: Text = ""
    database: Text = ""
    application: Text = ""
    reason: Text = ""
    method: Method = "certificate"
    statements: Annotated[list[StatementFacts], Field(max_length=100)] = Field(default_factory=list)

    def connect(self) -> Connect:
        """Return what a startup message would ask for."""
        said = {"user": self.role, "database": self.database, "application_name": self.application}
        told = {name: each for name, each in said.items() if each}
        return Connect(self.role, self.database, self.application, told)


class Decided(BaseModel):
    """A decision and what it comes from; `policy` is empty for what the service itself says."""

    allowed: bool
    policy: str
    rule: str
    reason: str

    @classmethod
    def of(cls, decision: Decision) -> "Decided":
        """Show a decision."""
        return cls(**{name: getattr(decision, name) for name in cls.model_fields})


class Kept(BaseModel):
    """The role that one would land as, which is not changed; `own`: nobody else lands so."""

    role: str
    own: bool


class Answered(BaseModel):
    """What would become of it. `ruled`: the service is in mode postgres."""

    ruled: bool
    connection: Decided
    statements: list[Decided]
    kept: Kept | None


@router.post("/me/policies", summary="Ask what policies say of oneself")
def explain(context: Current, session: Person, body: Question) -> Answered:
    """Return the decisions, for a service that one may use; nothing is connected."""
    asked = own_explanation.Asked(
        service=body.service,
        connect=body.connect(),
        method=body.method,
        reason=body.reason,
        client=caller.client.get() or "",
        statements=[each.read() for each in body.statements],
    )
    with context.store.read() as connection:
        found = own_explanation.answer(connection, session, asked, context.now())
    kept = None if found.guard is None else Kept(role=found.guard.role, own=found.guard.own)
    return Answered(
        ruled=found.is_ruled,
        connection=Decided.of(found.connection),
        statements=[Decided.of(each) for each in found.statements],
        kept=kept,
    )
