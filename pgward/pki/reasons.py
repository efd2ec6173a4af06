"""Why certificates are revoked: the names and numbers of RFC 5280 section 5.3.1."""

import re
from difflib import get_close_matches

from cryptography import x509

from pgward.core.errors import InvalidInputError

CODES: dict[x509.ReasonFlags, int] = {
    x509.ReasonFlags.unspecified: 0,
    x509.ReasonFlags.key_compromise: 1,
    x509.ReasonFlags.ca_compromise: 2,
    x509.ReasonFlags.affiliation_changed: 3,
    x509.ReasonFlags.superseded: 4,
    x509.ReasonFlags.cessation_of_operation: 5,
    x509.ReasonFlags.certificate_hold: 6,
    x509.ReasonFlags.remove_from_crl: 8,
    x509.ReasonFlags.privilege_withdrawn: 9,
    x509.ReasonFlags.aa_compromise: 10,
}
_NOT_FOR_GOOD = (x509.ReasonFlags.certificate_hold, x509.ReasonFlags.remove_from_crl)
_NOT_FOR_LEAVES = (x509.ReasonFlags.ca_compromise, x509.ReasonFlags.aa_compromise)
FOR_LEAVES = tuple(
    flag.value for flag in CODES if flag not in _NOT_FOR_GOOD and flag not in _NOT_FOR_LEAVES
)
"""The names that the certificate of a person or a machine may be revoked for."""


def parse(text: str) -> x509.ReasonFlags:
    """Read a reason's name, in any case, with or without - and _; raise InvalidInputError."""
    wanted = _plain(text)
    known = {_plain(flag.value): flag for flag in CODES}
    flag = known.get(wanted)
    if flag is None:
        near = get_close_matches(wanted, [_plain(name) for name in FOR_LEAVES], 1)
        meant = f"did you mean {known[near[0]].value}?" if near else _HINT
        raise InvalidInputError(f"{text!r} is no reason to revoke", hint=meant)
    if flag in _NOT_FOR_GOOD:
        raise InvalidInputError(f"{flag.value} does not revoke for good", hint=_HINT)
    if flag in _NOT_FOR_LEAVES:
        raise InvalidInputError(f"{flag.value} is for the certificates of CAs", hint=_HINT)
    return flag


def name(stored: str) -> str:
    """Return the RFC's name of a reason as the store keeps it (``key_compromise``)."""
    found: str = x509.ReasonFlags[stored].value
    return found


def _plain(text: str) -> str:
    return re.sub(r"[-_\s]", "", text).lower()


_HINT = f"one of {', '.join(FOR_LEAVES)}"
