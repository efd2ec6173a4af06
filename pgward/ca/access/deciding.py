"""Deciding about requests: yes, no, and looking at it afterwards.

All of it happens in the transaction of the one writer, so of two people who decide at once one is
first, and the other finds the request as the first left it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from pgward.access import flows
from pgward.access.flows import Flow
from pgward.access.people import Person
from pgward.access.request_states import PENDING, request_after
from pgward.ca.access import deciders, declared, granting, requests
from pgward.ca.access.deciders import Deciders
from pgward.ca.access.declared import Target
from pgward.ca.access.recording import record, tell
from pgward.ca.access.requests import AccessRequest, Decision
from pgward.ca.identity import directory
from pgward.ca.notices.notice import Kind
from pgward.ca.store import Transaction
from pgward.core.errors import ConflictError, DeniedError, NotFoundError


@dataclass(frozen=True, slots=True)
class Ground:
    """What a request rests on as it is now."""

    flow: Flow
    aim: Target
    who: Deciders


def decide(
    transaction: Transaction,
    request_id: str,
    by: str,
    *,
    approve: bool,
    reason: str = "",
    now: datetime,
    version: int | None = None,
) -> AccessRequest:
    """Say yes or no; the last yes that was needed makes the grant, and one no ends it.

    ``version`` is that of the request that somebody looked at. Raises NotFoundError, DeniedError
    for who may not decide, and ConflictError for a request that is decided, over, or not as it was.
    """
    connection = transaction.connection
    request = requests.get(connection, request_id)
    person = deciders.person(connection, by, now)
    if person is None:
        raise DeniedError("whoever decides must be in the directory, and not blocked")
    if person.is_called(request.user_name):
        raise DeniedError("nobody decides about their own request")
    ground = ground_of(connection, request)
    if not ground.who.may(person):
        raise DeniedError(f"the request {request.id} is not yours to decide")
    state = request_after(request.state, "approve" if approve else "deny")
    if version not in (None, request.version):
        raise ConflictError(
            "the request has changed since you looked at it", hint="look again, and decide then"
        )
    if now >= request.lapses_at:
        raise ConflictError("the request has lapsed: nobody answered in time")
    said = requests.decisions(connection, request.id)
    if any(each.decided_by == person.name for each in said):
        raise ConflictError("you approved it already; somebody else has to, as well")
    decision = Decision(person.name, requests.APPROVE if approve else requests.DENY, reason, now)
    requests.decide(transaction, request, decision, len(said) + 1)
    if not approve:
        return _denied(transaction, request, state, decision)
    return _approved(transaction, request, ground, decision, [*said, decision])


def ground_of(connection: Connection, request: AccessRequest) -> Ground:
    """Return what a request rests on; ConflictError when that gives it no more."""
    flow = declared.flow(connection, request.flow)
    gone = ConflictError(
        f"the flow {request.flow} does not give this any more: it was changed meanwhile",
        hint="whoever asked has to ask anew",
    )
    try:
        aim = declared.target(connection, request.service)
    except NotFoundError:
        raise gone from None
    if flow is None or not flow.is_for(aim.service, aim.labels):
        raise gone
    who = deciders.of(connection, flow, aim, request.user_name, request.rights)
    return Ground(flow, aim, who)


def acknowledge(
    transaction: Transaction, request_id: str, by: str, *, reason: str = "", now: datetime
) -> AccessRequest:
    """Say that one has looked at why the glass was broken: who would decide, or administrators."""
    connection = transaction.connection
    request = requests.get(connection, request_id)
    person = deciders.person(connection, by, now)
    if person is None or person.is_called(request.user_name):
        raise DeniedError("nobody acknowledges what they did themselves")
    if not may_acknowledge(connection, request, person):
        raise DeniedError(f"the request {request.id} is not yours to acknowledge")
    if not request.break_glass:
        raise ConflictError("only what was taken by breaking the glass is acknowledged")
    if request.acknowledged_at is not None:
        raise ConflictError(f"{request.acknowledged_by} has acknowledged it already")
    changed = requests.change(
        transaction, request, acknowledged_at=now, acknowledged_by=person.name
    )
    record(transaction, "access.acknowledge", changed, now=now, by=person.name, reason=reason)
    recipients = [request.user_name]
    tell(transaction, Kind.ACKNOWLEDGED, changed, recipients, now=now, by=person.name, note=reason)
    return changed


def may_acknowledge(connection: Connection, request: AccessRequest, person: Person) -> bool:
    """Tell whether somebody else than who asked may."""
    if directory.ADMINISTRATORS in person.groups:
        return True
    try:
        return ground_of(connection, request).who.may(person)
    except ConflictError:
        return False


def may_be_decided(connection: Connection, request: AccessRequest) -> bool:
    """Tell whether what a request rests on is still there."""
    try:
        ground_of(connection, request)
    except ConflictError:
        return False
    return True


def may_decide(connection: Connection, request: AccessRequest, person: Person) -> bool:
    """Tell whether somebody may say yes or no to a request as things are now."""
    try:
        return ground_of(connection, request).who.may(person)
    except ConflictError:
        return False


def is_for(connection: Connection, request: AccessRequest, person: Person) -> bool:
    """Tell whether a request waits for this person."""
    if request.state != PENDING or not may_decide(connection, request, person):
        return False
    said = requests.decisions(connection, request.id)
    return all(each.decided_by != person.name for each in said)


def _denied(
    transaction: Transaction, request: AccessRequest, state: str, decision: Decision
) -> AccessRequest:
    now, by = decision.decided_at, decision.decided_by
    request = requests.change(transaction, request, state=state, decided_at=now)
    record(transaction, "access.deny", request, now=now, by=by, reason=decision.reason)
    recipients = [request.user_name]
    tell(transaction, Kind.DENIED, request, recipients, now=now, by=by, note=decision.reason)
    return request


def _approved(
    transaction: Transaction,
    request: AccessRequest,
    ground: Ground,
    decision: Decision,
    said: list[Decision],
) -> AccessRequest:
    """Give it when all have said yes who must; a yes of who left since does not count."""
    connection, now, by = transaction.connection, decision.decided_at, decision.decided_by
    _check_asker(connection, request, ground, now)
    found = [deciders.person(connection, each.decided_by, now) for each in said]
    enough = ground.who.are_content(each for each in found if each is not None)
    record(
        transaction,
        "access.approve",
        request,
        now=now,
        by=by,
        reason=decision.reason,
        enough=enough,
    )
    if not enough:
        return requests.change(transaction, request)
    note = decision.reason
    return granting.give(transaction, request, ground.flow, ground.aim, now=now, by=by, note=note)


def _check_asker(
    connection: Connection, request: AccessRequest, ground: Ground, now: datetime
) -> None:
    """See that whoever asked may still have this, as things are now."""
    asker = deciders.person(connection, request.user_name, now)
    if asker is None:
        raise ConflictError(f"{request.user_name} is blocked, or not in the directory any more")
    beyond = flows.uncovered(ground.flow, request.rights)
    if beyond is not None or not ground.flow.lets_ask(asker):
        raise ConflictError(
            f"the flow {ground.flow.name} does not give this any more: it was changed meanwhile",
            hint="whoever asked has to ask anew",
        )
    if request.rights:
        if ground.aim.integration != request.integration:
            raise ConflictError(
                f"the service {request.service} is on another server than when it was asked for",
                hint="whoever asked has to ask anew",
            )
        declared.check_bundles(connection, request.rights.bundles, request.integration)
