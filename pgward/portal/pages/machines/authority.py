"""``/admin/ca``: the hierarchies with their lists, and the rotations that replace a CA."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Path, Response
from pydantic import Field

from pgward.ca.rotation.phases import Phase
from pgward.ca.service import errors
from pgward.ca.service.routes import crls, public, rotations
from pgward.ca.service.routes.crls import CrlInfo
from pgward.ca.service.routes.rotations import AuthorityInfo, RotationInfo
from pgward.client.phrases import counted
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import PgwardError
from pgward.portal.pages.machines.common import REFUSALS, Line, unknown_act
from pgward.portal.web import forms, route
from pgward.portal.web.forms import Form
from pgward.portal.web.frame import Administrator, Frame

router = route.router()
ROTATION = "/admin/ca/rotation"
_Id = Annotated[str, Path(max_length=64)]
_WAY = (Phase.TRUST_BOTH, Phase.ISSUE_NEW, Phase.TRUST_NEW, Phase.DONE)
MEANING = {
    "trust-both": "Both CAs are trusted, and the old one issues.",
    "issue-new": "The new CA issues; machines renew now, people at their next renewal.",
    "trust-new": "The old CA is trusted no more.",
    "done": "It is over: the old key may be deleted once its last list has ended.",
    "rolled-back": "The new CA is given up: its keys may be deleted.",
}
_SIDES = (
    ("server", "Servers", "What edges, PostgreSQL servers and this authority show to clients."),
    ("user", "People", "What people and machines show, to edges and to PostgreSQL."),
)


class Move(Form):
    """A step of a rotation; ``without`` are machines that are gone, and ``reason`` says why."""

    act: Annotated[str, Field(max_length=20)]
    without: list[Annotated[str, Field(max_length=253)]] = Field(default=[], max_length=100)
    reason: Line = ""
    revoke_remaining: bool = False


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA, its revocation list if it has one, and what is issued below it, if it is a root."""

    of: AuthorityInfo
    crl: CrlInfo | None
    below: "tuple[Authority, ...]" = ()


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A root with what is below it, and what it is for."""

    title: str
    about: str
    roots: tuple[Authority, ...]


@router.get("/admin/ca")
def show(frame: Administrator) -> Response:
    """Show both hierarchies, the state of each CA, and its revocation list."""
    told = rotations.show(frame.context, frame.me)
    return frame.show(
        "machines/authority.html",
        hierarchies=_hierarchies(told.authorities, crls.every(frame.context).crls),
        fingerprint=frame.context.authority.fingerprint,
        trusted=public.trust(frame.context),
        retired=told.retired,
        rotations=told.rotations,
        replicas=told.replicas,
        now=frame.context.now(),
    )


@router.get(ROTATION)
def rotation(frame: Administrator) -> Response:
    """Show the rotations that are under way, who keeps them up, and how one begins."""
    return _rotation(frame)


@router.post(f"{ROTATION}/{{name}}")
def move(frame: Administrator, name: _Id) -> Response:
    """Go on to the next phase, or back one."""
    try:
        form = frame.form(Move)
        if form.act == "advance":
            given = {
                "force_without": form.without,
                "reason": form.reason.strip(),
                "revoke_remaining": form.revoke_remaining,
            }
            body = forms.checked(rotations.AdvanceRequest, given)
            moved = rotations.advance(frame.context, frame.me, name, body)
        elif form.act == "rollback":
            back = rotations.RollbackRequest(revoke_remaining=form.revoke_remaining)
            moved = rotations.rollback(frame.context, frame.me, name, back)
        else:
            raise unknown_act()
    except REFUSALS as error:
        return _rotation(frame, error)
    revoked = f" {counted(moved.revoked, 'certificate')} revoked." if moved.revoked else ""
    return frame.go(ROTATION, f"{name} is in {moved.phase} now. {MEANING[moved.phase]}{revoked}")


def _rotation(frame: Frame, problem: PgwardError | None = None) -> Response:
    told = rotations.show(frame.context, frame.me)
    return frame.show(
        "machines/rotation.html",
        status=200 if problem is None else errors.status(problem),
        rotations=told.rotations,
        authorities=told.authorities,
        replicas=[each for each in told.replicas if each.lags],
        way=[each.value for each in _WAY],
        meaning=MEANING,
        history=_history,
        now=frame.context.now(),
        problem=problem,
    )


def _hierarchies(found: list[AuthorityInfo], lists: list[CrlInfo]) -> list[Hierarchy]:
    of_name = {each.name: each for each in lists}
    made = [Authority(each, of_name.get(each.id)) for each in found]
    return [_hierarchy(made, *side) for side in _SIDES]


def _hierarchy(made: list[Authority], side: str, title: str, about: str) -> Hierarchy:
    roots = [each for each in made if each.of.role == f"{side}-root"]
    issuing = [each for each in made if each.of.role == f"{side}-issuing"]
    whose = {root.of.id: [e for e in issuing if e.of.issuer == root.of.subject] for root in roots}
    return Hierarchy(
        title, about, tuple(Authority(e.of, e.crl, tuple(whose[e.of.id])) for e in roots)
    )


def _history(rotation: RotationInfo) -> list[tuple[datetime, str]]:
    """Return the phases that a rotation went through: when, and what was done by whom."""
    found = []
    for each in rotation.history:
        without = ", ".join(str(name) for name in each.get("without") or ())
        words = f"{each['phase']}, by {each.get('by', 'the authority')}"
        found.append(
            (parse_rfc3339(str(each["at"])), words + (f", without {without}" if without else ""))
        )
    return found
