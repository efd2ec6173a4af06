"""From a signing request to a certificate: an order's last step, which survives a restart.

The request is stored with the order before anything is signed. A process that dies then leaves
the order *processing*; ``resume`` takes back what it had signed and told nobody, and issues anew.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from pgward.ca import caller
from pgward.ca.acme import accounts, csr, identifiers, issued, moves, orders, states
from pgward.ca.acme.accounts import Account
from pgward.ca.acme.csr import Asked
from pgward.ca.acme.identifiers import Identifier
from pgward.ca.acme.office import Office
from pgward.ca.acme.orders import Order
from pgward.ca.acme.problems import AcmeError
from pgward.ca.acts import Act
from pgward.ca.issuing.issuance import Issued
from pgward.ca.issuing.rules import Rules, strictest
from pgward.ca.records import Kind
from pgward.ca.revoking.revocation import Reason
from pgward.ca.store.certificates import CertificateFilter
from pgward.ca.store.schema_acme import acme_certificates, acme_orders
from pgward.core.errors import InvalidInputError, PgwardError, UnavailableError
from pgward.core.names import MAX_HOST_NAME
from pgward.pki import pem

LEFT_ALONE = timedelta(seconds=60)  # longer than issuing takes
_log = logging.getLogger(__name__)


def begin(office: Office, order: Order, asked: Asked) -> None:
    """Store the signing request with the order; raise AcmeError when it is not ready any more."""
    values = {
        "csr": asked.pem.decode("ascii"),
        "csr_key_sha256": asked.key_sha256,
        "finalized_at": office.now(),
        "client": caller.client.get(),
    }
    with office.store.write() as transaction:
        if not moves.move_order(transaction, order.id, states.Order.PROCESSING, **values):
            raise AcmeError("orderNotReady", "the order is not ready any more")


def issue(office: Office, order_id: str, *, resumed: bool = False) -> None:
    """Issue for an order that is processing; what cannot be told apart from success stays so.

    The order becomes valid, or invalid with its error; it stays as it is when the store or the
    signer is away, and ``resume`` tries again.
    """
    with office.store.read() as connection:
        order = orders.find(connection, order_id)
        owner = None if order is None else accounts.find(connection, order.account_id)
    if order is None or owner is None or order.status is not states.Order.PROCESSING:
        return
    if order.expires_at <= office.now():
        _fail(office, order, owner, InvalidInputError("it took too long"))
        return
    if resumed:
        _take_back_unlinked(office, order)
    try:
        made = _sign(office, order, owner)
    except UnavailableError as error:
        _log.warning("the order %s waits: %s", order.id, error.message)
        return
    except PgwardError as error:
        _fail(office, order, owner, error)
        return
    _complete(office, order, owner, made)


def resume(office: Office, now: datetime) -> int:
    """Go on with orders that a process left behind; return how many."""
    columns = acme_orders.c
    stuck = (
        columns.status == states.Order.PROCESSING.value,
        columns.finalized_at < now - LEFT_ALONE,
    )
    with office.store.read() as connection:
        found = list(connection.execute(sa.select(columns.id).where(*stuck).limit(20)).scalars())
    count = 0
    for order_id in found:
        claim = sa.update(acme_orders).where(columns.id == order_id, *stuck)
        with office.store.write() as transaction:
            claimed = transaction.execute(claim.values(finalized_at=now)).rowcount == 1
        if claimed:  # by no other replica
            issue(office, order_id, resumed=True)
            count += 1
    return count


def subject_of(wanted: Sequence[Identifier]) -> str | None:
    """Return the certificate's name: a DNS name that fits a CN, or without any an address.

    It must be one of the order's: certbot takes a CN for a name to renew. None when none fits.
    An address becomes a CN only if the client wants it as one: certbot takes that for a DNS name.
    """
    names = [each.value for each in wanted if each.type == identifiers.DNS]
    fitting = [name for name in names if len(name) <= MAX_HOST_NAME]
    return next(iter(fitting or ([] if names else [each.value for each in wanted])), None)


def _take_back_unlinked(office: Office, order: Order) -> None:
    """Revoke what was signed for this order before the process died: nobody has it."""
    subject, key = subject_of(order.identifiers) or "", order.csr_key_sha256 or ""
    with office.store.read() as connection:
        serial = issued.unlinked(connection, subject, key, order.created_at)
    if serial is not None:
        with office.acts.act(caller.SYSTEM, "certificate.revoke", serial) as act:
            _take_back(office, act, serial)


def _sign(office: Office, order: Order, owner: Account) -> Issued:
    subject, request = subject_of(order.identifiers) or "", (order.csr or "").encode()
    names = {
        kind: [each.value for each in order.identifiers if each.type == kind]
        for kind in (identifiers.DNS, identifiers.IP)
    }
    return office.authority.issue_server(
        request,
        kind=Kind.HOST,
        name=subject,
        dns=names[identifiers.DNS],
        ips=names[identifiers.IP],
        rules=_rules(office, owner, subject),
        nameless=not names[identifiers.DNS] and not csr.has_common_name(request),
    )


def _rules(office: Office, owner: Account, subject: str) -> Rules:
    """Return what profiles say for a host of this name or its EAB key's; names stay the order's."""
    called = dict.fromkeys([subject, *([owner.eab.name] if owner.eab else [])])
    found = [office.rule_book.for_machine(Kind.HOST, each) for each in called]
    return replace(strictest(found), alt_names=())


def _fail(office: Office, order: Order, owner: Account, error: PgwardError) -> None:
    office.acts.refused(owner.actor, "acme.order.finalize", order.id, error)
    told = AcmeError("badCSR", f"the certificate was not issued: {error.message}").document()
    with office.store.write() as transaction:
        moves.move_order(transaction, order.id, states.Order.INVALID, error=told)


def _complete(office: Office, order: Order, owner: Account, made: Issued) -> None:
    """Join order and certificate, unless the account was ended, or another replica was quicker."""
    serial = made.serial_hex
    row = {
        "serial": serial,
        "account_id": owner.id,
        "order_id": order.id,
        "chain": pem.join(made.chain).decode("ascii"),
    }
    with office.acts.act(owner.actor, "acme.order.finalize", order.id) as act:
        act.details |= {
            "serial": serial,
            "identifiers": [each.value for each in order.identifiers],
            "account": owner.id,
        }
        act.transaction.execute(sa.insert(acme_certificates).values(row))
        present = accounts.get(act.transaction.connection, owner.id)
        target = states.Order.VALID
        if present.status is not states.Account.VALID:
            target = states.Order.INVALID
        moved = moves.move_order(act.transaction, order.id, target, serial=serial)
        if not moved or target is states.Order.INVALID:
            _take_back(office, act, serial)


def _take_back(office: Office, act: Act, serial: str) -> None:
    act.details["taken_back"] = True
    office.revoker.revoke(
        act.transaction,
        CertificateFilter(serial=serial),
        now=office.now(),
        reason=Reason.cessation_of_operation,
    )
