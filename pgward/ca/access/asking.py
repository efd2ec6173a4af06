"""Asking for access: who may, for what, and what becomes of it at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from pgward.access import approvals, flows
from pgward.access.flows import Asked, Flow
from pgward.access.people import Person
from pgward.access.request_states import LIVE, PENDING
from pgward.ca.access import deciders, declared, granting, requests
from pgward.ca.access.declared import Target
from pgward.ca.access.recording import record, tell
from pgward.ca.access.requests import AccessRequest, Grant
from pgward.ca.identity import directory
from pgward.ca.identity.directory import User
from pgward.ca.notices.notice import Kind
from pgward.ca.store import Transaction
from pgward.core.errors import (
    ConflictError,
    DeniedError,
    InvalidInputError,
    NotFoundError,
    TooManyRequestsError,
)

MOST_WAITING = 50
"""Requests of one person that nobody has decided about."""
MOST_LIVE = 100
"""Grants of one person, which every edge and connector of them is told."""
MOST_AN_HOUR = 100
"""Requests of one person: each may be a message to many."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for; ``seconds`` None is as long as usual, ``flow`` None any that fits."""

    service: str
    asked: Asked
    seconds: int | None = None
    reason: str = ""
    break_glass: bool = False
    flow: str | None = None


@dataclass(frozen=True, slots=True)
class _Fit:
    """A flow under which a wish may be, for how long, and the rule that says yes."""

    flow: Flow
    seconds: int
    rule: str | None

    @property
    def is_automatic(self) -> bool:
        return self.rule is not None or not self.flow.approvals


def ask(transaction: Transaction, user: User, wish: Wish, *, now: datetime) -> AccessRequest:
    """Ask; the request is approved at once where a rule, or breaking the glass, says so.

    Raises NotFoundError where there is nothing to ask for, DeniedError for what is not offered,
    InvalidInputError, and ConflictError when nobody could approve it.
    """
    connection, person = transaction.connection, deciders.as_person(user)
    aim, fit = _fit(connection, person, wish, now)
    _check_server(connection, aim, wish.asked, person)
    _check_many(connection, person, now)
    _check_others(connection, person, wish, fit.flow)
    request = requests.add(transaction, _row(person, aim, wish, fit, now))
    by = person.name
    record(
        transaction,
        "access.break_glass" if wish.break_glass else "access.request",
        request,
        now=now,
        by=by,
        reason=wish.reason,
        asked=flows.described(wish.asked),
        seconds=fit.seconds,
    )
    if wish.break_glass:
        given = granting.give(transaction, request, fit.flow, aim, now=now, by=by)
        _alarm(transaction, given, fit.flow, aim, now)
        return given
    return _decided_or_told(transaction, request, fit, aim, now)


def extend(
    transaction: Transaction,
    user: User,
    grant: Grant,
    *,
    seconds: int,
    reason: str,
    now: datetime,
) -> AccessRequest:
    """Ask for a later end of a live grant of one's own; decided anew, as its flow is now."""
    connection, person = transaction.connection, deciders.as_person(user)
    if grant.state not in LIVE or grant.ends_at <= now:
        raise ConflictError(
            "that access has ended", hint=f"ask anew: pgward request {grant.service}"
        )
    if requests.extensions_of(connection, grant.id):
        raise ConflictError("somebody is asked already whether it may be longer")
    flow = declared.flow(connection, grant.flow)
    aim = declared.target(connection, grant.service)
    if flow is None or not flow.lets_ask(person) or not flow.is_for(aim.service, aim.labels):
        raise DeniedError(f"the flow {grant.flow} is not for you any more")
    granting.longest_end(grant, flow, seconds)
    _check_hour(connection, person, now)
    wish = Wish(grant.service, grant.asked, seconds, reason, flow=flow.name)
    fit = _under(flow, person, aim, wish, now)
    row = _row(person, aim, wish, fit, now)
    row |= {"extends": grant.id, "lapses_at": min(row["lapses_at"], grant.ends_at)}
    request = requests.add(transaction, row)
    record(
        transaction,
        "access.request",
        request,
        now=now,
        by=person.name,
        reason=reason,
        extends=grant.id,
        seconds=seconds,
    )
    return _decided_or_told(transaction, request, fit, aim, now)


def _fit(connection: Connection, person: Person, wish: Wish, now: datetime) -> tuple[Target, _Fit]:
    """Return the service, and the flow that asks the fewest people."""
    nothing = NotFoundError(
        f"there is nothing that you may ask for on a service {wish.service!r}",
        hint="`pgward request` shows what you may ask for",
    )
    try:
        aim = declared.target(connection, wish.service)
    except NotFoundError:
        raise nothing from None
    flows.check_asked(wish.asked)
    usable = [
        each
        for each in flows.best(declared.flows(connection))
        if each.is_for(aim.service, aim.labels)
        and each.lets_ask(person, break_glass=wish.break_glass)
        and wish.flow in (None, each.name)
    ]
    if not usable:
        raise nothing
    found: list[_Fit] = []
    problem: InvalidInputError | DeniedError | None = None
    for flow in usable:
        try:
            found.append(_under(flow, person, aim, wish, now))
        except (InvalidInputError, DeniedError) as error:
            problem = problem or error
    if not found and problem is not None:
        raise problem
    return aim, min(found, key=lambda each: not each.is_automatic)


