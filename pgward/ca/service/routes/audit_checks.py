"""Verifications of the archive by the authority itself."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel

from pgward.ca.archive import checks
from pgward.ca.archive.checks import Check
from pgward.ca.service import strict
from pgward.ca.service.auth import Auditor
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Time

router = strict.router("audit")


class BeginBody(Body):
    """Nothing to say."""


class CheckModel(BaseModel):
    """A verification; ``chains`` is how each was found, once it has ended.

    ``trouble`` says why it ended before it was through.
    """

    number: int
    runs: bool
    started_at: Time
    started_by: str
    ended_at: Time | None
    trouble: str | None
    chunks: int
    lines: int
    of_lines: int
    problems: int
    chains: list[dict[str, Any]]


class CheckReply(BaseModel):
    """One verification."""

    check: CheckModel


class ChecksReply(BaseModel):
    """Verifications, the newest first."""

    checks: list[CheckModel]


@router.get("/audit/checks", summary="List verifications of the archive")
def every(
    context: Current, _by: Auditor, limit: Annotated[int, Query(ge=1, le=checks.KEPT)] = 5
) -> ChecksReply:
    """Return the last ones, and how far one that runs is."""
    with context.store.read() as connection:
        found = checks.newest(connection, limit=limit)
    return ChecksReply(checks=[_model(context, each) for each in found])


@router.post("/audit/checks", summary="Have the archive verified", status_code=202)
def begin(context: Current, by: Auditor, _body: BeginBody) -> CheckReply:
    """Begin to verify all chains as `pgward audit verify` does; it ends with an `audit.check`.

    It is the authority's own word: who does not believe it verifies on a machine of their own.
    """
    return CheckReply(check=_model(context, context.archive.verifying.begin(by.user.name)))


def _model(context: Context, check: Check) -> CheckModel:
    lost = None if check.ended_at or check.runs(context.now()) else "it ended in the middle"
    return CheckModel(
        number=check.number,
        runs=check.runs(context.now()),
        started_at=check.started_at,
        started_by=check.started_by,
        ended_at=check.ended_at,
        trouble=check.trouble or lost,
        chunks=check.chunks,
        lines=check.lines,
        of_lines=check.of_lines,
        problems=len(check.problems) + sum(each["more_problems"] for each in check.chains),
        chains=[dict(each) for each in check.chains],
    )
