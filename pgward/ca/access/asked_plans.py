"""What requests would have run on their servers: asked of connectors, and kept for a while.

Whoever sees a request that waits may ask. Its connector is told the question with what it waits
for, for as long as somebody may still want the answer. Nothing of an answer decides anything.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pgward.access.questions import Question
from pgward.access.request_states import LIVE, PENDING
from pgward.access.rights import Rights
from pgward.access.wanted import Grant as WantedGrant
from pgward.ca.access import declared, requests
from pgward.ca.access.recording import record
from pgward.ca.access.requests import AccessRequest
from pgward.ca.accounts import access_roles
from pgward.ca.resources.integration import IntegrationSpec
from pgward.ca.store import Transaction
from pgward.ca.store.schema_access import access_grants, access_plans
from pgward.core.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    TooManyRequestsError,
)

OPEN: Final = timedelta(minutes=2)
"""So long a connector is asked; nobody waits longer."""
FRESH: Final = timedelta(seconds=10)
"""An answer that is no older is for whoever asks next, too: each one is a look at a server."""
KEPT: Final = timedelta(days=1)
MOST_OPEN: Final = 20
"""Of one integration, at a time."""
MOST_OF_ONE: Final = 5
"""Of them about one person's requests: whoever asks for access may ask for plans, too."""
_NUMBER_BYTES = 8
_PLANS = access_plans.c
_GRANTS = access_grants.c


@dataclass(frozen=True, slots=True)
class AskedPlan:
    """A question, and its answer as the connector gave it, if it has."""

    request_id: str
    integration: str
    number: str
    asked_at: datetime
    answered_at: datetime | None
    answer: Mapping[str, Any] | None

    def is_open(self, now: datetime) -> bool:
        """Tell whether a connector is asked still."""
        return self.answered_at is None and abs(now - self.asked_at) < OPEN

    def is_of_use(self, now: datetime) -> bool:
        """Tell whether somebody who asks now needs no other."""
        if self.answered_at is None:
            return abs(now - self.asked_at) < OPEN / 2
        return abs(now - self.answered_at) < FRESH


def can_be_asked(request: AccessRequest) -> bool:
    """Tell whether there is a server on which it would change something."""
    return request.state == PENDING and request.integration is not None


def ask(transaction: Transaction, request: AccessRequest, *, now: datetime, by: str) -> AskedPlan:
    """Have the connector of a request that waits asked, unless it is asked or just answered.

    Raises ConflictError for a request with nothing to plan, TooManyRequestsError.
    """
    connection, integration = transaction.connection, request.integration
    if integration is None:
        raise ConflictError("the request is for nothing on a server: it runs no SQL")
    if request.state != PENDING or now >= request.lapses_at:
        raise ConflictError(
            "the request waits for nobody any more: there is nothing to plan",
            hint=f"pgward requests show {request.id}",
        )
    _question(connection, request, integration, "0", now)
    known = find(connection, request.id)
    if known is not None and known.is_of_use(now):
        return known
    _check_many(connection, request, integration, now)
    transaction.execute(
        sa.delete(access_plans).where(
            (_PLANS.request_id == request.id) | (_PLANS.asked_at < now - KEPT)
        )
    )
    plan = AskedPlan(request.id, integration, secrets.token_hex(_NUMBER_BYTES), now, None, None)
    transaction.execute(sa.insert(access_plans).values(asdict(plan)))
    record(transaction, "access.plan", request, now=now, by=by)
    transaction.granted()  # the connector hears of it, and edges have nothing to do
    return plan


def find(connection: Connection, request_id: str) -> AskedPlan | None:
    """Return what was asked last about a request, or None."""
    statement = sa.select(access_plans).where(_PLANS.request_id == request_id)
    row = connection.execute(statement).mappings().one_or_none()
    return None if row is None else AskedPlan(**row)


def numbers(connection: Connection, now: datetime) -> set[tuple[str, str]]:
    """Return all questions that connectors are asked now: integrations, and numbers of theirs."""
    statement = sa.select(_PLANS.integration, _PLANS.number).where(
        _PLANS.answered_at.is_(None), _PLANS.asked_at > now - OPEN
    )
    return {(row.integration, row.number) for row in connection.execute(statement)}


