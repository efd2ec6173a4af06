"""Certificates that were issued, as administrators see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

import sqlalchemy as sa
from cryptography import x509
from fastapi import Path, Query
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from pgward.ca.identity import holders
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.records import PEOPLES, Kind
from pgward.ca.service import strict
from pgward.ca.service.auth import Administrator, Person
from pgward.ca.service.context import Current
from pgward.ca.service.models import Body, Moment, Time
from pgward.ca.store import certificates as stored
from pgward.ca.store import listing
from pgward.ca.store.listing import Search
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.pki import pem

router = strict.router("certificates")
State = Literal["pending", "active", "expired", "revoked"]
Known = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[^\x00]+$")]
Digest = Annotated[str, Field(min_length=64, max_length=110, description="SHA-256, hex")]


class CertificateInfo(BaseModel):
    """A certificate without its bytes; ``subject`` is the user's or the machine's name."""

    serial: str
    ca: str
    kind: str
    subject: str
    dns: list[str]
    ips: list[str]
    state: State
    not_before: Time
    not_after: Time
    session_id: str | None
    key_sha256: str
    fingerprint: str | None
    issued_at: Time
    client: str | None
    log_index: int | None
    revoked_at: Time | None
    reason: str | None


class Certificates(BaseModel):
    """Certificates, the newest first; ``cursor`` gives the next page."""

    certificates: list[CertificateInfo]
    cursor: str | None


class WholeCertificate(CertificateInfo):
    """A certificate with its bytes; ``asked_by`` is a person, a machine or the authority."""

    asked_by: str
    pem: str | None


class Filters(Body):
    """Which certificates: all that is given must match; a filter that is not known is refused."""

    user: Known | None = None
    host: Known | None = None
    edge: Known | None = None
    connector: Known | None = None
    service: Known | None = Field(None, description="of who may use it now, and of who serves it")
    kind: Kind | None = None
    state: State | None = None
    valid_at: Moment | None = None
    serial: Annotated[str | None, Field(max_length=64)] = None
    fingerprint: Digest | None = None
    key: Digest | None = None
    issued_after: Moment | None = None
    issued_before: Moment | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 200
    cursor: Annotated[str | None, Field(max_length=100)] = None

    def search(self, connection: Connection, now: datetime) -> Search:
        """Return what the store understands; raise InvalidInputError, NotFoundError."""
        kinds, subject = self._owner()
        return Search(
            now=now,
            kinds=kinds,
            subject=subject,
            owners=None if self.service is None else holders.of_service(connection, self.service),
            state=self.state,
            valid_at=moment(self.valid_at),
            serial=None if self.serial is None else listing.plain(self.serial),
            fingerprint=None if self.fingerprint is None else listing.plain(self.fingerprint),
            key_sha256=None if self.key is None else listing.plain(self.key),
            issued_after=moment(self.issued_after),
            issued_before=moment(self.issued_before),
        )

    def _owner(self) -> tuple[Sequence[Kind] | None, str | None]:
        given: dict[Sequence[Kind], str | None] = {
            PEOPLES: self.user,
            (Kind.HOST,): self.host,
            (Kind.EDGE,): self.edge,
            (Kind.CONNECTOR,): self.connector,
        }
        named = [(kinds, name) for kinds, name in given.items() if name is not None]
        only = None if self.kind is None else (self.kind,)
        if not named:
            return only, None
        kinds, name = named[0]
        if len(named) > 1 or self.kind not in (None, *kinds):
            raise InvalidInputError("a certificate is of one kind: user, host, edge or connector")
        return only or kinds, name


@router.get("/certificates", summary="List certificates")
def every(
    context: Current, _by: Administrator, wanted: Annotated[Filters, Query()]
) -> Certificates:
    """Return certificates, the newest first."""
    now = context.now()
    with context.store.read() as connection:
        search = wanted.search(connection, now)
        found = listing.page(connection, search, limit=wanted.limit, cursor=wanted.cursor)
    return Certificates(certificates=[info(row, now) for row in found.rows], cursor=found.cursor)


@router.get("/certificates/{name}", summary="Show a certificate")
def show(
    context: Current, session: Person, name: Annotated[str, Path(max_length=160)]
) -> WholeCertificate:
    """Return one certificate by its serial number or fingerprint: a person's own, or any."""
    with context.store.read() as connection:
        row = listing.one(connection, listing.plain(name))
    if row is None or not may_see(session, row):
        raise NotFoundError(f"there is no certificate {name!r}", hint="pgward ca list")
    plain = info(row, context.now())
    return WholeCertificate(
        **plain.model_dump(),
        asked_by=stored.actor_of(row["kind"], row["subject"]),
        pem=None if row["der"] is None else pem.text(x509.load_der_x509_certificate(row["der"])),
    )


def info(row: sa.RowMapping, now: datetime) -> CertificateInfo:
    """Show a row of the store."""
    state = row["state"]
    if state == stored.ISSUED:
        state = "active" if row["not_after"] >= now else "expired"
    names = set(CertificateInfo.model_fields) - {"state", "issued_at"}
    return CertificateInfo(
        state=state, issued_at=row["created_at"], **{name: row[name] for name in names}
    )


def may_see(session: LoginSession, row: sa.RowMapping) -> bool:
    """Tell whether a person may see a certificate: administrators all, others their own."""
    own = row["kind"] in PEOPLES and row["subject"] == session.user.name
    return own or session.user.administrator


def moment(given: datetime | None) -> datetime | None:
    """Return the time for the store, if there is one; InvalidInputError when it is none."""
    return None if given is None else listing.utc(given)
