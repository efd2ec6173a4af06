"""Addresses as Go's package net reads them, for CockroachDB.

``net.ParseIP``, ``net.ParseCIDR`` and ``IPNet.Contains`` are stricter than PostgreSQL: four decimal
numbers without leading zeros, and no zone. An IPv4 address that is written as IPv6,
``::ffff:10.0.0.1``, is the IPv4 address.
"""

import re
from ipaddress import IPv4Address, IPv6Address

from pgward.hba.syntax.addresses import IP, Network

_V4_BITS, _V6_BITS = 32, 128
_MAPPED = 0xFFFF  # above the last 32 bits
_LONG = 9
_DIGITS = re.compile(r"[0-9]+")


def ip(text: str) -> IP | None:
    """Return an address, or None where the text is none."""
    if "%" in text or not text.isascii():
        return None
    try:
        return IPv6Address(text) if ":" in text else IPv4Address(text)
    except ValueError:
        return None


def cidr(text: str) -> Network | None:
    """Return an address with ``/`` and a number of bits, or None where the text is none."""
    address, _, count = text.partition("/")
    number = ip(address)
    if number is None or not _DIGITS.fullmatch(count):
        return None
    bits, length = number.max_prefixlen, int(count.lstrip("0")[:_LONG] or "0")
    if length > bits:
        return None
    whole = (1 << bits) - 1
    mask = whole ^ (whole >> length)
    return _as_seen(int(number), mask, bits)


def masked(number: IP, mask: IP) -> Network | None:
    """Return an address with a mask in the next field, or None where it is no prefix of it.

    Raises ValueError where one is IPv4 and the other is not.
    """
    address, of_address = plain(number)
    bits, of_mask = plain(mask)
    rest = ((1 << of_mask) - 1) ^ bits
    if rest & (rest + 1):
        return None
    if of_address != of_mask:
        raise ValueError(of_address)
    return Network(address, bits, of_address)


def _as_seen(address: int, mask: int, bits: int) -> Network:
    """Return a network as clients are compared with it: IPv4 within IPv6 is IPv4."""
    if bits == _V6_BITS and (address & mask) >> _V4_BITS == _MAPPED:
        low = (1 << _V4_BITS) - 1
        return Network(address & low, mask & low, _V4_BITS)
    return Network(address, mask, bits)


def plain(number: IP) -> tuple[int, int]:
    """Return an address and its bits, IPv4 where it is that (``IP.To4``)."""
    value = int(number)
    if number.max_prefixlen == _V6_BITS and value >> _V4_BITS == _MAPPED:
        return value & ((1 << _V4_BITS) - 1), _V4_BITS
    return value, number.max_prefixlen
