"""What a certificate may be asked for: DNS names and IP addresses (RFC 8555, RFC 8738)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from pgward.ca.acme.problems import AcmeError, malformed
from pgward.core import names
from pgward.core.errors import InvalidInputError

DNS, IP = "dns", "ip"
MAX_NAMES = 50
_MAX_TEXT = 253
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """One name, in its one spelling: lower case, an address as RFC 5952 writes it."""

    type: str
    value: str

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for every name below one."""
        return self.value.startswith("*.")

    def json(self) -> dict[str, str]:
        """Return it as ACME writes it."""
        return {"type": self.type, "value": self.value}


def read(value: object) -> Identifier:
    """Read an identifier of an order; raise AcmeError."""
    if not isinstance(value, dict):
        raise malformed("an identifier is not an object")
    kind, text = value.get("type"), value.get("value")
    if not isinstance(kind, str) or not isinstance(text, str) or len(text) > _MAX_TEXT:
        raise malformed("an identifier has no type or no usable value")
    if kind not in (DNS, IP):
        raise AcmeError("unsupportedIdentifier", f"identifiers are of type {DNS} or {IP}")
    try:
        return dns(text) if kind == DNS else ip(text)
    except InvalidInputError as error:
        raise AcmeError("rejectedIdentifier", error.message) from error


def dns(text: str) -> Identifier:
    """Return the identifier of a DNS name, with or without a wildcard; raise InvalidInputError."""
    name = names.dns_name(text, wildcard=True)
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        # 127.0.0.1 and 0x7f.1 are rows of labels, too, and resolvers take them for addresses.
        raise InvalidInputError(f"{text!r} is not a DNS name: its last label is a number")
    return Identifier(DNS, name)


def ip(text: str) -> Identifier:
    """Return the identifier of an IP address; raise InvalidInputError."""
    try:
        address = ip_address(text)
    except ValueError:
        raise InvalidInputError(f"{text!r} is not an IP address") from None
    if isinstance(address, IPv6Address) and (address.scope_id or address.ipv4_mapped):
        raise InvalidInputError(f"{text!r} is not an IP address that a certificate can name")
    return Identifier(IP, str(address))


def from_rows(rows: Iterable[Any]) -> tuple[Identifier, ...]:
    """Read identifiers as the store keeps them."""
    return tuple(Identifier(row["type"], row["value"]) for row in rows)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Names that an account may ask for: DNS patterns, addresses and networks.

    ``*.db.example.com`` stands for one label, as in a certificate: not for ``a.b.db.example.com``
    and not for ``db.example.com``.
    """

    dns: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()

    @classmethod
    def checked(cls, dns_patterns: Sequence[str], ips: Sequence[str]) -> "Allowed":
        """Check what a person wrote; raise InvalidInputError."""
        if len(dns_patterns) + len(ips) > MAX_NAMES:
            raise InvalidInputError(f"more than {MAX_NAMES} DNS names and IP addresses")
        patterns = dict.fromkeys(dns(each).value for each in dns_patterns)
        return cls(tuple(patterns), tuple(dict.fromkeys(_network(each) for each in ips)))

    def permits(self, wanted: Identifier) -> bool:
        """Tell whether an identifier may be asked for."""
        if wanted.type == IP:
            address = ip_address(wanted.value)
            return any(address in ip_network(each) for each in self.ips)
        return any(_matches(pattern, wanted.value) for pattern in self.dns)


def _matches(pattern: str, name: str) -> bool:
    if not pattern.startswith("*."):
        return name == pattern
    first, _, rest = name.partition(".")
    # A wildcard that is asked for is permitted by the same wildcard only.
    return rest == pattern[2:] and bool(first)


def _network(text: str) -> str:
    try:
        network = ip_network(text)
    except ValueError:
        hint = "for example 10.0.0.7 or 10.0.0.0/24"
        raise InvalidInputError(f"{text!r} is not an IP address or network", hint=hint) from None
    return str(network)
