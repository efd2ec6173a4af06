"""Which CA this machine trusts: its URL and the server root pinned by fingerprint.

The first contact cannot be verified, so it asks for one thing only, the CA's server
roots, and keeps the one whose fingerprint a person was given by another way. All that
follows is verified against that root, the host name included.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from cryptography import x509

from pgward.core.errors import DeniedError, InvalidInputError, LoginNeededError, PgwardError
from pgward.pki import fingerprint, pem
from pgward.system.files import atomic_write, storage_errors

FILE = "trust.json"


class FingerprintError(DeniedError):
    """The CA has no server root with the fingerprint that was given."""


@dataclass(frozen=True, slots=True)
class Trust:
    """A CA's URL (``https://host:port``), its fingerprint, and its server roots in PEM."""

    ca_url: str
    fingerprint: str
    server_roots: tuple[str, ...]

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read ``trust.json``; raise LoginNeededError when there is none."""
        path = directory / FILE
        try:
            with storage_errors(path, "read"):
                return cls.from_json(path.read_bytes(), str(path))
        except PgwardError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise LoginNeededError(
                    "this machine knows no certificate authority yet",
                    hint="pgward login --ca https://HOST:PORT --fingerprint SHA256:…",
                ) from error
            raise

    @classmethod
    def from_json(cls, data: bytes, where: str) -> Self:
        """Read what ``to_json`` wrote; raise InvalidInputError naming ``where``."""
        try:
            fields = json.loads(data)
            return cls(fields["ca_url"], fields["fingerprint"], tuple(fields["server_roots"]))
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInputError(
                "this file is damaged",
                where=where,
                hint="log in again: pgward login --ca https://HOST:PORT --fingerprint SHA256:…",
            ) from error

    def to_json(self) -> bytes:
        """Write all of it as JSON."""
        fields = {
            "ca_url": self.ca_url,
            "fingerprint": self.fingerprint,
            "server_roots": list(self.server_roots),
        }
        return json.dumps(fields, indent=2).encode() + b"\n"

    def renewed(self, server_roots: bytes) -> "Trust":
        """Return the trust with the roots that the CA gave with a certificate.

        The fingerprint stays while its root is among them; else it is the first one's.
        """
        roots = pem.split(server_roots)
        known = any(fingerprint.matches(root, self.fingerprint) for root in roots)
        return Trust(
            self.ca_url,
            self.fingerprint if known else fingerprint.of(roots[0]),
            tuple(pem.text(root) for root in roots),
        )

    def save(self, directory: Path) -> None:
        """Write ``trust.json`` atomically."""
        atomic_write(directory / FILE, self.to_json())


def parse_url(text: str) -> str:
    """Return the CA's URL without a path, with https in front when no scheme was written."""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    plain = not (parts.query or parts.fragment or parts.username or parts.path.strip("/"))
    if parts.scheme != "https" or not parts.hostname or port in {-1, 0} or not plain:
        raise InvalidInputError(
            f"{text!r} is not a CA's address", hint="for example https://ca.example.com:8443"
        )
    return f"https://{parts.netloc}"


def verified_context(server_roots: tuple[str, ...] | list[str]) -> ssl.SSLContext:
    """Return a client context that trusts these roots only, TLS 1.2 or later, names checked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata="\n".join(server_roots))
    return context


def unverified_context() -> ssl.SSLContext:
    """Return a context for the first contact, whose answer is checked by fingerprint instead."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def choose_root(answer: Mapping[str, Any], expected: str) -> x509.Certificate:
    """Return the root in a /v1/trust answer that has the fingerprint; raise FingerprintError."""
    roots = [root for text in answer["server_roots"] for root in pem.split(str(text).encode())]
    for root in roots:
        if fingerprint.matches(root, expected):
            return root
    found = " and ".join(fingerprint.of(root) for root in roots) or "none"
    raise FingerprintError(
        f"the CA has another fingerprint\nexpected {fingerprint.parse(expected)}\nfound    {found}",
        hint="compare it with what `pgward ca init` printed; if it is right, somebody else answers",
    )