def _under(flow: Flow, person: Person, aim: Target, wish: Wish, now: datetime) -> _Fit:
    """See that a flow gives this; raise DeniedError, InvalidInputError."""
    if not wish.asked and flow.offers_rights:
        raise InvalidInputError(
            "nothing was named that you want",
            hint=f"--bundle, --role or --on; `pgward request {aim.service}` shows what there is",
        )
    beyond = flows.uncovered(flow, wish.asked)
    if beyond is not None:
        raise DeniedError(
            f"the flow {flow.name} does not offer {beyond}",
            hint=f"`pgward request {aim.service}` shows what you may ask for",
        )
    length = flow.length(wish.seconds, break_glass=wish.break_glass)
    seconds = int(length.total_seconds())
    request = flows.as_request(
        person,
        aim.service,
        aim.labels,
        wish.asked,
        reason=wish.reason,
        seconds=seconds,
        break_glass=wish.break_glass,
    )
    flows.check_reason(flow, request, now)
    return _Fit(flow, seconds, flows.rule_for(flow, request, now))


def _check_server(connection: Connection, aim: Target, asked: Asked, person: Person) -> None:
    """See that there is a server that can give this."""
    if not asked:
        return
    if aim.spec is None:
        raise ConflictError(
            f"the service {aim.service} has no integration, so no rights can be given there",
            hint="an administrator adds integration to the service",
        )
    declared.check_bundles(connection, asked.bundles, aim.integration)
    aim.spec.role_of(person.name)


def _check_many(connection: Connection, person: Person, now: datetime) -> None:
    """Refuse more than anybody can need, which would be a burden on all."""
    live = requests.live_of(connection, person.name, now)
    if live >= MOST_LIVE:
        raise ConflictError(f"you have {live} grants already", hint="pgward revoke ID ends one")
    _check_hour(connection, person, now)


def _check_hour(connection: Connection, person: Person, now: datetime) -> None:
    asked = requests.asked_since(connection, person.name, now - _HOUR)
    if asked >= MOST_AN_HOUR:
        raise TooManyRequestsError(
            f"you have asked {asked} times within an hour", retry_after=int(_HOUR.total_seconds())
        )


def _check_others(connection: Connection, person: Person, wish: Wish, flow: Flow) -> None:
    """Refuse what is asked for already, and too many requests."""
    waiting = requests.waiting_of(connection, person.name)
    if len(waiting) >= MOST_WAITING:
        raise ConflictError(
            f"{len(waiting)} of your requests wait already", hint="pgward cancel ID"
        )
    for each in waiting:
        same = (each.service, each.flow, each.rights) == (wish.service, flow.name, wish.asked)
        if same and each.extends is None and not wish.break_glass:
            raise ConflictError(
                f"you ask for that already: {each.id}", hint=f"pgward requests show {each.id}"
            )


def _row(person: Person, aim: Target, wish: Wish, fit: _Fit, now: datetime) -> dict[str, Any]:
    reminds = fit.flow.reminds
    return {
        "id": requests.new_id(),
        "user_name": person.name,
        "service": aim.service,
        "flow": fit.flow.name,
        "flow_version": fit.flow.version,
        "integration": aim.integration if wish.asked else None,
        "state": PENDING,
        "version": 1,
        "asked": wish.asked.to_json(),
        "seconds": fit.seconds,
        "reason": wish.reason,
        "break_glass": wish.break_glass,
        "created_at": now,
        "lapses_at": now + fit.flow.lapses,
        "remind_at": None if reminds is None else now + reminds,
    }


def _decided_or_told(
    transaction: Transaction, request: AccessRequest, fit: _Fit, aim: Target, now: datetime
) -> AccessRequest:
    """Give it where nobody needs to be asked; else tell those who decide."""
    if fit.is_automatic:
        by = request.user_name
        return granting.give(transaction, request, fit.flow, aim, now=now, by=by, rule=fit.rule)
    who = deciders.of(transaction.connection, fit.flow, aim, request.user_name, request.rights)
    people = who.people(transaction.connection, now)
    if approvals.is_unanswerable(who.demands) or not who.are_content(people):
        raise ConflictError(
            f"there is nobody who could approve that: the flow {fit.flow.name} asks for others"
            " than you, and more than there are",
            hint="an administrator changes the flow, or who is in its groups",
        )
    tell(
        transaction,
        Kind.ASKED,
        request,
        [each.name for each in people],
        now=now,
        flow=fit.flow,
    )
    return request


def _alarm(
    transaction: Transaction, request: AccessRequest, flow: Flow, aim: Target, now: datetime
) -> None:
    """Tell those who would have decided that the glass was broken, or else administrators."""
    connection = transaction.connection
    who = deciders.of(connection, flow, aim, request.user_name, request.rights)
    told: Iterable[str] = [each.name for each in who.people(connection, now)]
    if not told:
        told = [each.name for each in directory.administrators(connection)]
    grant = requests.find_grant(connection, request.id)
    until = None if grant is None else grant.ends_at
    tell(transaction, Kind.BREAK_GLASS, request, told, now=now, flow=flow, until=until)
