"""Certificates that were issued, as administrators see and revoke them."""

from datetime import datetime
from typing import Annotated, Literal

import sqlalchemy as sa
from cryptography import x509
from fastapi import APIRouter, Query
from pydantic import BaseModel

from pgward.ca.records import Kind
from pgward.ca.service.auth import Administrator
from pgward.ca.service.context import Current
from pgward.ca.service.models import Body, Name, Revoked, Text, Time
from pgward.ca.store import certificates as stored
from pgward.ca.store.certificates import CertificateFilter
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError

router = APIRouter(tags=["certificates"])
State = Literal["pending", "active", "expired", "revoked"]
Limit = Annotated[int, Query(ge=1, le=1000)]
_REVOCABLE = (Kind.PERSON, Kind.EDGE, Kind.HOST)


class CertificateInfo(BaseModel):
    """A certificate without its bytes; ``subject`` is the user's or the machine's name."""

    serial: str
    ca: str
    kind: Kind
    subject: str
    dns: list[str]
    ips: list[str]
    state: State
    not_before: Time
    not_after: Time
    session_id: str | None
    key_sha256: str
    revoked_at: Time | None
    reason: str | None


class Certificates(BaseModel):
    """Certificates, the newest first."""

    certificates: list[CertificateInfo]


class RevokeRequest(Body):
    """Why, by its name in RFC 5280 section 5.3.1 (``keyCompromise``), or in free words."""

    reason: Text = ""


@router.get("/certificates", summary="List certificates")
def every(
    context: Current,
    _by: Administrator,
    user: Name | None = None,
    state: State | None = None,
    kind: Kind | None = None,
    limit: Limit = 200,
) -> Certificates:
    """Return certificates, the newest first."""
    now = context.now()
    wanted = CertificateFilter(
        kind=Kind.PERSON.value if user is not None else (kind.value if kind else None),
        subject=user,
        state=stored.ISSUED if state in ("active", "expired") else state,
        alive_at=now if state == "active" else None,
        expired_at=now if state == "expired" else None,
    )
    with context.store.read() as connection:
        rows = stored.find(connection, wanted, limit=limit)
    return Certificates(certificates=[_info(row, now) for row in rows])


@router.post("/certificates/{serial}/revoke", summary="Revoke a certificate")
def revoke(context: Current, by: Administrator, serial: str, body: RevokeRequest) -> Revoked:
    """Revoke one certificate; edges cut its connections at once. Twice is fine (``revoked`` 0)."""
    wanted = CertificateFilter(serial=serial.lower().lstrip("0"))
    with context.acts.act(by.user.name, "certificate.revoke", wanted.serial) as act:
        rows = stored.find(act.transaction.connection, wanted)
        _check(rows[0] if rows else None, serial)
        serials = context.revoker.revoke(
            act.transaction, wanted, now=context.now(), reason=_reason(body.reason)
        )
        act.worth_recording = bool(serials)
        act.details |= {"reason": body.reason, "owner": rows[0]["subject"]}
    return Revoked(revoked=len(serials))


def _check(row: sa.RowMapping | None, serial: str) -> None:
    if row is None:
        raise NotFoundError(f"there is no certificate {serial!r}", hint="pgward ca list")
    if row["kind"] not in _REVOCABLE:
        raise ConflictError(
            "it is the authority's own certificate", hint="it is replaced when ca serve restarts"
        )


def _reason(text: str) -> x509.ReasonFlags:
    """Find the RFC 5280 reason that is meant; free words are "unspecified"."""
    for flag in x509.ReasonFlags:
        if text in (flag.name, flag.value):
            if flag in (x509.ReasonFlags.remove_from_crl, x509.ReasonFlags.certificate_hold):
                raise InvalidInputError(f"{text} is no reason to revoke for good")
            return flag
    return x509.ReasonFlags.unspecified


def _info(row: sa.RowMapping, now: datetime) -> CertificateInfo:
    state = row["state"]
    if state == stored.ISSUED:
        state = "active" if row["not_after"] >= now else "expired"
    names = set(CertificateInfo.model_fields) - {"state"}
    return CertificateInfo(state=state, **{name: row[name] for name in names})
