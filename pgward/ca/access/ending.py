"""Ends: of grants, for whatever reason, and of requests that nobody wants or answers any more."""

from collections.abc import Iterable
from datetime import datetime

from pgward.access.request_states import (
    ACTIVE,
    CANCELLED,
    ENDED,
    EXPIRED,
    FAILED,
    LAPSED,
    LIVE,
    PENDING,
    request_after,
)
from pgward.ca import caller
from pgward.ca.access import requests
from pgward.ca.access.recording import record, tell
from pgward.ca.access.requests import AccessRequest, Grant
from pgward.ca.accounts import access_roles
from pgward.ca.notices.notice import Kind
from pgward.ca.store import Transaction
from pgward.ca.store.schema_access import access_grants
from pgward.core.errors import ConflictError

_GRANTS = access_grants.c
ENDING = "ending"
_ACTIONS = {"revoked": "access.revoke", CANCELLED: "access.cancel"}


def end(
    transaction: Transaction,
    grant: Grant,
    why: str,
    *,
    now: datetime,
    by: str = caller.SYSTEM,
    note: str = "",
) -> Grant:
    """End a live grant; ConflictError for one that has ended.

    What is on a server is the connector's to take away: until it says so, the grant is ending.
    """
    if grant.state not in LIVE:
        raise ConflictError("that access has ended already")
    if why == EXPIRED and grant.state == PENDING:
        why = FAILED  # it never was: the connector could not make it
    over = grant.integration is None
    ended = requests.change_grant(
        transaction,
        grant,
        state=ENDED if over else ENDING,
        end_reason=why,
        ended_by=by,
        ended_at=now if over else None,
    )
    for each in requests.extensions_of(transaction.connection, grant.id):
        withdraw(transaction, each, LAPSED, now=now, by=caller.SYSTEM)
    action = _ACTIONS.get(why, "access.end")
    record(transaction, action, grant, now=now, by=by, reason=note, why=why)
    request = requests.find(transaction.connection, grant.id)
    if request is not None:
        kind = Kind.FAILED if why == FAILED else Kind.ENDED
        tell(
            transaction,
            kind,
            request,
            [grant.user_name],
            now=now,
            by=None if by == caller.SYSTEM else by,
            note=note or why,
        )
    return ended


def finish(transaction: Transaction, grant: Grant, sessions: int, *, now: datetime) -> Grant:
    """Say that nothing of a grant is left on its server."""
    if grant.state == ENDED:
        return grant
    record(
        transaction,
        "access.finish",
        grant,
        now=now,
        by=caller.SYSTEM,
        why=grant.end_reason,
        sessions=sessions,
    )
    # Why it could not be given is what its person asks next.
    problem = grant.problem if grant.end_reason == FAILED else None
    ended = requests.change_grant(
        transaction, grant, state=ENDED, ended_at=now, sessions_ended=sessions, problem=problem
    )
    _forget_password(transaction, ended)
    return ended


def _forget_password(transaction: Transaction, grant: Grant) -> None:
    """Forget the access role's password where nobody has the role any more."""
    integration, role = grant.integration, grant.role
    if integration is None or role is None:
        return
    if not access_roles.has_any(transaction.connection, integration, role):
        return
    others = requests.grants(
        transaction.connection,
        _GRANTS.user_name == grant.user_name,
        _GRANTS.state.in_((*LIVE, ENDING)),
        _GRANTS.integration == integration,
        _GRANTS.role == role,
        most=1,
    )
    if not list(others):
        access_roles.forget(transaction, integration, role)


def withdraw(
    transaction: Transaction,
    request: AccessRequest,
    state: str,
    *,
    now: datetime,
    by: str,
    recipients: Iterable[str] = (),
) -> AccessRequest:
    """Cancel a request that waits, or let it lapse; ConflictError when it is decided."""
    act = {CANCELLED: "cancel", LAPSED: "lapse"}[state]
    after = request_after(request.state, act)
    request = requests.change(transaction, request, state=after, decided_at=now)
    record(transaction, f"access.{act}", request, now=now, by=by)
    kind = Kind.CANCELLED if state == CANCELLED else Kind.LAPSED
    told = list(recipients) if state == CANCELLED else [request.user_name]
    tell(transaction, kind, request, told, now=now, by=None if by == caller.SYSTEM else by)
    return request


def is_live(grant: Grant | None, now: datetime) -> bool:
    """Tell whether somebody has what a grant gives."""
    return grant is not None and grant.state == ACTIVE and now < grant.ends_at
