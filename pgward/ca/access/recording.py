"""What is put on record, and what people are told, when something becomes of a request."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from pgward.access import flows
from pgward.access.flows import Flow
from pgward.audit.events import MAX_TEXT, AuditEvent
from pgward.ca import caller
from pgward.ca.access.requests import AccessRequest, Grant
from pgward.ca.notices.notice import Facts, Kind
from pgward.ca.notices.queueing import queue, withdraw
from pgward.ca.store import Transaction
from pgward.core.clock import rfc3339


def record(
    transaction: Transaction,
    action: str,
    request: AccessRequest | Grant,
    *,
    now: datetime,
    by: str,
    reason: str = "",
    **details: Any,
) -> None:
    """Put what happened on record, with the transaction in which it happens."""
    facts = {"user": request.user_name, "service": request.service, "flow": request.flow}
    event = AuditEvent.make(
        time=now,
        actor=by,
        action=action,
        target=request.id,
        reason=reason[:MAX_TEXT] or None,
        client=caller.client.get(),
        details=facts | {name: _plain(value) for name, value in details.items()},
    )
    transaction.record(event)


def facts(request: AccessRequest) -> Facts:
    """Return what messages, and the page that they link to, say of a request."""
    return Facts(
        person=request.user_name,
        service=request.service,
        asked_for=flows.described(request.rights),
        seconds=request.seconds,
        reason=request.reason,
        flow=request.flow,
        integration=request.integration,
        break_glass=request.break_glass,
        extends=request.extends is not None,
        lapses_at=request.lapses_at,
    )


def tell(
    transaction: Transaction,
    kind: Kind,
    request: AccessRequest,
    recipients: Iterable[str],
    *,
    now: datetime,
    flow: Flow | None = None,
    by: str | None = None,
    note: str = "",
    until: datetime | None = None,
) -> None:
    """Have people told; ``flow`` says after how long they are reminded."""
    reminds = None if flow is None or flow.reminds is None else int(flow.reminds.total_seconds())
    told = replace(facts(request), by=by, note=note, until=until, remind_seconds=reminds)
    told_of = request.id
    if kind is Kind.EXTENDED and request.extends is not None:
        # What was said of the grant's end is wrong now; the question is answered.
        withdraw(transaction, request.id, {Kind.ASKED, Kind.REMINDER}, now=now)
        told_of = request.extends
    queue(transaction, kind, told_of, recipients, told, now=now)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    return list(value) if isinstance(value, tuple | frozenset) else value
