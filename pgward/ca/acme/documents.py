"""What the server says: the addresses of its resources, and their JSON (RFC 8555 section 7.1)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pgward.ca.acme.accounts import Account
from pgward.ca.acme.orders import Authorization, Challenge, Order
from pgward.ca.acme.states import Challenge as ChallengeState
from pgward.core.clock import rfc3339

PREFIX = "/acme"


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses under the origin (``https://host:port``) at which the client reaches us."""

    origin: str

    def of(self, *parts: str) -> str:
        """Return the address of a resource."""
        return "/".join((self.origin + PREFIX, *parts))

    def account(self, account_id: str) -> str:
        """Return the address of an account, which is also its ``kid``."""
        return self.of("account", account_id)

    def order(self, order_id: str) -> str:
        """Return the address of an order."""
        return self.of("order", order_id)

    def index(self) -> str:
        """Return the Link header that every answer has (section 7.1)."""
        return f'<{self.of("directory")}>;rel="index"'


def directory(links: Links, *, external_account_required: bool, terms: str) -> dict[str, Any]:
    """Section 7.1.1."""
    meta: dict[str, Any] = {"externalAccountRequired": external_account_required}
    if terms:
        meta["termsOfService"] = terms
    return {
        "newNonce": links.of("new-nonce"),
        "newAccount": links.of("new-account"),
        "newOrder": links.of("new-order"),
        "revokeCert": links.of("revoke-cert"),
        "keyChange": links.of("key-change"),
        "renewalInfo": links.of("renewal-info"),
        "meta": meta,
    }


def account(links: Links, found: Account) -> dict[str, Any]:
    """Section 7.1.2."""
    return {
        "status": found.status.value,
        "contact": list(found.contact),
        "orders": links.of("account", found.id, "orders"),
    }


def order(links: Links, found: Order) -> dict[str, Any]:
    """Section 7.1.3, with ``replaces`` of RFC 9773."""
    document: dict[str, Any] = {
        "status": found.status.value,
        "expires": rfc3339(found.expires_at),
        "identifiers": [each.json() for each in found.identifiers],
        "authorizations": [links.of("authz", each) for each in found.authorization_ids],
        "finalize": links.of("order", found.id, "finalize"),
    }
    optional = {
        "error": found.error,
        "replaces": found.replaces,
        "certificate": found.serial and links.of("certificate", found.serial),
    }
    return document | {name: value for name, value in optional.items() if value}


def authorization(
    links: Links, found: Authorization, challenges: Iterable[Challenge]
) -> dict[str, Any]:
    """Section 7.1.4: a wildcard stands without its star."""
    identifier = found.identifier
    document: dict[str, Any] = {
        "status": found.status.value,
        "expires": rfc3339(found.expires_at),
        "identifier": identifier.json() | {"value": identifier.value.removeprefix("*.")},
        "challenges": [challenge(links, each) for each in challenges],
    }
    return document | ({"wildcard": True} if identifier.is_wildcard else {})


def challenge(links: Links, found: Challenge) -> dict[str, Any]:
    """Section 8."""
    document: dict[str, Any] = {
        "type": found.type,
        "url": links.of("challenge", found.id),
        "status": found.status.value,
        "token": found.token,
    }
    if found.finished_at is not None and found.status is ChallengeState.VALID:
        document["validated"] = rfc3339(found.finished_at)
    return document | ({"error": found.error} if found.error else {})


def orders(links: Links, ids: Sequence[str]) -> dict[str, Any]:
    """Section 7.1.2.1."""
    return {"orders": [links.order(each) for each in ids]}


def renewal(start: datetime, end: datetime) -> dict[str, Any]:
    """RFC 9773 section 4.2."""
    return {"suggestedWindow": {"start": rfc3339(start), "end": rfc3339(end)}}
