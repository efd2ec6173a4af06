"""What clients say: the payloads of requests, read strictly where it matters (RFC 8555 section 7).

Members that are not known are ignored, as the RFC asks.
"""

import re
from dataclasses import dataclass
from typing import Any

from pgward.ca.acme import identifiers
from pgward.ca.acme.identifiers import Identifier
from pgward.ca.acme.problems import AcmeError, malformed

_MAX_CONTACTS = 10
_MAX_TEXT = 256
_MAX_CERTIFICATE = 24 * 1024
_MAIL = re.compile(r"mailto:[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}", re.ASCII)
# RFC 5280 section 5.3.1, those that a subscriber may give.
REASONS = {
    0: "unspecified",
    1: "key_compromise",
    3: "affiliation_changed",
    4: "superseded",
    5: "cessation_of_operation",
}


@dataclass(frozen=True, slots=True)
class NewAccount:
    """Section 7.3."""

    contact: tuple[str, ...]
    agreed: bool
    only_existing: bool
    binding: Any | None


@dataclass(frozen=True, slots=True)
class AccountChange:
    """Sections 7.3.2 and 7.3.6; ``contact`` is None when it stays."""

    contact: tuple[str, ...] | None
    deactivate: bool


@dataclass(frozen=True, slots=True)
class NewOrder:
    """Section 7.4, and ``replaces`` of RFC 9773 section 5."""

    identifiers: tuple[Identifier, ...]
    replaces: str | None


@dataclass(frozen=True, slots=True)
class Revocation:
    """Section 7.6; ``certificate`` is base64url DER, ``reason`` a name of x509.ReasonFlags."""

    certificate: str
    reason: str


@dataclass(frozen=True, slots=True)
class KeyChange:
    """Section 7.3.5, the inner payload."""

    account: str
    old_key: Any


def new_account(payload: dict[str, Any]) -> NewAccount:
    """Read it; raise AcmeError."""
    return NewAccount(
        contact=_contact(payload.get("contact")) or (),
        agreed=_flag(payload, "termsOfServiceAgreed"),
        only_existing=_flag(payload, "onlyReturnExisting"),
        binding=payload.get("externalAccountBinding"),
    )


def account_change(payload: dict[str, Any]) -> AccountChange:
    """Read it; raise AcmeError."""
    return AccountChange(_contact(payload.get("contact")), _deactivates(payload))


def authorization_change(payload: dict[str, Any]) -> None:
    """See that it deactivates, which is all that it can do (section 7.5.2); raise AcmeError."""
    if not _deactivates(payload):
        raise malformed("an authorization can only be deactivated")


def new_order(payload: dict[str, Any]) -> NewOrder:
    """Read it; raise AcmeError. The same name twice counts once."""
    wanted = payload.get("identifiers")
    if not isinstance(wanted, list) or not wanted:
        raise malformed("the order has no identifiers")
    if len(wanted) > identifiers.MAX_NAMES:
        raise AcmeError("rejectedIdentifier", f"more than {identifiers.MAX_NAMES} identifiers")
    if payload.get("notBefore") is not None or payload.get("notAfter") is not None:
        raise malformed("notBefore and notAfter are the authority's to choose")
    found = tuple(dict.fromkeys(identifiers.read(each) for each in wanted))
    return NewOrder(found, _text(payload, "replaces") if "replaces" in payload else None)


def finalization(payload: dict[str, Any]) -> str:
    """Return the signing request (base64url DER); raise AcmeError."""
    return _text(payload, "csr", _MAX_CERTIFICATE)


def revocation(payload: dict[str, Any]) -> Revocation:
    """Read it; raise AcmeError."""
    reason = payload.get("reason", 0)
    if not isinstance(reason, int) or isinstance(reason, bool) or reason not in REASONS:
        known = ", ".join(map(str, REASONS))
        raise AcmeError("badRevocationReason", f"the reason is none of {known}")
    return Revocation(_text(payload, "certificate", _MAX_CERTIFICATE), REASONS[reason])


def key_change(payload: dict[str, Any]) -> KeyChange:
    """Read it; raise AcmeError."""
    return KeyChange(_text(payload, "account", 2048), payload.get("oldKey"))


def challenge_response(payload: dict[str, Any]) -> None:
    """See that it is ``{}``, or nothing that means something (section 7.5.1); raise AcmeError."""
    if "keyAuthorization" in payload:
        raise malformed("a response to a challenge has no keyAuthorization: it is {}")


def _deactivates(payload: dict[str, Any]) -> bool:
    status = payload.get("status")
    if status not in (None, "valid", "deactivated"):
        raise malformed("status can only become deactivated")
    return bool(status == "deactivated")


def _contact(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > _MAX_CONTACTS:
        raise malformed(f"contact is not a list of at most {_MAX_CONTACTS} addresses")
    for each in value:
        if not isinstance(each, str) or len(each) > _MAX_TEXT:
            raise AcmeError("invalidContact", "a contact is not a short text")
        if not each.lower().startswith("mailto:"):
            raise AcmeError("unsupportedContact", "contacts are mailto: addresses")
        if not _MAIL.fullmatch(each):
            raise AcmeError("invalidContact", "a contact is not one mailto: address")
    return tuple(value)


def _flag(payload: dict[str, Any], name: str) -> bool:
    value = payload.get(name, False)
    if not isinstance(value, bool):
        raise malformed(f"{name} is not true or false")
    return value


def _text(payload: dict[str, Any], name: str, most: int = _MAX_TEXT) -> str:
    value = payload.get(name)
    if not isinstance(value, str) or len(value) > most:
        raise malformed(f"{name} is missing, too long or not a text")
    return value
