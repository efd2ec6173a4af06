"""Giving what was asked for: a new grant, or a later end of one that lives."""

from datetime import datetime, timedelta

from pgward.access.flows import Asked, Flow
from pgward.access.request_states import ACTIVE, APPROVED, LIVE, PENDING, request_after
from pgward.ca.access import requests
from pgward.ca.access.declared import Target
from pgward.ca.access.recording import record, tell
from pgward.ca.access.requests import AccessRequest, Grant
from pgward.ca.accounts import access_roles
from pgward.ca.notices.notice import Kind
from pgward.ca.store import Transaction
from pgward.core.errors import ConflictError

_BY_RULE = "rule {}"


def give(
    transaction: Transaction,
    request: AccessRequest,
    flow: Flow,
    aim: Target,
    *,
    now: datetime,
    by: str,
    rule: str | None = None,
    note: str = "",
) -> AccessRequest:
    """Approve a request that waits, and make it a grant; raise ConflictError when it is too late.

    ``by`` is who said the last yes, or whoever asked where nobody needed to.
    """
    state = request_after(request.state, "approve")
    if request.extends is None:
        grant = _new(transaction, request, aim, now)
    else:
        grant = _longer(transaction, request, flow, now)
    request = requests.change(transaction, request, state=state, decided_at=now, rule=rule)
    act = "access.grant" if request.extends is None else "access.extend"
    record(
        transaction,
        act,
        request,
        now=now,
        by=by,
        until=grant.ends_at,
        rule=rule,
        break_glass=request.break_glass,
    )
    if not request.break_glass:
        kind = Kind.APPROVED if request.extends is None else Kind.EXTENDED
        told = _BY_RULE.format(rule) if rule else by
        recipients = [request.user_name]
        tell(
            transaction, kind, request, recipients, now=now, by=told, note=note, until=grant.ends_at
        )
    return request


def names_of(asked: Asked, flow: str) -> list[str]:
    """Return what conditions call a grant: its bundles and roles; without any, its flow."""
    return list(asked.names) or [flow]


def longest_end(grant: Grant, flow: Flow, seconds: int) -> datetime:
    """Return when a grant would end that is made longer; ConflictError for more than may be."""
    if flow.longest_in_all is None or grant.break_glass:
        raise ConflictError(
            "this access cannot be made longer", hint=f"ask anew: pgward request {grant.service}"
        )
    end = grant.ends_at + timedelta(seconds=seconds)
    if end > grant.granted_at + flow.longest_in_all:
        left = grant.granted_at + flow.longest_in_all - grant.ends_at
        raise ConflictError(
            f"the flow {flow.name} gives {int(flow.longest_in_all.total_seconds())} seconds in all",
            hint=f"there are {max(0, int(left.total_seconds()))} seconds left to ask for",
        )
    return end


def _new(transaction: Transaction, request: AccessRequest, aim: Target, now: datetime) -> Grant:
    asked = request.rights
    # What only lets in needs nothing on a server.
    integration = aim.integration if asked else None
    role = None
    if integration is not None and aim.spec is not None:
        role = aim.spec.role_of(request.user_name)
    values = {
        "id": request.id,
        "user_name": request.user_name,
        "service": request.service,
        "flow": request.flow,
        "integration": integration,
        "role": role,
        "rights": dict(request.asked),
        "names": names_of(asked, request.flow),
        "state": ACTIVE if integration is None else PENDING,
        "granted_at": now,
        "ends_at": _whole(now) + timedelta(seconds=request.seconds),
        "activated_at": now if integration is None else None,
        "break_glass": request.break_glass,
    }
    if integration is not None and role is not None:
        access_roles.another(transaction, integration, role)
    return requests.add_grant(transaction, values)


def _whole(moment: datetime) -> datetime:
    """Return the second: an end is told in whole ones, and must be the same for everybody."""
    return moment.replace(microsecond=0)


def _longer(transaction: Transaction, request: AccessRequest, flow: Flow, now: datetime) -> Grant:
    grant = requests.find_grant(transaction.connection, str(request.extends))
    if grant is None or grant.state not in LIVE or grant.ends_at <= now:
        raise ConflictError(
            "the access that should have been made longer has ended",
            hint=f"ask anew: pgward request {request.service}",
        )
    end = longest_end(grant, flow, request.seconds)
    return requests.change_grant(transaction, grant, ends_at=end, told_at=None)


def is_granted(request: AccessRequest) -> bool:
    """Tell whether a request became a grant of its own."""
    return request.state == APPROVED and request.extends is None
