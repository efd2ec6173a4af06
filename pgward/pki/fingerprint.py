"""The fingerprint of a CA: ``SHA256:`` and 64 hex digits over its server root's DER."""

import hmac
import re

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from pgward.core.errors import InvalidInputError

_PREFIX = "sha256:"
_PLAIN = re.compile(r"[0-9a-f]{64}")
_COLONS = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){31}")


def of(certificate: x509.Certificate) -> str:
    """Return the canonical fingerprint of a certificate."""
    return f"SHA256:{certificate.fingerprint(hashes.SHA256()).hex()}"


def parse(text: str) -> str:
    """Return the canonical form; accepts upper case, and OpenSSL's colons between the bytes."""
    lowered = text.strip().lower()
    digits = lowered.removeprefix(_PREFIX)
    if _COLONS.fullmatch(digits):
        digits = digits.replace(":", "")
    if not _PLAIN.fullmatch(digits):
        raise InvalidInputError(
            "that is not a fingerprint",
            hint="it reads SHA256: and 64 hex digits, as `pgward ca init` printed it",
        )
    return f"SHA256:{digits}"


def matches(certificate: x509.Certificate, expected: str) -> bool:
    """Tell whether ``certificate`` has the fingerprint ``expected`` (in any accepted form)."""
    return hmac.compare_digest(of(certificate), parse(expected))
