"""Just-in-time access, as people ask for it and decide about it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path, Query

from pgward.access.request_states import CANCELLED, LIVE, PENDING, REVOKED
from pgward.ca.access import asking, deciders, deciding, declared, ending, requests, viewing
from pgward.ca.access.asking import Wish
from pgward.ca.access.requests import AccessRequest, GrantSearch, Search
from pgward.ca.access.viewing import Viewer
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.service import strict
from pgward.ca.service.access_models import (
    ActBody,
    AskBody,
    BundleModel,
    ExtendBody,
    GrantModel,
    GrantsReply,
    OfferModel,
    OffersReply,
    RequestModel,
    RequestReply,
    RequestsReply,
)
from pgward.ca.service.auth import Person
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Storable
from pgward.ca.store import Transaction
from pgward.core.errors import ConflictError, DeniedError

router = strict.router("access", prefix=f"{strict.PREFIX}/access")
MOST_LISTED = 500
Id = Annotated[str, Path(pattern="^[0-9a-f]{1,32}$")]
After = Annotated[str | None, Query(pattern="^[0-9a-f]{1,32}$", description="the last page's")]
Limit = Annotated[int, Query(ge=1, le=MOST_LISTED)]
Word = Annotated[str, Query(max_length=63), Storable]
RequestState = Literal["pending", "approved", "denied", "cancelled", "lapsed"]
GrantState = Literal["live", "pending", "active", "ending", "ended"]
_STATES = {"live": ("pending", "active", "ending")}


@router.get("/offers", summary="Show what I may ask for")
def offers(context: Current, me: Person, service: Word | None = None) -> OffersReply:
    """Return services and flows, with what they give, for how long, and who says yes."""
    with context.store.read() as connection:
        found = list(viewing.offers(connection, me.user, service))
        wanted = {name for _, flow in found for name in flow.bundles}
        bundles = declared.bundles(connection, wanted)
    person, known = deciders.as_person(me.user), BundleModel.every(bundles)
    return OffersReply(offers=[OfferModel.of(*each, known, person) for each in found])


def offered(context: Context, me: LoginSession) -> list[str]:
    """Return the names of the services that one may ask for, without what there is to ask."""
    with context.store.read() as connection:
        found = {aim.service for aim, _ in viewing.offers(connection, me.user, None)}
    return sorted(found)


@router.post("/requests", summary="Ask for access", status_code=201)
def ask(context: Current, me: Person, body: AskBody) -> RequestReply:
    """Ask; a rule, or breaking the glass, gives it at once."""
    wish = Wish(body.service, body.asked(), body.seconds, body.reason, body.break_glass, body.flow)

    def do(transaction: Transaction) -> AccessRequest:
        return asking.ask(transaction, me.user, wish, now=context.now())

    return _acted(context, me, "access.request", body.service, do)


@router.get("/requests", summary="List access requests")
def every(  # noqa: PLR0917 - FastAPI passes them by name
    context: Current,
    me: Person,
    state: RequestState | None = None,
    user: Word | None = None,
    service: Word | None = None,
    to_decide: Annotated[bool, Query(description="those that wait for me")] = False,
    mine: Annotated[bool, Query(description="those of mine")] = False,
    unacknowledged: Annotated[bool, Query(description="broken glass, not looked at")] = False,
    id_prefix: Annotated[str | None, Query(pattern="^[0-9A-Za-z_-]{1,64}$")] = None,
    limit: Limit = 100,
    after: After = None,
) -> RequestsReply:
    """Return my own, those that I may decide about, and to administrators all."""
    only = me.user.name if mine else user
    search = Search(
        state, only, service, unacknowledged=unacknowledged, prefix=id_prefix and id_prefix.lower()
    )
    with context.store.read() as connection:
        viewer = Viewer(connection, me.user, context.now())
        found, after = viewer.requests(search, to_decide=to_decide, after=after, limit=limit)
    return RequestsReply(requests=[RequestModel.of(each) for each in found], after=after)


@router.get("/requests/{request_id}", summary="Show an access request")
def show(context: Current, me: Person, request_id: Id) -> RequestReply:
    """Return a request of mine, or one that I may decide about."""
    return _shown(context, me, request_id)


@router.post("/requests/{request_id}/approve", summary="Approve an access request")
def approve(context: Current, me: Person, request_id: Id, body: ActBody) -> RequestReply:
    """Say yes; the last yes that is needed gives what is asked for."""
    return _decided(context, me, request_id, body, approve=True)


@router.post("/requests/{request_id}/deny", summary="Deny an access request")
def deny(context: Current, me: Person, request_id: Id, body: ActBody) -> RequestReply:
    """Say no; one is enough."""
    return _decided(context, me, request_id, body, approve=False)


@router.post("/requests/{request_id}/cancel", summary="Take an access request back")
def cancel(context: Current, me: Person, request_id: Id, body: ActBody) -> RequestReply:
    """Take back a request of mine that waits, or give back what I have."""
    now = context.now()

    def do(transaction: Transaction) -> AccessRequest:
        connection = transaction.connection
        request = _visible(transaction, me, request_id, now)
        if not deciders.as_person(me.user).is_called(request.user_name):
            raise DeniedError("only whoever asked takes a request back")
        if request.state != PENDING:
            return _ended(transaction, request, CANCELLED, me, body.reason, now)
        told = []
        if deciding.may_be_decided(connection, request):
            ground = deciding.ground_of(connection, request)
            told = [each.name for each in ground.who.people(connection, now)]
        by = me.user.name
        return ending.withdraw(transaction, request, CANCELLED, now=now, by=by, recipients=told)

    return _acted(context, me, "access.cancel", request_id, do)


@router.post("/requests/{request_id}/revoke", summary="End granted access")
def revoke(context: Current, me: Person, request_id: Id, body: ActBody) -> RequestReply:
    """End a grant at once: my own, one that I may decide about, an administrator any."""
    now = context.now()

    def do(transaction: Transaction) -> AccessRequest:
        request = _visible(transaction, me, request_id, now)
        own = deciders.as_person(me.user).is_called(request.user_name)
        if not own and not Viewer(transaction.connection, me.user, now).may_end(request):
            raise DeniedError("that access is not yours to end")
        return _ended(transaction, request, REVOKED, me, body.reason, now)

    return _acted(context, me, "access.revoke", request_id, do)


@router.post("/requests/{request_id}/extend", summary="Ask for granted access to last longer")
def extend(context: Current, me: Person, request_id: Id, body: ExtendBody) -> RequestReply:
    """Ask for so many seconds more; it is decided anew, as a request of its own."""
    now = context.now()

    def do(transaction: Transaction) -> AccessRequest:
        request = _visible(transaction, me, request_id, now)
        if not deciders.as_person(me.user).is_called(request.user_name):
            raise DeniedError("only whoever has access asks for more of it")
        grant = requests.find_grant(transaction.connection, request.id)
        if grant is None:
            raise ConflictError(f"nothing was granted by the request {request.id}")
        return asking.extend(
            transaction, me.user, grant, seconds=body.seconds, reason=body.reason, now=now
        )

    return _acted(context, me, "access.extend", request_id, do)


@router.post("/requests/{request_id}/acknowledge", summary="Take note of a broken glass")
def acknowledge(context: Current, me: Person, request_id: Id, body: ActBody) -> RequestReply:
    """Say that I have looked at why somebody broke the glass."""
    now = context.now()

    def do(transaction: Transaction) -> AccessRequest:
        _visible(transaction, me, request_id, now)
        by = me.user.name
        return deciding.acknowledge(transaction, request_id, by, reason=body.reason, now=now)

    return _acted(context, me, "access.acknowledge", request_id, do)


@router.get("/grants", summary="List granted access")
def grants(  # noqa: PLR0917 - FastAPI passes them by name
    context: Current,
    me: Person,
    state: GrantState = "live",
    user: Word | None = None,
    service: Word | None = None,
    mine: Annotated[bool, Query(description="those of mine")] = False,
    limit: Limit = 100,
    after: After = None,
) -> GrantsReply:
    """Return my own, those that I may decide about, and to administrators all."""
    only = me.user.name if mine else user
    search = GrantSearch(_STATES.get(state, (state,)), only, service)
    with context.store.read() as connection:
        viewer = Viewer(connection, me.user, context.now())
        found, after = viewer.grants(search, after=after, limit=limit)
        troubles = viewer.troubles(found)
    shown = [GrantModel.of(each, troubles.get(each.id)) for each in found]
    return GrantsReply(grants=shown, after=after)


def _decided(
    context: Context, me: LoginSession, request_id: str, body: ActBody, *, approve: bool
) -> RequestReply:
    now = context.now()

    def do(transaction: Transaction) -> AccessRequest:
        _visible(transaction, me, request_id, now)
        return deciding.decide(
            transaction,
            request_id,
            me.user.name,
            approve=approve,
            reason=body.reason,
            now=now,
            version=body.version,
        )

    return _acted(context, me, f"access.{'approve' if approve else 'deny'}", request_id, do)


def _visible(
    transaction: Transaction, me: LoginSession, request_id: str, now: datetime
) -> AccessRequest:
    return Viewer(transaction.connection, me.user, now).one(request_id).request


def _ended(  # noqa: PLR0917 - what goes on record
    transaction: Transaction,
    request: AccessRequest,
    why: str,
    me: LoginSession,
    note: str,
    now: datetime,
) -> AccessRequest:
    """End what came of a request; of one to make a grant longer, that grant."""
    grant = requests.find_grant(transaction.connection, request.extends or request.id)
    if grant is None:
        raise ConflictError(
            f"the request is {request.state}: there is nothing to end", hint="pgward requests"
        )
    if grant.state not in LIVE:
        raise ConflictError("that access has ended already")
    ending.end(transaction, grant, why, now=now, by=me.user.name, note=note)
    return requests.get(transaction.connection, request.id)


def _acted(
    context: Context,
    me: LoginSession,
    action: str,
    target: str,
    do: Callable[[Transaction], AccessRequest],
) -> RequestReply:
    """Do something in a transaction, which puts on record what it does itself; show the request."""
    with context.acts.act(me.user.name, action, target) as act:
        act.worth_recording = False
        request = do(act.transaction)
    return _shown(context, me, request.id)


def _shown(context: Context, me: LoginSession, request_id: str) -> RequestReply:
    with context.store.read() as connection:
        seen = Viewer(connection, me.user, context.now()).one(request_id)
    return RequestReply(request=RequestModel.of(seen))
