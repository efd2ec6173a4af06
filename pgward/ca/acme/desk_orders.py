"""Orders and what leads to them: authorizations and challenges (RFC 8555 sections 7.4, 7.5)."""

from datetime import timedelta

from sqlalchemy.engine import Connection

from pgward.ca import caller
from pgward.ca.acme import (
    csr,
    documents,
    issued,
    issuing,
    keys,
    messages,
    moves,
    orders,
    renewal,
    states,
)
from pgward.ca.acme.accounts import Account
from pgward.ca.acme.authentication import Verified
from pgward.ca.acme.documents import Links
from pgward.ca.acme.exchange import Reply, Request
from pgward.ca.acme.identifiers import MAX_NAMES, Identifier
from pgward.ca.acme.messages import NewOrder
from pgward.ca.acme.office import Office
from pgward.ca.acme.orders import Authorization, Challenge, Order
from pgward.ca.acme.problems import AcmeError, Subproblem, not_found, rate_limited
from pgward.core.names import MAX_HOST_NAME

_HOUR = timedelta(hours=1)
_POLL_SECONDS = "2"
_MOST_UNDER_WAY = MAX_NAMES  # challenges of one account: as many as one order needs


def new_order(office: Office, request: Request, asking: Verified) -> Reply:
    """Take an order (section 7.4), which may replace a certificate (RFC 9773 section 5)."""
    owner, wanted = asking.owner, messages.new_order(asking.payload())
    with office.acts.act(owner.actor, "acme.order.create") as act:
        connection = act.transaction.connection
        act.details |= {"identifiers": [each.value for each in wanted.identifiers]}
        _check_rate(office, connection, owner)
        check_names(office, owner, wanted.identifiers)
        if wanted.replaces is not None:
            _check_replaces(connection, owner, wanted, wanted.replaces)
        new = orders.NewOrder(
            account_id=owner.id,
            identifiers=wanted.identifiers,
            replaces=wanted.replaces,
            pre_authorized=owner.eab is not None and owner.eab.pre_authorized,
            client=caller.client.get(),
        )
        made = orders.create(act.transaction, new, office.now())
        act.target = made.id
    return _order_reply(Links(request.origin), made, 201)


def order(office: Office, request: Request, asking: Verified, order_id: str) -> Reply:
    """Show an order."""
    asking.require_empty()
    return _order_reply(Links(request.origin), _own_order(office, asking.owner, order_id))


def finalize(office: Office, request: Request, asking: Verified, order_id: str) -> Reply:
    """Take the signing request of an order that is ready, and issue (section 7.4)."""
    owner, wanted = asking.owner, messages.finalization(asking.payload())
    found = _own_order(office, owner, order_id)
    if found.status is not states.Order.READY:
        raise AcmeError("orderNotReady", f"the order is {found.status}, not ready")
    check_names(office, owner, found.identifiers)
    asked = csr.read(wanted, found.identifiers, owner.key.spki_sha256)
    keys.check(office, asked.key_sha256)  # the order stays ready for another one
    issuing.begin(office, found, asked)
    issuing.issue(office, found.id)
    return _order_reply(Links(request.origin), _own_order(office, owner, order_id))


def authorization(
    office: Office, request: Request, asking: Verified, authorization_id: str
) -> Reply:
    """Show an authorization, or deactivate it (sections 7.5, 7.5.2)."""
    found = _own_authorization(office, asking.owner, authorization_id)
    if not asking.message.is_empty:
        messages.authorization_change(asking.payload())
        target = found.identifier.value
        with office.acts.act(asking.owner.actor, "acme.authorization.deactivate", target) as act:
            act.worth_recording = moves.move_authorization(
                act.transaction, found.id, states.Authorization.DEACTIVATED
            )
        found = _own_authorization(office, asking.owner, authorization_id)
    with office.store.read() as connection:
        challenges = orders.challenges(connection, found.id)
    reply = Reply(200, documents.authorization(Links(request.origin), found, challenges))
    if any(each.status is states.Challenge.PROCESSING for each in challenges):
        reply.headers["Retry-After"] = _POLL_SECONDS
    return reply


