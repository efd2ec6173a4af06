"""The address of a rule: which clients it speaks about.

What counts as a number is what getaddrinfo(3) takes with AI_NUMERICHOST, so ``10.1`` is 10.0.0.1
and ``010.0.0.1`` is 8.0.0.1, as for PostgreSQL; all else is the name of a host.
"""

import functools
import re
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.tokens import Token

IP = IPv4Address | IPv6Address
_FIELD = 3  # of the address, in its line
_V4_BITS = 32
_PART = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*")
_COUNT = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)")  # as strtol(3) reads it
_MOST_PARTS = 4
_KEPT = 1024


class Word(Enum):
    """An address that is a keyword."""

    ALL = "all"
    SAMEHOST = "samehost"
    SAMENET = "samenet"


_WORDS = {word.value: word for word in Word}


class Network(NamedTuple):
    """An address and a mask, which need not be a prefix, of ``bits`` 32 or 128."""

    address: int
    mask: int
    bits: int

    def holds(self, client: IP) -> bool:
        """Tell whether a client's address is in it; IPv4 is never in IPv6, nor the reverse."""
        if client.max_prefixlen != self.bits:
            return False
        return (int(client) ^ self.address) & self.mask == 0

    @property
    def prefix(self) -> int | None:
        """How many bits of the mask are set, when they are the first ones."""
        length = self.mask.bit_count()
        whole = (1 << self.bits) - 1
        return length if self.mask == whole ^ (whole >> length) else None

    def covers(self, other: "Network") -> bool:
        """Tell whether every address of ``other`` is in this one, too."""
        if self.bits != other.bits or self.mask & ~other.mask:
            return False
        return (self.address ^ other.address) & self.mask == 0

    def __str__(self) -> str:
        address = _shown(self.address & self.mask, self.bits)
        prefix = self.prefix
        return f"{address}/{_shown(self.mask, self.bits) if prefix is None else prefix}"


@dataclass(frozen=True, slots=True)
class HostName:
    """A host's name, or with a dot before it every name that ends so."""

    name: str

    def matches(self, name: str) -> bool:
        """Tell whether a client's name, found in the DNS both ways, is meant."""
        wanted, given = _folded(self.name), _folded(name)
        return given.endswith(wanted) if wanted.startswith(".") else given == wanted


Address = Word | Network | HostName


def read(token: Token) -> Address | IP:
    """Read an address; an IP without a mask comes as it is, for the mask is the next field.

    Raises BadLineError.
    """
    if not token.quoted and token.text in _WORDS:
        return _WORDS[token.text]
    text, slash, count = token.text.partition("/")
    number = numeric(text)
    if number is None:
        if slash:
            raise BadLineError(
                f"both a host name and a CIDR mask are given: {token.text!r}", _FIELD
            )
        return HostName(text)
    if not slash:
        return number
    return with_prefix(number, count)


def with_prefix(number: IP, count: str) -> Network:
    """Return the network of an address and the text of a prefix length; raise BadLineError."""
    bits = number.max_prefixlen
    mask = _prefix_mask(count, bits)
    if mask is None:
        raise BadLineError(f"{count!r} is no number of bits of {number}", _FIELD)
    return Network(int(number), mask, bits)


@functools.lru_cache(_KEPT)
def _prefix_mask(count: str, bits: int) -> int | None:
    match = _COUNT.fullmatch(count)
    length = -1 if match is None else int(match[1])
    whole = (1 << bits) - 1
    return whole ^ (whole >> length) if 0 <= length <= bits else None


def with_mask(number: IP, token: Token) -> Network:
    """Return the network of an address and a mask in the next field; raise BadLineError."""
    mask = numeric(token.text)
    if mask is None:
        raise BadLineError(f"{token.text!r} is no IP mask", _FIELD + 1)
    if mask.max_prefixlen != number.max_prefixlen:
        raise BadLineError(f"the address {number} and the mask {mask} do not match", _FIELD + 1)
    return Network(int(number), int(mask), number.max_prefixlen)


def numeric(text: str) -> IP | None:
    """Return the address that a text is as a number, or None."""
    try:
        return _v4(text) if ":" not in text else IPv6Address(text.partition("%")[0])
    except ValueError:
        return None


def _v4(text: str) -> IPv4Address:
    """Read an IPv4 address as inet_aton(3): one to four parts, the last of which fills the rest."""
    parts = text.split(".")
    if len(parts) > _MOST_PARTS:
        raise ValueError(text)
    numbers = [_part(part) for part in parts]
    value = 0
    for number in numbers[:-1]:
        if number > 255:  # noqa: PLR2004 - an octet
            raise ValueError(text)
        value = value << 8 | number
    left = 8 * (_MOST_PARTS + 1 - len(numbers))
    if numbers[-1] >= 1 << left:
        raise ValueError(text)
    return IPv4Address(value << left | numbers[-1])


@functools.lru_cache(_KEPT)
def _part(text: str) -> int:
    """Read a part, which is octal behind a 0; raise ValueError."""
    if not _PART.fullmatch(text):
        raise ValueError(text)
    octal = text.startswith("0") and text.isdigit()
    return int(text, 8 if octal else 0)


def _shown(number: int, bits: int) -> str:
    return str(IPv4Address(number) if bits == _V4_BITS else IPv6Address(number))


def _folded(name: str) -> str:
    """Lower the letters A to Z, as pg_strcasecmp in the C locale does."""
    return "".join(chr(ord(each) + 32) if "A" <= each <= "Z" else each for each in name)
