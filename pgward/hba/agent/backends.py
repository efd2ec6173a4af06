"""Live PostgreSQL sessions that began with a certificate, and what says that one must end. Pure.

PostgreSQL tells a certificate by its serial number in decimal and its issuer in OpenSSL's old form
(``/O=Acme/CN=Acme User CA``), both cut at 63 bytes (manual, chapter 27.2.8). Version 11 tells the
subject alone.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from cryptography import x509
from cryptography.x509.oid import NameOID

NAME_BYTES = 63
"""NAMEDATALEN less its NUL: where PostgreSQL cuts a name."""
REVOKED_WHY = "the certificate is revoked"
EXPIRED_WHY = "the certificate has expired"
# Serial numbers of the CA are random and longer: nobody else's can be the same by chance.
_RANDOM_BITS = 64
_SHORT_NAMES = {
    NameOID.COMMON_NAME: "CN",
    NameOID.COUNTRY_NAME: "C",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.LOCALITY_NAME: "L",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.DOMAIN_COMPONENT: "DC",
    NameOID.EMAIL_ADDRESS: "emailAddress",
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.USER_ID: "UID",
    NameOID.TITLE: "title",
    NameOID.SURNAME: "SN",
    NameOID.GIVEN_NAME: "GN",
}
_SPECIAL = re.compile(r'[,+"\\<>;]')


@dataclass(frozen=True, slots=True)
class Backend:
    """A session with a client certificate; ``pid`` and ``started`` together are no other's, ever.

    ``started`` is PostgreSQL's own text, in UTC with microseconds. ``serial`` is None on 11.
    """

    pid: int
    started: str
    role: str
    database: str
    client: str | None
    serial: int | None
    issuer: str
    subject: str

    @property
    def key(self) -> tuple[int, str]:
        """What tells it from every other session."""
        return self.pid, self.started

    @property
    def serial_hex(self) -> str | None:
        """The serial number as the CA writes it."""
        return None if self.serial is None else f"{self.serial:x}"

    @property
    def person(self) -> str | None:
        """Whom the certificate names; None when PostgreSQL has cut the name off."""
        if len(self.subject.encode()) >= NAME_BYTES:
            return None
        found = re.search(r"(?:^|/)CN=((?:[^/\\]|\\.)*)", self.subject)
        return None if found is None else re.sub(r"\\(.)", r"\1", found[1])


@dataclass(frozen=True, slots=True)
class Sentence:
    """A session that must end, and why."""

    backend: Backend
    why: str


@dataclass(frozen=True, slots=True)
class Revoked:
    """What revocation lists say: serial numbers, and by which issuers."""

    issuers: Mapping[int, Sequence[x509.Name]] = field(default_factory=dict)

    @classmethod
    def of(cls, lists: Iterable[x509.CertificateRevocationList]) -> Self:
        """Read lists."""
        found: dict[int, list[x509.Name]] = {}
        for each in lists:
            issuer = each.issuer
            for entry in each:
                found.setdefault(entry.serial_number, []).append(issuer)
        return cls(found)

    def names(self, backend: Backend) -> bool:
        """Tell whether a session's certificate is on a list of its own issuer."""
        if backend.serial is None:
            return False
        return any(
            is_issuer(backend.issuer, name, backend.serial)
            for name in self.issuers.get(backend.serial, ())
        )


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the CA said: by serial number in hex, and by session where there is no number."""

    certificates: Mapping[str, str] = field(default_factory=dict)
    sessions: Mapping[tuple[int, str], str] = field(default_factory=dict)
    ends: Mapping[str, datetime] = field(default_factory=dict)


def judge(
    backends: Iterable[Backend],
    revoked: Sequence[Revoked],
    verdicts: Verdicts,
    now: datetime,
    *,
    end_at_expiry: bool = False,
) -> list[Sentence]:
    """Return who must end. Lists and the CA's word each suffice: either may be out of reach."""
    found = []
    for backend in backends:
        why = _why(backend, revoked, verdicts)
        if why is None and end_at_expiry and _has_expired(backend, verdicts, now):
            why = EXPIRED_WHY
        if why is not None:
            found.append(Sentence(backend, why))
    return found


def _why(backend: Backend, revoked: Sequence[Revoked], verdicts: Verdicts) -> str | None:
    serial = backend.serial_hex
    if serial is None:
        return verdicts.sessions.get(backend.key)
    if (
        serial in verdicts.certificates
        and backend.serial is not None
        and _is_random(backend.serial)
    ):
        return verdicts.certificates[serial]
    return REVOKED_WHY if any(each.names(backend) for each in revoked) else None


def _has_expired(backend: Backend, verdicts: Verdicts, now: datetime) -> bool:
    end = verdicts.ends.get(backend.serial_hex or "")
    return end is not None and end <= now


def is_issuer(told: str, name: x509.Name, serial: int) -> bool:
    """Tell whether what PostgreSQL tells of an issuer is this name.

    A name that it may write in another way counts when the serial number is random.
    """
    expected = issuer_text(name)
    if expected is None:
        return _is_random(serial)
    return _plain(told.encode()) == _plain(expected.encode()[:NAME_BYTES])


def issuer_text(name: x509.Name) -> str | None:
    """Write a name as PostgreSQL does; None with an attribute whose short name is not known here.

    OpenSSL's XN_FLAG_COMPAT order with RFC 2253's escapes: X509_NAME_to_cstring in its sources.
    """
    parts = []
    for attribute in name:
        short = _SHORT_NAMES.get(attribute.oid)
        if short is None:
            return None
        parts.append(f"/{short}={_escaped(str(attribute.value))}")
    return "".join(parts)


def _escaped(value: str) -> str:
    text = _SPECIAL.sub(lambda found: f"\\{found[0]}", value)
    if text.startswith((" ", "#")):
        text = f"\\{text}"
    if text.endswith(" ") and text != "\\ ":
        text = f"{text[:-1]}\\ "
    return text


def _plain(text: bytes) -> bytes:
    """Leave out what depends on encodings: the cut may be inside a letter."""
    return bytes(each for each in text if each < 0x80).rstrip(b"\\")  # noqa: PLR2004 - ASCII


def _is_random(serial: int) -> bool:
    return serial.bit_length() >= _RANDOM_BITS
