"""``/audit/chain``: proof that nobody changed what edges put on record."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Response

from pgward.ca.service import errors
from pgward.ca.service.routes import audit_archive, audit_checks, log
from pgward.ca.service.routes.audit_archive import Chain
from pgward.ca.service.routes.audit_checks import CheckModel
from pgward.core.errors import ConflictError, PgwardError
from pgward.portal.web import route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Auditor, Frame

router = route.router()
PAGE = "/audit/chain"
_MOST_SHOWN = 200


class Begin(Form):
    """Nothing but the wish."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A chain, and what the last verification that went through says of it."""

    of: Chain
    lines: int
    missing: int
    verified_to: int | None
    problems: int | None

    @property
    def is_behind(self) -> bool:
        """Whether lines came in since it was verified."""
        return self.verified_to is not None and self.verified_to < self.of.head_seq


@router.get(PAGE)
def show(frame: Auditor) -> Response:
    """Show the chains, and how the last verification went."""
    return _show(frame)


@router.post(PAGE)
def begin(frame: Auditor) -> Response:
    """Have everything verified."""
    frame.form(Begin)
    try:
        audit_checks.begin(frame.context, frame.me, audit_checks.BeginBody())
    except ConflictError as error:
        return _show(frame, error)
    return frame.go(PAGE, "Everything is read and computed now.")


def _show(frame: Frame, problem: PgwardError | None = None) -> Response:
    context, me = frame.context, frame.me
    chains = audit_archive.every_chain(context, me).chains
    found = audit_checks.every(context, me, limit=5).checks
    last = next((each for each in found if each.ended_at and each.trouble is None), None)
    return frame.show(
        "audit/chain.html",
        status=200 if problem is None else errors.status(problem),
        problem=problem,
        chains=[_shown(each, last) for each in reversed(chains)][:_MOST_SHOWN],
        number=len(chains),
        lines=sum(each.head_seq - each.first_seq + 1 for each in chains),
        running=found[0] if found and found[0].runs else None,
        last=last,
        broken_off=found[0] if found and found[0].trouble else None,
        problems=_problems(last),
        log=log.head(context),
    )


def _shown(chain: Chain, last: CheckModel | None) -> Shown:
    said = next(
        (
            each
            for each in (last.chains if last else ())
            if (each["edge"], each["chain"]) == (chain.edge, chain.chain)
        ),
        None,
    )
    return Shown(
        of=chain,
        lines=chain.head_seq - chain.first_seq + 1,
        missing=sum(end - begin + 1 for begin, end in chain.gaps),
        verified_to=None if said is None else said["last_seq"],
        problems=None if said is None else len(said["problems"]) + said["more_problems"],
    )


def _problems(last: CheckModel | None) -> Sequence[dict[str, Any]]:
    return [problem for each in (last.chains if last else ()) for problem in each["problems"]]
