"""What the authority asks of its store: records of certificates, revocations and CRLs."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from cryptography import x509

from pgward.core.errors import PgwardError


class CaName(StrEnum):
    """The roles of CAs; the first CA of each has the role's name as its id."""

    USER_ROOT = "user-root"
    USER_ISSUING = "user-issuing"
    SERVER_ROOT = "server-root"
    SERVER_ISSUING = "server-issuing"


class Kind(StrEnum):
    """Whose certificate it is."""

    PERSON = "person"  # a login certificate; the subject is the user's name
    MINTED = "minted"  # in a person's name too, for an edge that logs in to PostgreSQL for them
    ACCOUNT = "account"  # in the name of a connector's own account on a PostgreSQL server
    EDGE = "edge"
    HOST = "host"  # a PostgreSQL server
    CONNECTOR = "connector"  # what makes roles on PostgreSQL servers
    API = "api"  # the authority's own HTTPS listener
    SNAPSHOT = "snapshot"  # signs the configuration of edges
    OCSP = "ocsp"  # signs OCSP responses
    CA = "ca"  # a root or an issuing CA
    PROBE = "probe"  # shows that a machine trusts the next CA, or whom a PostgreSQL server lets in


PEOPLES = (Kind.PERSON, Kind.MINTED)
"""Certificates in people's names: each is issued in a login session, and ends with it."""


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """What is stored, and committed, before a certificate is signed."""

    serial: int
    ca: str  # a CA's id: `user-issuing`, and after a rotation `user-issuing-2`
    kind: Kind
    subject: str
    not_before: datetime
    not_after: datetime
    key_sha256: str  # lower-case hex over the DER SubjectPublicKeyInfo
    dns: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    session_id: str | None = None
    client: str | None = None  # the address that asked

    @property
    def serial_hex(self) -> str:
        """The serial number as the API and the store write it."""
        return f"{self.serial:x}"


@dataclass(frozen=True, slots=True)
class Signed:
    """A record and the certificate that was signed for it."""

    record: CertificateRecord
    der: bytes = field(repr=False)


class Revocation(NamedTuple):
    """One entry of a CRL; a tuple, as there may be 100,000."""

    serial: int
    revoked_at: datetime
    reason: x509.ReasonFlags = x509.ReasonFlags.unspecified


@dataclass(frozen=True, slots=True)
class PublishedCrl:
    """A signed CRL with what its readers look for first."""

    name: str  # of the CA
    number: int
    this_update: datetime
    next_update: datetime
    der: bytes = field(repr=False)


class CertificateStore(Protocol):
    """Remembers certificates and CRLs.

    Every method has committed when it returns, or commits when ``exclusive`` ends.
    """

    def reserve(self, records: Sequence[CertificateRecord]) -> Mapping[int, PgwardError]:
        """Store what is about to be signed.

        Returns by serial number why one must not be signed; it is not stored then. ConflictError
        when a serial number is taken: nothing is stored.
        """
        ...

    def record(self, signed: Sequence[Signed]) -> Mapping[int, PgwardError]:
        """Add the signed certificates to their records.

        Returns by serial number why one must not leave the authority; it is not recorded then.
        """
        ...

    def exclusive(self) -> AbstractContextManager[object]:
        """Keep every other writer out until the context ends; what is written in it is one."""
        ...

    def revocations(self, ca: str, *, expired_after: datetime) -> Sequence[Revocation]:
        """Return what this CA revoked, without certificates that expired before that time."""
        ...

    def latest_crl(self, ca: str) -> PublishedCrl | None:
        """Return the CRL with the highest number."""
        ...

    def save_crl(self, crl: PublishedCrl) -> None:
        """Store a CRL; ConflictError when that number is there already."""
        ...
