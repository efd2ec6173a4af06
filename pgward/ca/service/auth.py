"""Who asks, proved: people by a token bound to their device's key, machines by certificate.

A DPoP proof (RFC 9449) is read for every such request; it is for this method and
address, at most a minute old, and never used before. It is remembered once it is known to be
somebody's, so that strangers with keys of their own push nobody's out of memory.
"""

from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

import sqlalchemy as sa
from anyio.to_thread import run_sync
from cryptography import x509
from fastapi import Depends, Header, Request
from sqlalchemy.engine import Connection

from pgward.ca import caller
from pgward.ca.identity import directory, machines, sessions, stolen, tokens
from pgward.ca.identity.machines import Machine
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.records import Kind
from pgward.ca.service.context import MAX_SKEW_SECONDS, Context, Current
from pgward.ca.service.replay import ReplayCache
from pgward.ca.store.certificates import ISSUED
from pgward.ca.store.schema import certificates
from pgward.ca.store.schema_acme import acme_certificates
from pgward.core.errors import DeniedError, LoginNeededError, PgwardError
from pgward.pki import proof
from pgward.pki.errors import ProofError
from pgward.pki.proof import Proof

_SCHEME = "dpop "
_FOR_GUESTS = ("/v1/edges/self/otp/", "/v1/edges/self/tokens/")
HEADERS = {
    "Authorization": "`DPoP <token>` from POST /v1/login",
    "DPoP": "proof of possession (RFC 9449)",
}
ProofHeader = Annotated[str | None, Header(alias="DPoP", description=HEADERS["DPoP"])]
TokenHeader = Annotated[
    str | None, Header(alias="Authorization", description=HEADERS["Authorization"])
]


# Every machine's request needs it, and SQLAlchemy takes longer to build a statement than to run it.
_OWNER = (
    sa.select(certificates.c.kind, certificates.c.subject, acme_certificates.c.serial.label("acme"))
    .outerjoin(acme_certificates, acme_certificates.c.serial == certificates.c.serial)
    .where(certificates.c.serial == sa.bindparam("of_serial"), certificates.c.state == ISSUED)
)


def read_proof(context: Context, request: Request, header: str | None, token: str | None) -> Proof:
    """Verify the request's proof; raise ProofError (or InvalidInputError for a strange Host).

    Whether it was used before is for ``use_up`` to say.
    """
    address = caller.client.get()
    context.limits.proof(address, request.scope["path"], context.monotonic())
    try:
        return _read_proof(context, request, header, token)
    except ProofError:
        context.limits.proof_failed(address, context.monotonic())
        raise


def _read_proof(context: Context, request: Request, header: str | None, token: str | None) -> Proof:
    if header is None or len(request.headers.getlist("dpop")) != 1:
        raise ProofError("the request has no proof of possession", hint="send one DPoP header")
    now = context.now()
    found = proof.read(header, request.method, context.url_of(request), now=now, token=token)
    _check_age(found.iat.timestamp() - now.timestamp())
    return found


def use_up(context: Context, replay: ReplayCache, found: Proof) -> None:
    """Remember a proof; raise ProofError when it was used before."""
    if not replay.is_new(f"{found.thumbprint}.{found.jti}", context.monotonic()):
        context.limits.proof_failed(caller.client.get(), context.monotonic())
        raise ProofError("the proof of possession was used before", hint="make one each request")


def login_proof(context: Current, request: Request, dpop: ProofHeader = None) -> Proof:
    """Return the proof of a device that is about to log in."""
    found = read_proof(context, request, dpop, None)
    if found.chain is not None:
        raise ProofError("the proof of possession is a machine's")
    use_up(context, context.login_replay, found)
    return found


def person(
    context: Current,
    request: Request,
    authorization: TokenHeader = None,
    dpop: ProofHeader = None,
) -> LoginSession:
    """Return the login session that asks; raise LoginNeededError, ProofError, DeniedError."""
    token = _token(authorization)
    found = read_proof(context, request, dpop, token)
    session = living(context, token)
    if not _is_bound(session, found):
        refuse_device(context, request, session, found.thumbprint)
    use_up(context, context.replay, found)
    admit(context, session)
    return session


