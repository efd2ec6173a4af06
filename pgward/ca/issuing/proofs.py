"""Proof certificates: of the CA that issues to people, in a reserved name, for some minutes.

A PostgreSQL host shows with them whom its server lets in and whom not. Nobody has such a name, and
each name is random and used once: no other server knows it.
"""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509

from pgward.ca.issuing import profiles
from pgward.ca.issuing.profiles import Profile
from pgward.core import names
from pgward.core.errors import InvalidInputError, UnavailableError
from pgward.pki import chain

LIFETIME = timedelta(minutes=5)
APART = timedelta(hours=1)
"""How long ago one was over, and how long it is until another begins."""
_LONGEST_NAME = 63
_RANDOM = 8
_LEAST = timedelta(seconds=2)

PROFILE = Profile(
    "proof", timedelta(minutes=10), profiles.LOGIN.key_usage, purpose=chain.CLIENT_AUTH
)


class Variant(StrEnum):
    """What a server has to think of a certificate; the last is revoked as soon as it is made."""

    VALID = "valid"
    EXPIRED = "expired"
    EARLY = "not_yet_valid"
    REVOKED = "revoked"


def new_name(domain: str | None) -> str:
    """Return a name that was never used, in a domain where people's names have one."""
    name = f"{names.PROOF_PREFIX}{secrets.token_hex(_RANDOM)}"
    whole = name if domain is None else f"{name}@{names.dns_name(domain)}"
    if len(whole) > _LONGEST_NAME:
        raise InvalidInputError(
            f"the domain {domain} is too long for a name of at most {_LONGEST_NAME} letters"
        )
    return names.identity(whole)


def spans(now: datetime, issuer: x509.Certificate) -> dict[Variant, tuple[datetime, datetime]]:
    """Return when each variant is valid; none before its issuer, or after it.

    Raises UnavailableError when the issuer is too young, or too old, for all of them.
    """
    begin, end = issuer.not_valid_before_utc, issuer.not_valid_after_utc
    start = max(now - profiles.BACKDATE, begin)
    early = now + APART
    # A CA that was made a moment ago is backdated, too: half of that is time enough.
    past = max(now - APART, begin)
    over = min(past + LIFETIME, past + (now - past) / 2)
    if over - past < _LEAST or early + LIFETIME > end:
        raise UnavailableError("the CA is too young, or too old, to issue certificates for proofs")
    return {
        Variant.VALID: (start, now + LIFETIME),
        Variant.EXPIRED: (past, over),
        Variant.EARLY: (early, early + LIFETIME),
        Variant.REVOKED: (start, now + LIFETIME),
    }
