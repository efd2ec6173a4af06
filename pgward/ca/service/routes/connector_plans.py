"""What connectors answer that were asked what a request would run on a server."""

from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel, Field, field_validator

from pgward.ca.access import asked_plans, wanted_builder
from pgward.ca.service import strict
from pgward.ca.service.auth import Connector
from pgward.ca.service.context import Current
from pgward.ca.service.models import Body, Flag, Name, Storable
from pgward.core.errors import DeniedError
from pgward.system.safe_text import clean

PATH = f"{strict.PREFIX}/connector/plan"
MAX_BODY = 2 * 1024 * 1024
MOST_LETTERS = 400_000
router = strict.router("machines")
Id = Annotated[str, Field(pattern="^[0-9a-f]{1,32}$")]
Line = Annotated[str, Field(max_length=1000), Storable]
Word = Annotated[str, Field(max_length=252), Storable]
Sql = Annotated[str, Field(max_length=10_000), Storable]


class StatementBody(Body):
    """What would be run, and in which database."""

    database: Word
    sql: Sql


class ProblemBody(Body):
    """What cannot be given."""

    text: Line
    fatal: Flag


class PlanBody(Body):
    """The answer to the question of a ``number``; with a ``failure`` there is no plan."""

    integration: Name
    request: Id
    number: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    server_version: Annotated[int, Field(ge=0, le=1000)] | None
    statements: Annotated[list[StatementBody], Field(max_length=500)]
    more: Annotated[int, Field(ge=0, le=10**9)]
    problems: Annotated[list[ProblemBody], Field(max_length=100)]
    failure: Line | None

    @field_validator("statements")
    @classmethod
    def _bounded(cls, statements: list[StatementBody]) -> list[StatementBody]:
        if sum(len(each.sql) for each in statements) > MOST_LETTERS:
            raise ValueError(f"a plan has {MOST_LETTERS} letters at most")
        return statements

    def content(self) -> dict[str, Any]:
        """Return it as people are shown it: names in it are anybody's, and move no cursor."""
        return {
            "server_version": self.server_version,
            "statements": [
                {"database": clean(each.database), "sql": clean(each.sql)}
                for each in self.statements
            ],
            "more": self.more,
            "problems": [{"text": clean(each.text), "fatal": each.fatal} for each in self.problems],
            "failure": None
            if self.failure is None
            else clean(self.failure) or "no reason is known",
        }


class Wanted(BaseModel):
    """Whether somebody waits for it still."""

    wanted: bool


async def _body(request: Request, _connector: Connector) -> PlanBody:
    """Read an answer, which may be long, once it is known that a connector sends it."""
    return strict.read(await request.body(), PlanBody)


@router.post(
    "/connector/plan",
    summary="Answer what a request would run",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": PlanBody.model_json_schema()}},
        }
    },
)
def take(
    context: Current, connector: Connector, body: Annotated[PlanBody, Depends(_body)]
) -> Wanted:
    """Keep the answer for those who asked; it is shown, and decides nothing."""
    with context.store.write() as transaction:
        own = wanted_builder.spec_of(transaction.connection, connector, body.integration)
        if own is None:
            raise DeniedError("this machine is the connector of no such integration")
        wanted = asked_plans.answer(
            transaction,
            body.integration,
            body.request,
            body.number,
            body.content(),
            now=context.now(),
        )
    return Wanted(wanted=wanted)