Person = Annotated[LoginSession, Depends(person)]


@dataclass(frozen=True, slots=True)
class Renewing:
    """A person who asks for a certificate, and the token that said so."""

    session: LoginSession
    token: str


async def renewing(context: Context, request: Request) -> Renewing:
    """Return who asks for a certificate, as ``person`` does, from memory where it can.

    The store checks the session again when it records the certificate.
    """
    token = _token(request.headers.get("authorization"))
    found = read_proof(context, request, request.headers.get("dpop"), token)
    session = context.known_sessions.get(token, now=context.now(), monotonic=context.monotonic())
    if session is None:
        age = context.known_sessions.age()
        session = await run_sync(living, context, token)
        context.known_sessions.remember(token, session, age=age, monotonic=context.monotonic())
    if not _is_bound(session, found):
        await run_sync(refuse_device, context, request, session, found.thumbprint)
    use_up(context, context.replay, found)
    _count(context, session)
    return Renewing(session, token)


def administrator(context: Current, request: Request, session: Person) -> LoginSession:
    """Return the administrator's session that asks; raise DeniedError for other people."""
    if not session.user.administrator:
        error = DeniedError(
            "only an administrator may do this", hint="ask a member of the group administrators"
        )
        _refuse(context, request, session.user.name, error)
    caller.is_now(session.user.name, session.id, directory.ADMINISTRATORS)
    return session


Administrator = Annotated[LoginSession, Depends(administrator)]


def auditor(context: Current, request: Request, session: Person) -> LoginSession:
    """Return the session of who may read the audit log; raise DeniedError for other people."""
    if session.user.administrator:
        group = directory.ADMINISTRATORS
    elif directory.AUDITORS in session.user.groups:
        group = directory.AUDITORS
    else:
        error = DeniedError(
            "only an auditor may do this",
            hint="ask a member of the group administrators to put you into auditors",
        )
        _refuse(context, request, session.user.name, error)
    caller.is_now(session.user.name, session.id, group)
    return session


Auditor = Annotated[LoginSession, Depends(auditor)]


@dataclass(frozen=True, slots=True)
class Asking:
    """A machine that asks, and the certificate that it used, with its serial number."""

    machine: Machine
    serial: str
    certificate: x509.Certificate


def machine(
    context: Current, request: Request, dpop: ProofHeader = None, authorization: TokenHeader = None
) -> Asking:
    """Return the machine that asks; raise ProofError, ChainError, DeniedError."""
    if dpop is None and authorization is None:
        raise LoginNeededError("this is for machines that enrolled", hint="pgward edge enroll")
    if authorization is not None:
        raise DeniedError("this is for machines, not for people")
    found = read_proof(context, request, dpop, None)
    if found.chain is None:
        raise DeniedError("this is for machines that enrolled", hint="send x5c in the proof")
    leaf = context.authority.verify_machine(found.chain)
    serial = f"{leaf.serial_number:x}"
    with context.store.read() as connection:
        owner = _owner(connection, serial)
        found_machine = None if owner is None else machines.find(connection, *owner)
    if owner is not None and found_machine is None:
        error = DeniedError("the machine was removed", hint="enroll again, with a new join token")
        _refuse(context, request, f"{owner[0]}:{owner[1]}", error)
    if found_machine is None:
        error = DeniedError(
            "the certificate is revoked, or is no machine's",
            hint="enroll again, with a new join token",
        )
        _refuse(context, request, caller.UNKNOWN, error, {"serial": serial})
    use_up(context, context.replay, found)
    caller.is_now(found_machine.actor)
    context.limits.machine_seen(caller.client.get(), context.monotonic())
    context.limits.caller(_bucket(found_machine, request.url.path), context.monotonic())
    return Asking(found_machine, serial, leaf)


AnyMachine = Annotated[Asking, Depends(machine)]


def _bucket(machine: Machine, path: str) -> str:
    """Return whose requests these count among: what strangers have an edge ask counts apart.

    Whoever tries one-time passwords out must not keep an edge from hearing of a revocation.
    """
    return f"{machine.actor} for guests" if path.startswith(_FOR_GUESTS) else machine.actor


