"""Keys that were revoked as compromised: none of them is ever certified again.

RFC 8555 section 7.6, and the CA/Browser Forum's baseline requirements, section 6.1.1.3. A key is
known by the certificates that name it, so those that were revoked for this reason are not purged.
"""

from collections.abc import Collection

import sqlalchemy as sa
from cryptography import x509
from sqlalchemy.engine import Connection

from pgward.ca.store.schema import COMPROMISED, certificates
from pgward.pki.errors import CompromisedKeyError

REASON = x509.ReasonFlags.key_compromise.name
# Every certificate asks. The condition is written as `ix_certificates_compromised` has it, as a
# database uses an index over some of the rows only for the very same words.
_KNOWN = sa.select(certificates.c.key_sha256).where(
    certificates.c.key_sha256.in_(sa.bindparam("keys", expanding=True)), sa.text(COMPROMISED)
)


def known(connection: Connection, key_sha256s: Collection[str]) -> set[str]:
    """Return which of these keys (by ``keys.spki_sha256``) are known as compromised."""
    return set(connection.execute(_KNOWN, {"keys": list(key_sha256s)}).scalars())


def check(connection: Connection, key_sha256: str) -> None:
    """Raise CompromisedKeyError for such a key."""
    if known(connection, [key_sha256]):
        raise CompromisedKeyError