def challenge(office: Office, request: Request, asking: Verified, challenge_id: str) -> Reply:
    """Show a challenge; with ``{}`` begin its validation, once (section 7.5.1)."""
    links = Links(request.origin)
    with office.store.read() as connection:
        found = orders.find_challenge(connection, challenge_id)
    if found is None or found.account_id != asking.owner.id:
        raise not_found()
    parent = _own_authorization(office, asking.owner, found.authorization_id)
    if not asking.message.is_empty:
        messages.challenge_response(asking.payload())
        if parent.status is states.Authorization.PENDING:
            _begin_validation(office, asking.owner, found)
    with office.store.read() as connection:
        found = orders.find_challenge(connection, challenge_id) or found
    reply = Reply(200, documents.challenge(links, found))
    reply.links.append(f'<{links.of("authz", found.authorization_id)}>;rel="up"')
    if found.status is states.Challenge.PROCESSING:
        reply.headers["Retry-After"] = _POLL_SECONDS
    return reply


def check_names(office: Office, owner: Account, wanted: tuple[Identifier, ...]) -> None:
    """Raise AcmeError with every name that this account may not ask for."""
    allowed = office.allowed(owner)
    trusted = owner.eab is not None and owner.eab.pre_authorized
    found = []
    for each in wanted:
        if not allowed.permits(each):
            found.append((each, "this account may not ask for it"))
        elif each.is_wildcard and not trusted:
            found.append((each, "a wildcard needs dns-01, which is not offered here"))
    if found:
        raise AcmeError(
            "rejectedIdentifier",
            "; ".join(f"{each.value}: {why}" for each, why in found),
            subproblems=[Subproblem("rejectedIdentifier", why, e.json()) for e, why in found],
        )
    if issuing.subject_of(wanted) is None:
        raise AcmeError(
            "rejectedIdentifier", f"one of the names must have {MAX_HOST_NAME} letters or fewer"
        )


def _begin_validation(office: Office, owner: Account, wanted: Challenge) -> None:
    with office.store.write() as transaction:
        _check_failures(office, transaction.connection, owner)
        under_way = orders.count_processing(transaction.connection, owner.id)
        if wanted.status is states.Challenge.PENDING and under_way >= _MOST_UNDER_WAY:
            # The few places for validations are everyone's.
            raise rate_limited(f"{under_way} challenges of this account are being validated", 10)
        moves.move_challenge(
            transaction, wanted.id, states.Challenge.PROCESSING, due_at=office.now()
        )
    office.wake()


def _check_rate(office: Office, connection: Connection, owner: Account) -> None:
    since, settings = office.now() - _HOUR, office.settings
    if orders.count_new(connection, owner.id, since) >= settings.orders_per_hour:
        raise rate_limited("this account made too many orders in an hour", 3600)
    _check_failures(office, connection, owner)


def _check_failures(office: Office, connection: Connection, owner: Account) -> None:
    since, most = office.now() - _HOUR, office.settings.failures_per_hour
    if orders.count_failed(connection, owner.id, since) >= most:
        raise rate_limited("too many challenges of this account failed in an hour", 3600)


def _check_replaces(
    connection: Connection, owner: Account, wanted: NewOrder, replaces: str
) -> None:
    found = issued.find_by_id(connection, renewal.parse(replaces))
    if found is None or found.account_id != owner.id:
        raise AcmeError("malformed", "replaces names no certificate of this account")
    names = {each.value for each in wanted.identifiers}
    if names.isdisjoint(found.names):
        raise AcmeError("malformed", "replaces names a certificate of other names")
    if orders.replacing(connection, replaces):
        raise AcmeError("alreadyReplaced", "another order replaces that certificate already")


def _own_order(office: Office, owner: Account, order_id: str) -> Order:
    """Return an order of this account, ended if its time is over; raise AcmeError."""
    with office.store.read() as connection:
        found = orders.find(connection, order_id)
    if found is None or found.account_id != owner.id:
        raise not_found()
    unfinished = (states.Order.PENDING, states.Order.READY)
    if found.status not in unfinished or found.expires_at > office.now():
        return found
    with office.store.write() as transaction:
        moves.expire(transaction, order_id)
        return orders.find(transaction.connection, order_id) or found


def _own_authorization(office: Office, owner: Account, authorization_id: str) -> Authorization:
    with office.store.read() as connection:
        found = orders.find_authorization(connection, authorization_id)
    if found is None or found.account_id != owner.id:
        raise not_found()
    _own_order(office, owner, found.order_id)  # ends it when its time is over
    with office.store.read() as connection:
        return orders.find_authorization(connection, authorization_id) or found


def _order_reply(links: Links, found: Order, status: int = 200) -> Reply:
    reply = Reply(status, documents.order(links, found), {"Location": links.order(found.id)})
    if found.status is states.Order.PROCESSING:
        reply.headers["Retry-After"] = _POLL_SECONDS
    return reply
