"""When to renew: ACME Renewal Information (RFC 9773)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from pgward.ca.acme.problems import malformed
from pgward.pki import crl
from pgward.pki import jws as base64url

# Shares of a certificate's life: certbot's own rule is a third before the end.
_WINDOW = (0.62, 0.70)
CHECK_SECONDS = 6 * 3600  # how often a client should ask (RFC 9773 section 4.3)
_MAX_PART = 64


@dataclass(frozen=True, slots=True)
class CertificateId:
    """A certificate by its issuer's key and its serial number (RFC 9773 section 4.1)."""

    issuer_key: bytes
    serial: int

    @property
    def serial_hex(self) -> str:
        """The serial number as the store writes it."""
        return f"{self.serial:x}"

    def __str__(self) -> str:
        length = self.serial.bit_length() // 8 + 1  # a leading zero keeps DER integers positive
        number = self.serial.to_bytes(length)
        return f"{base64url.encode(self.issuer_key)}.{base64url.encode(number)}"


def identify(certificate: x509.Certificate) -> CertificateId:
    """Return the identifier of a certificate; raise CrlError without an authority key id."""
    return CertificateId(crl.issuer_key_id(certificate), certificate.serial_number)


def parse(text: str) -> CertificateId:
    """Read an identifier in its one spelling; raise AcmeError."""
    try:
        key, serial = (base64url.decode(part) for part in text.split("."))
    except ValueError as error:  # JwsError is one
        raise malformed("that is not a certificate identifier") from error
    found = CertificateId(key, int.from_bytes(serial))
    if not 1 <= len(key) <= _MAX_PART or len(serial) > _MAX_PART or str(found) != text:
        raise malformed("that is not a certificate identifier")
    return found


def window(
    not_before: datetime, not_after: datetime, *, now: datetime, at_once: bool
) -> tuple[datetime, datetime]:
    """Return when a certificate should be renewed; a window in the past means at once."""
    if at_once:
        return now - timedelta(hours=1), now - timedelta(minutes=1)
    life = not_after - not_before
    return not_before + life * _WINDOW[0], not_before + life * _WINDOW[1]