def questions(
    connection: Connection, integration: str, spec: IntegrationSpec, now: datetime
) -> Iterator[dict[str, Any]]:
    """Yield what a connector is asked about an integration, the oldest question first."""
    for each in _open(connection, integration, now):
        request = requests.find(connection, each.request_id)
        if request is None or request.state != PENDING:
            continue
        try:
            yield _question(
                connection, request, integration, each.number, each.asked_at, spec
            ).to_json()
        except (ConflictError, InvalidInputError, NotFoundError):
            continue  # what it asks for was changed since: whoever asks again is told


def answer(
    transaction: Transaction,
    integration: str,
    request_id: str,
    number: str,
    content: Mapping[str, Any],
    *,
    now: datetime,
) -> bool:
    """Keep an answer; tell whether anybody asked for it: one that comes late or twice is lost."""
    mine = (_PLANS.request_id == request_id) & (_PLANS.integration == integration)
    waits = mine & (_PLANS.number == number) & _PLANS.answered_at.is_(None)
    statement = sa.update(access_plans).where(waits)
    done = transaction.execute(statement.values(answered_at=now, answer=dict(content)))
    if done.rowcount:
        transaction.granted()  # whoever waits for it hears of it
    return bool(done.rowcount)


def _open(connection: Connection, integration: str, now: datetime) -> list[AskedPlan]:
    statement = (
        sa.select(access_plans)
        .where(_PLANS.integration == integration, _PLANS.answered_at.is_(None))
        .where(_PLANS.asked_at > now - OPEN)
        .order_by(_PLANS.asked_at, _PLANS.request_id)
        .limit(MOST_OPEN)
    )
    found = [AskedPlan(**row) for row in connection.execute(statement).mappings()]
    return [each for each in found if each.is_open(now)]


def _check_many(
    connection: Connection, request: AccessRequest, integration: str, now: datetime
) -> None:
    """Refuse more than a connector can answer in time, and to leave no room for others."""
    waiting = _open(connection, integration, now)
    ids = [each.request_id for each in waiting]
    found = (requests.find(connection, each) for each in ids)
    own = [each for each in found if each is not None and each.user_name == request.user_name]
    for many, most, whose in (
        (len(waiting), MOST_OPEN, ""),
        (len(own), MOST_OF_ONE, f" of requests of {request.user_name}"),
    ):
        if many >= most:
            raise TooManyRequestsError(
                f"the connector of {integration} is asked for {most} plans{whose} already",
                retry_after=int(OPEN.total_seconds()),
            )


def _question(  # noqa: PLR0917 - what a question is made of
    connection: Connection,
    request: AccessRequest,
    integration: str,
    number: str,
    asked_at: datetime,
    spec: IntegrationSpec | None = None,
) -> Question:
    """Return a request as it would be if it were approved when the question was asked.

    Raises ConflictError, InvalidInputError for what could not be approved as things are now.
    """
    spec = spec or declared.integration(connection, integration)
    if spec is None:
        raise ConflictError(f"there is no integration {integration} any more")
    asked = request.rights
    declared.check_bundles(connection, asked.bundles, integration)
    found = declared.bundles(connection, asked.bundles)
    bundles: dict[str, Rights] = {name: each.rights() for name, each in found.items()}
    grant = WantedGrant(
        id=request.extends or request.id,
        person=request.user_name,
        role=spec.role_of(request.user_name),
        until=_end(connection, request, asked_at),
        bundles=asked.bundles,
        rights=asked.rights,
    )
    password = _password(connection, request, integration, grant.role)
    return Question(request.id, number, grant, bundles, password)


def _password(
    connection: Connection, request: AccessRequest, integration: str, role: str
) -> int | None:
    """Return which password the role would have, by the services that it would be for."""
    live = requests.grants(
        connection,
        _GRANTS.user_name == request.user_name,
        _GRANTS.integration == integration,
        _GRANTS.state.in_(LIVE),
    )
    services = {request.service, *(each.service for each in live if each.role == role)}
    version = access_roles.wanted(connection, integration, {role: services}).get(role)
    if version is None or request.extends is not None:
        return version
    # A new grant has another one made.
    return version + access_roles.has_any(connection, integration, role)


def _end(connection: Connection, request: AccessRequest, asked_at: datetime) -> datetime:
    length = timedelta(seconds=request.seconds)
    if request.extends is None:
        return asked_at.replace(microsecond=0) + length
    grant = requests.find_grant(connection, request.extends)
    if grant is None or grant.state not in LIVE:
        raise ConflictError("the access that should have been made longer has ended")
    return grant.ends_at + length
