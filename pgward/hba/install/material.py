"""What the server needs from the CA: its certificate and key, the user CA, the CRLs.

PostgreSQL wants a current CRL for *every* CA in a client's chain, the root included: a missing,
expired or not yet valid one locks everybody out. So material is checked before it is installed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.core.clock import rfc3339
from pgward.core.errors import InvalidInputError, PgwardError
from pgward.pki import crl, keys, pem
from pgward.pki.errors import CrlError

FILES = {
    "certificate": "server.crt",
    "key": "server.key",
    "user_ca": "user-ca.crt",
    "crls": "user-ca.crl",
}
"""The name of each part's file in a generation; in the order of Material's fields."""


class MaterialError(PgwardError):
    """The material would not work, or would lock everyone out."""


@dataclass(frozen=True, slots=True)
class Material:
    """All in PEM: leaf and issuing CA, the leaf's key, the user roots, the user CAs' CRLs."""

    certificate: bytes
    key: bytes
    user_ca: bytes
    crls: bytes

    @property
    def leaf(self) -> x509.Certificate:
        """The server certificate."""
        return pem.split(self.certificate)[0]

    @property
    def der(self) -> bytes:
        """The server certificate as it is presented."""
        return self.leaf.public_bytes(Encoding.DER)

    @property
    def not_after(self) -> datetime:
        """When the server certificate ends."""
        return self.leaf.not_valid_after_utc

    @property
    def revocation_lists(self) -> list[x509.CertificateRevocationList]:
        """The CRLs, read and checked to be full ones."""
        return read_crls(self.crls)

    @property
    def crls_expire(self) -> datetime:
        """When the first CRL ends, and with it every login."""
        return min(crl.next_update(each) for each in self.revocation_lists)

    @property
    def names(self) -> frozenset[str]:
        """The DNS names and IP addresses of the server certificate."""
        return names_of(self.leaf)

    def check(self, now: datetime) -> None:
        """Raise MaterialError when the server could not use it, or would refuse everyone."""
        if keys.from_pem(self.key, None).public_key() != self.leaf.public_key():
            raise MaterialError("the server's key does not belong to its certificate")
        if not self.leaf.not_valid_before_utc <= now < self.not_after:
            raise MaterialError(
                f"the server certificate is valid from {rfc3339(self.leaf.not_valid_before_utc)} "
                f"to {rfc3339(self.not_after)}, and it is {rfc3339(now)} here",
                hint="check this machine's clock",
            )
        self._check_crls(now)

    def _check_crls(self, now: datetime) -> None:
        lists = self.revocation_lists
        for each in lists:
            start, end = each.last_update_utc, crl.next_update(each)
            if not start <= now < end:
                raise MaterialError(
                    f"the revocation list of {each.issuer.rfc4514_string()} is valid from "
                    f"{rfc3339(start)} to {rfc3339(end)}, and it is {rfc3339(now)} here",
                    hint="check this machine's clock, and that the CA runs",
                )
        # By key, not by name: a root's successor has its name.
        issuers = {crl.signer_key_id(each) for each in lists}
        for root in pem.split(self.user_ca):
            if crl.key_id(root) not in issuers:
                raise MaterialError(
                    f"there is no revocation list of {root.subject.rfc4514_string()}",
                    hint="PostgreSQL would refuse everyone",
                )

    def check_names(self, wanted: tuple[str, ...]) -> None:
        """Raise InvalidInputError when the certificate lacks one of the names."""
        missing = [name for name in wanted if name.lower() not in self.names]
        if missing:
            raise InvalidInputError(
                f"the server certificate does not name {', '.join(missing)}, but "
                f"{', '.join(sorted(self.names))}",
                hint="make a join token with these names, `pgward ca token host NAME --dns …`, "
                "and give it with --token-file",
            )

    def ending_lists(self, now: datetime) -> list[str]:
        """Say which CRLs near their end, though the CA renews them every hour."""
        return [
            f"the revocation list of {each.issuer.rfc4514_string()} ends "
            f"{rfc3339(crl.next_update(each))}: look at the CA, as PostgreSQL then refuses everyone"
            for each in self.revocation_lists
            if crl.nears_its_end(each.last_update_utc, crl.next_update(each), now)
        ]

    def refresh_before(self) -> datetime:
        """Return when the next refresh must have happened: before a CRL or the leaf ends."""
        return min(self.crls_expire, self.not_after)

    def time_left(self, now: datetime) -> timedelta:
        """Return the time until this material stops working."""
        return self.refresh_before() - now


class CertificateSource(Protocol):
    """Where material comes from."""

    def current(self) -> Material:
        """Return fresh material, its certificate renewed when little of its life is left.

        Raises UnavailableError when the CA cannot be reached.
        """


def names_of(leaf: x509.Certificate) -> frozenset[str]:
    """Return the DNS names and IP addresses of a certificate."""
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    addresses = found.get_values_for_type(x509.IPAddress)
    return frozenset({*found.get_values_for_type(x509.DNSName), *map(str, addresses)})


def read_crls(data: bytes) -> list[x509.CertificateRevocationList]:
    """Read a file of PEM CRLs; raise MaterialError without any."""
    end = b"-----END X509 CRL-----"
    pieces = [piece + end for piece in data.split(end)[:-1]]
    try:
        lists = [crl.read(_to_der(piece.lstrip())) for piece in pieces]
    except (CrlError, ValueError) as error:
        raise MaterialError("a revocation list cannot be read") from error
    if not lists:
        raise MaterialError("there is no revocation list", hint="PostgreSQL would refuse everyone")
    return lists


def crl_to_pem(data: bytes) -> bytes:
    """Write a CRL in PEM, given in DER or PEM; raise MaterialError."""
    if data.lstrip().startswith(b"-----BEGIN"):
        return data.strip() + b"\n"
    try:
        return crl.read(data).public_bytes(Encoding.PEM)
    except CrlError as error:
        raise MaterialError(error.message) from error


def _to_der(piece: bytes) -> bytes:
    return x509.load_pem_x509_crl(piece).public_bytes(Encoding.DER)
