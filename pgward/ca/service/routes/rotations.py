"""Rotations of CAs, as administrators watch and lead them; `pgward ca rotate start` begins one."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from pgward.ca.rotation import engine, status
from pgward.ca.rotation.engine import Moved, Wish
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Flag, Name, Text, Time

router = strict.router("rotation")


class AuthorityInfo(BaseModel):
    """A CA, its end, and by when its rotation should begin."""

    id: str
    state: str
    subject: str
    issuer: str
    role: str
    fingerprint: str
    begins: Time
    ends: Time
    start_by: Time
    is_due: bool


class LaggardInfo(BaseModel):
    """A machine that is not ready for the next phase."""

    machine: str
    since: Time
    last_seen_at: Time | None
    why: str
    hint: str


class HeldInfo(BaseModel):
    """Living certificates of the old CA; ``left`` have no successor yet."""

    kind: str
    alive: int
    left: int
    last_ends: Time


class RotationInfo(BaseModel):
    """A rotation under way, and what keeps it in its phase."""

    id: str
    target: str
    old: list[str]
    new: list[str]
    phase: str
    since: Time
    next: str
    is_ready: bool
    laggards: list[LaggardInfo]
    held: list[HeldInfo]
    history: list[dict[str, Any]]


class ReplicaInfo(BaseModel):
    """A process that serves this authority; ``lags`` says why it is not ready."""

    address: str
    seen_at: Time
    lags: str | None


class RotationStatus(BaseModel):
    """Every CA, and the rotations under way."""

    authorities: list[AuthorityInfo]
    retired: list[str]
    rotations: list[RotationInfo]
    replicas: list[ReplicaInfo]


class AdvanceRequest(Body):
    """Machines that are gone for good, with the reason; and whether to lock holders out."""

    force_without: Annotated[list[Name], Field(max_length=100)] = Field(default_factory=list)
    reason: Text = ""
    revoke_remaining: Flag = False


class RollbackRequest(Body):
    """Whether to lock those out who hold certificates of the new CA."""

    revoke_remaining: Flag = False


class MoveReply(BaseModel):
    """Where the rotation is now, and how many certificates were revoked on the way."""

    id: str
    phase: str
    revoked: int


@router.get("/rotations", summary="Show the CAs and their rotations")
def show(context: Current, _by: Administrator) -> RotationStatus:
    """Return every CA with its end, and who hinders each rotation that is under way."""
    _catch_up(context)
    with context.store.read() as connection:
        return RotationStatus.model_validate(status.read(connection, context.now()))


@router.post("/rotations/{name}/advance", summary="Go on to the next phase")
def advance(context: Current, by: Administrator, name: str, body: AdvanceRequest) -> MoveReply:
    """Enter the next phase if everyone is ready; 409 says who lags."""
    _catch_up(context)
    wish = Wish(by.user.name, tuple(body.force_without), body.reason, body.revoke_remaining)
    with context.acts.act(by.user.name, "rotation.advance", name) as act:
        moved = engine.advance(act.transaction, name, wish, context.authority, context.now())
        act.details |= moved.details() | ({"reason": wish.reason} if moved.without else {})
    return _moved(context, moved)


@router.post("/rotations/{name}/rollback", summary="Go back one phase")
def rollback(context: Current, by: Administrator, name: str, body: RollbackRequest) -> MoveReply:
    """Let the old CA issue again, or give the new one up."""
    _catch_up(context)
    wish = Wish(by.user.name, revoke_remaining=body.revoke_remaining)
    with context.acts.act(by.user.name, "rotation.rollback", name) as act:
        moved = engine.rollback(act.transaction, name, wish, context.authority, context.now())
        act.details |= moved.details()
    return _moved(context, moved)


def _catch_up(context: Context) -> None:
    """Have this replica know what the store knows; `ca serve` tells the others then."""
    context.authority.refresh()


def _moved(context: Context, moved: Moved) -> MoveReply:
    _catch_up(context)
    return MoveReply(id=moved.rotation.id, phase=moved.rotation.phase, revoked=len(moved.revoked))
