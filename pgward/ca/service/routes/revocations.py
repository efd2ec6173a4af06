"""Revoking certificates: one by its serial number, or all that a person or a machine has."""

from datetime import datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from cryptography import x509
from pydantic import BaseModel, Field

from pgward.ca.access import account_certificates
from pgward.ca.acts import Act
from pgward.ca.identity import directory, machines, sessions
from pgward.ca.records import PEOPLES, Kind
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body, Name, Text, Time, checked
from pgward.ca.store import certificates as stored
from pgward.ca.store.certificates import CertificateFilter
from pgward.core import serials
from pgward.core.errors import ConflictError, NotFoundError
from pgward.pki import reasons

router = strict.router("certificates")
_REVOCABLE = (*PEOPLES, Kind.EDGE, Kind.HOST, Kind.CONNECTOR, Kind.ACCOUNT)
_CONNECTORS = (Kind.CONNECTOR, Kind.EDGE)  # an edge may have one inside
_MOST_SHOWN = 10_000
_OWNERS = {
    Kind.PERSON: ("user", "pgward user list"),
    Kind.EDGE: ("edge", "pgward edges"),
    Kind.HOST: ("host", "pgward ca list --kind host"),
    Kind.CONNECTOR: ("connector", "pgward connectors"),
}
ReasonName = Annotated[
    str,
    Field(max_length=64, description="by its name in RFC 5280 section 5.3.1"),
    checked(lambda text: reasons.parse(text or "unspecified")),
]


class RevokeRequest(Body):
    """Why: a reason that stands in the revocation list, and words for the audit log."""

    reason: ReasonName = "unspecified"
    comment: Text = ""

    @property
    def flag(self) -> x509.ReasonFlags:
        """The reason as a revocation list has it."""
        return reasons.parse(self.reason or "unspecified")


class RevokeAllRequest(RevokeRequest):
    """Whose certificates."""

    kind: Literal["person", "edge", "host", "connector"]
    name: Name


class RevokedCertificate(BaseModel):
    """A certificate that is revoked; ``not_after`` is when it would have ended by itself."""

    serial: str
    ca: str
    kind: str
    subject: str
    not_after: Time
    revoked_at: Time
    reason: str


class Revocation(BaseModel):
    """What was revoked now (``revoked`` of them), or already was, and what else ended."""

    revoked: int
    sessions_ended: int
    certificates: list[RevokedCertificate]


@router.post("/certificates/{serial}/revoke", summary="Revoke a certificate")
def revoke(context: Current, by: Administrator, serial: str, body: RevokeRequest) -> Revocation:
    """Revoke one certificate; edges cut its connections at once. Twice is fine (``revoked`` 0).

    Its owner's login session, if it is a person's, goes on.
    """
    wanted = CertificateFilter(serial=serials.normal(serial))
    with context.acts.act(by.user.name, "certificate.revoke", wanted.serial) as act:
        rows = stored.find(act.transaction.connection, wanted)
        _check(rows[0] if rows else None, serial)
        now, reason = context.now(), body.flag
        revoked = context.revoker.revoke(act.transaction, wanted, now=now, reason=reason)
        act.worth_recording = bool(revoked)
        act.details |= _details(body) | {"owner": rows[0]["subject"]}
        rows = stored.find(act.transaction.connection, wanted)
    return Revocation(
        revoked=len(revoked), sessions_ended=0, certificates=[_certificate(row) for row in rows]
    )


@router.post("/certificates/revoke", summary="Revoke all certificates of a person or machine")
def revoke_all(context: Current, by: Administrator, body: RevokeAllRequest) -> Revocation:
    """Revoke what a person, an edge or a host has now, and end a person's login sessions.

    A living session would renew the certificate at once. Whoever is not blocked may log in anew;
    a machine has to enroll again.
    """
    now, action = context.now(), "certificate.revoke"
    with context.acts.act(by.user.name, action, f"{body.kind}:{body.name}") as act:
        name = _owner(act, body)
        ended: list[str] = []
        if Kind(body.kind) is Kind.PERSON:
            ended = sessions.end(act.transaction, "certificates revoked", now=now, user=name)
        kinds = PEOPLES if Kind(body.kind) is Kind.PERSON else (Kind(body.kind),)
        wanted = CertificateFilter(kinds=kinds, subject=name, alive_at=now)
        reason = body.flag
        revoked = set(context.revoker.revoke(act.transaction, wanted, now=now, reason=reason))
        accounts = _of_accounts(context, act, body, now)
        rows = stored.find(act.transaction.connection, wanted, limit=_MOST_SHOWN)
        rows = [row for row in rows if row["serial"] in revoked]
        for serial in accounts:
            rows += stored.find(act.transaction.connection, CertificateFilter(serial=serial))
        revoked |= set(accounts)
        act.worth_recording = bool(revoked or ended)
        act.details |= _details(body) | {"revoked": len(revoked), "sessions": len(ended)}
    return Revocation(
        revoked=len(revoked),
        sessions_ended=len(ended),
        certificates=[_certificate(row) for row in rows],
    )


def _of_accounts(context: Context, act: Act, body: RevokeAllRequest, now: datetime) -> list[str]:
    """Revoke also what a connector has in its accounts' names."""
    if Kind(body.kind) not in _CONNECTORS:
        return []
    machine = Kind(body.kind), body.name
    return account_certificates.revoke(
        act.transaction, context.revoker, machine, now=now, reason=body.flag
    )


def _owner(act: Act, body: RevokeAllRequest) -> str:
    """Return the owner's exact name; raise NotFoundError for one that never had a certificate."""
    connection = act.transaction.connection
    if Kind(body.kind) is Kind.PERSON:
        user = directory.find(connection, body.name)
        if user is not None:
            return user.name
    elif machines.find(connection, Kind(body.kind), body.name) is not None:
        return body.name
    if stored.find(connection, CertificateFilter(kind=body.kind, subject=body.name), limit=1):
        return body.name  # it was removed
    what, hint = _OWNERS[Kind(body.kind)]
    raise NotFoundError(f"there is no {what} {body.name!r}", hint=hint)


def _check(row: sa.RowMapping | None, serial: str) -> None:
    if row is None:
        raise NotFoundError(f"there is no certificate {serial!r}", hint="pgward ca list")
    if row["kind"] == Kind.CA:
        raise ConflictError(
            "it is the certificate of a CA: the root's key is needed to revoke it",
            hint="rotate to a new CA instead",
        )
    if row["kind"] not in _REVOCABLE:
        raise ConflictError(
            "it is the authority's own certificate", hint="it is replaced when ca serve restarts"
        )


def _details(body: RevokeRequest) -> dict[str, Any]:
    comment = {"comment": body.comment} if body.comment else {}
    return {"reason": body.flag.value, **comment}


def _certificate(row: sa.RowMapping) -> RevokedCertificate:
    names = set(RevokedCertificate.model_fields) - {"reason"}
    return RevokedCertificate(
        reason=reasons.name(row["reason"]), **{name: row[name] for name in names}
    )