def edge(context: Current, request: Request, asking: AnyMachine) -> Machine:
    """Return the edge that asks; raise DeniedError for other machines."""
    if asking.machine.kind is not Kind.EDGE:
        error = DeniedError("only an edge may do this")
        _refuse(context, request, asking.machine.actor, error)
    return asking.machine


Edge = Annotated[Machine, Depends(edge)]


def asking_edge(context: Context, request: Request) -> Asking:
    """Return the edge that asks, for what reads its request itself; raise as ``edge`` does."""
    headers = request.headers
    asking = machine(context, request, headers.get("dpop"), headers.get("authorization"))
    edge(context, request, asking)
    return asking


def host(context: Current, request: Request, asking: AnyMachine) -> Machine:
    """Return the PostgreSQL host that asks; raise DeniedError for other machines."""
    if asking.machine.kind is not Kind.HOST:
        error = DeniedError("only a PostgreSQL host may do this")
        _refuse(context, request, asking.machine.actor, error)
    return asking.machine


Host = Annotated[Machine, Depends(host)]


def connector(context: Current, request: Request, asking: AnyMachine) -> Machine:
    """Return the connector that asks, or an edge, which may have one inside; DeniedError else."""
    if asking.machine.kind not in (Kind.CONNECTOR, Kind.EDGE):
        error = DeniedError("only a connector may do this")
        _refuse(context, request, asking.machine.actor, error)
    return asking.machine


Connector = Annotated[Machine, Depends(connector)]


def _owner(connection: Connection, serial: str) -> tuple[Kind, str] | None:
    row = connection.execute(_OWNER, {"of_serial": serial}).one_or_none()
    if row is None or row.kind not in tokens.MACHINES:
        return None
    if row.acme is not None:  # its name may be a machine's, which it is not
        return None
    return Kind(row.kind), row.subject


def living(context: Context, token: str) -> LoginSession:
    """Return the session of a token; raise LoginNeededError when it has ended."""
    with context.store.read() as connection:
        session = sessions.find(connection, token, context.now())
    if session is None:
        raise LoginNeededError("your login session has ended")
    return session


def _is_bound(session: LoginSession, found: Proof) -> bool:
    return found.chain is None and found.thumbprint == session.thumbprint


def admit(context: Context, session: LoginSession) -> None:
    """Take note of who asks, in a session that acts look at again, and count it."""
    _count(context, session)
    caller.is_now(session.user.name, session.id)


def _count(context: Context, session: LoginSession) -> None:
    caller.is_now(session.user.name)
    context.limits.caller(session.user.name, context.monotonic())


def refuse_device(
    context: Context, request: Request, session: LoginSession, used_by: str
) -> NoReturn:
    """Refuse a token that came from another device than its own, ``used_by``: it was copied."""
    context.limits.refusal(caller.client.get(), context.monotonic())
    error = DeniedError("the login belongs to another device", hint="pgward login")
    details = {
        "request": f"{request.method} {request.url.path}"[:200],
        "device": session.thumbprint,
        "used_by": used_by,
    }
    context.acts.refused(session.user.name, stolen.ACTION, session.id, error, details)
    raise error


def _token(authorization: str | None) -> str:
    if authorization is None:
        raise LoginNeededError
    if authorization[: len(_SCHEME)].lower() != _SCHEME:
        raise LoginNeededError("the Authorization header is not of the scheme DPoP")
    return authorization[len(_SCHEME) :].strip()


def _check_age(ahead: float) -> None:
    if abs(ahead) > MAX_SKEW_SECONDS:
        raise ProofError(
            f"your clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'}"
            " the authority's",
            hint="set this machine's clock",
        )


def _refuse(
    context: Context,
    request: Request,
    actor: str,
    error: PgwardError,
    details: dict[str, Any] | None = None,
) -> NoReturn:
    context.limits.refusal(caller.client.get(), context.monotonic())
    target = f"{request.method} {request.url.path}"[:200]
    context.acts.refused(actor, "request.refuse", target, error, details)
    raise error
