"""What machines do: join once, then renew."""

from typing import Annotated, NoReturn

from pydantic import Field

from pgward.ca import caller, observe
from pgward.ca.identity import machines, tokens
from pgward.ca.identity.machines import Machine
from pgward.ca.records import Kind
from pgward.ca.revoking.revocation import Reason
from pgward.ca.service import replies, strict
from pgward.ca.service.auth import AnyMachine
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, CertificateReply, CertificateRequest, Request, checked
from pgward.ca.store import certificates as stored
from pgward.ca.store import compromised
from pgward.ca.store.certificates import CertificateFilter
from pgward.core.address import Address
from pgward.core.errors import DeniedError, InvalidInputError, PgwardError
from pgward.pki import csr, keys

router = strict.router("machines")
_JOINING = "join token"  # no user can have this name, so the counts stay apart
Advertise = Annotated[str, Field(max_length=300), checked(Address.parse)]


class EnrollRequest(Body):
    """A join token, a key, and for an edge where people reach it."""

    token: Annotated[str, Field(min_length=1, max_length=4096)]
    csr: Request
    advertise: Advertise | None = None
    kind: Annotated[Kind | None, Field(description="what joins, if it shall be that only")] = None


class EnrollReply(CertificateReply):
    """The machine's first certificate, and who it is."""

    name: str
    kind: Kind


@router.post("/enroll", summary="Join with a token", status_code=201)
def enroll(context: Current, body: EnrollRequest) -> EnrollReply:
    """Use a join token up; a machine that joins anew replaces its former self."""
    request = body.csr.encode()
    key = csr.read(request).public_key()  # a bad request must not use the token up
    address = caller.client.get()
    context.throttle.begin(address, _JOINING, context.monotonic(), anyone=True)
    machine = _enrol(context, body, keys.spki_sha256(key))
    context.throttle.succeeded(address, _JOINING)
    reply = _issue(context, machine, request)
    return EnrollReply(**dict(reply), name=machine.name, kind=machine.kind)


@router.post("/machine/renew", summary="Renew a machine's certificate")
def renew(context: Current, asking: AnyMachine, body: CertificateRequest) -> CertificateReply:
    """Issue a certificate with the same names as before, for a new key."""
    context.limits.issuing(asking.machine.actor, context.monotonic())
    context.authority.refresh()  # whoever was asked to renew gets it from the CA that issues now
    return _issue(context, asking.machine, body.csr.encode(), asking.serial)


def _enrol(context: Context, body: EnrollRequest, key_sha256: str) -> Machine:
    now = context.now()
    with context.acts.act(caller.UNKNOWN, "machine.enroll") as act:
        compromised.check(act.transaction.connection, key_sha256)
        token = tokens.use(act.transaction, tokens.secret_of(body.token), now)
        _check_kind(token.kind, body.advertise, body.kind)  # refused, the token is not used up
        former = CertificateFilter(kind=token.kind.value, subject=token.name, alive_at=now)
        context.revoker.revoke(act.transaction, former, now=now, reason=Reason.superseded)
        machine = machines.enrol(act.transaction, token, advertise=body.advertise, now=now)
        act.actor = act.target = machine.actor
        act.details |= {"advertise": body.advertise, "dns": list(token.dns)}
    return machine


def _check_kind(kind: Kind, advertise: str | None, wanted: Kind | None) -> None:
    """See that an edge, which has an address to advertise, joins as one, and a host as a host."""
    if kind is Kind.EDGE and advertise is None:
        raise InvalidInputError(
            "that token is for an edge, not for a host or a connector",
            hint="make one with: pgward ca token host NAME",
        )
    if kind is not Kind.EDGE and advertise is not None:
        raise InvalidInputError(
            f"that token is for a {kind}, not for an edge", hint="pgward ca token edge NAME"
        )
    if wanted not in (None, kind):
        raise InvalidInputError(
            f"that token is for a {kind}, not for a {wanted}", hint=f"pgward ca token {wanted} NAME"
        )


def _issue(
    context: Context, machine: Machine, request: bytes, former: str | None = None
) -> CertificateReply:
    try:
        issued = context.authority.issue_server(
            request,
            kind=machine.kind,
            name=machine.name,
            dns=machine.dns,
            ips=machine.ips,
            rules=context.rule_book.for_machine(machine.kind, machine.name),
        )
    except PgwardError as error:
        observe.event("refused", kind=str(machine.kind))
        context.acts.refused(machine.actor, "certificate.issue", None, error)
        raise
    if not _is_entitled(context, machine, former):
        _take_back(context, machine, issued.serial_hex)
    return replies.certificate(context.authority, issued)


def _is_entitled(context: Context, machine: Machine, former: str | None) -> bool:
    """Tell whether the machine is still there, and ``former``, its certificate, not revoked.

    Asked after a certificate was stored: who removes the machine later revokes that one, too.
    """
    with context.store.read() as connection:
        found = machines.find(connection, machine.kind, machine.name)
        if found is None or found.enrolled_at != machine.enrolled_at:
            return False
        wanted = CertificateFilter(serial=former, state=stored.ISSUED)
        return former is None or bool(stored.find(connection, wanted))


def _take_back(context: Context, machine: Machine, serial: str) -> NoReturn:
    now, wanted = context.now(), CertificateFilter(serial=serial)
    with context.acts.act(machine.actor, "certificate.revoke", serial) as act:
        context.revoker.revoke(
            act.transaction, wanted, now=now, reason=Reason.cessation_of_operation
        )
    raise DeniedError(
        "the machine was removed or replaced meanwhile", hint="enroll again, with a new join token"
    )
