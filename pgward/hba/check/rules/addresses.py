"""The addresses of lines: too many, not what they look like, or half of what is meant."""

from ipaddress import IPv4Address, IPv6Address
from itertools import product

from pgward.hba.check.finding import Severity
from pgward.hba.check.reached import ways
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.sets import is_loopback
from pgward.hba.check.subject import Subject
from pgward.hba.check.wording import lets
from pgward.hba.syntax.addresses import IP, Address, HostName, Network, Word
from pgward.hba.syntax.rules import Rule, asks_for_certificate
from pgward.hba.syntax.tokens import Token

_ALL = Token("all")
_REPLICATION = Token("replication")
_V4_BITS, _V6_BITS = 32, 128
_LOOPBACK: dict[int, IP] = {_V4_BITS: IPv4Address("127.0.0.1"), _V6_BITS: IPv6Address("::1")}
_NUMBERS = {bits: int(each) for bits, each in _LOOPBACK.items()}
_Pair = tuple[Token, Token]


@rule(
    "HBA031",
    "every-address",
    Severity.WARNING,
    "a line lets every address of the world in without a certificate",
    why="Whoever can reach the port may try passwords for as long as they like, and a firewall "
    "that is opened by mistake is the only other thing in between.",
    bad=Example("hostssl all all 0.0.0.0/0 scram-sha-256"),
    good=Example("hostssl all all 0.0.0.0/0 cert\nhostssl all all 10.0.0.0/8 scram-sha-256"),
)
def every_address(subject: Subject) -> Found:
    """Look for lines for every address of IPv4, of IPv6, or of both."""
    for way in ways(subject):
        address = way.rule.address
        every = address is Word.ALL or (isinstance(address, Network) and not address.mask)
        if every and way.is_in and not asks_for_certificate(way.rule, subject.able):
            yield way.place, f"{lets(way.rule)} without a certificate"


@rule(
    "HBA032",
    "host-name",
    Severity.NOTE,
    "a host name decides whom a line is for",
    why="PostgreSQL asks the DNS at each connection: who controls its answers decides who gets in, "
    "and while it does not answer the line matches nobody, so a reject keeps nobody out.",
    bad=Example("hostssl all all db.example.com scram-sha-256"),
    good=Example("hostssl all all 192.0.2.7/32 scram-sha-256"),
)
def host_name(subject: Subject) -> Found:
    """Look for names of other hosts than this one."""
    for way in ways(subject):
        address = way.rule.address
        if isinstance(address, HostName) and way.is_remote:
            yield way.place, f"the DNS decides who comes from {address.name}"


@rule(
    "HBA033",
    "bits-beyond-the-mask",
    Severity.NOTE,
    "an address has bits that its mask leaves out",
    why="PostgreSQL does not look at them. Who wrote one machine's address with a network's mask "
    "let the whole network in.",
    bad=Example("hostssl all all 10.1.2.3/8 cert"),
    good=Example("hostssl all all 10.1.2.3/32 cert\nhostssl all all 10.0.0.0/8 cert"),
)
def beyond_the_mask(subject: Subject) -> Found:
    """Look for bits that count for nothing."""
    for entry in subject.rules:
        address = entry.says.address
        if isinstance(address, Network) and address.address & ~address.mask:
            given = (IPv4Address if address.bits == _V4_BITS else IPv6Address)(address.address)
            yield entry.place, f"{given} stands for all of {address}"


@rule(
    "HBA034",
    "mask-that-is-no-prefix",
    Severity.NOTE,
    "the mask of an address is no prefix of it",
    why="Its addresses are scattered over many networks, which is hardly ever meant: mostly a "
    "digit is wrong, or it is the wildcard mask of a router, which is the other way round.",
    bad=Example("hostssl all all 10.1.2.0 0.0.0.255 cert"),
    good=Example("hostssl all all 10.1.2.0 255.255.255.0 cert"),
)
def no_prefix(subject: Subject) -> Found:
    """Look for masks whose bits are not the first ones."""
    for entry in subject.rules:
        address = entry.says.address
        if isinstance(address, Network) and address.prefix is None:
            yield entry.place, f"the mask of {address} is no prefix"


@rule(
    "HBA035",
    "half-of-loopback",
    Severity.NOTE,
    "a line is for loopback of IPv4 or of IPv6, and no line does the same for the other",
    why="localhost is both, and programs mostly try ::1 first: they are refused there, or fall to "
    "a line that was meant for others.",
    bad=Example("host all all 127.0.0.1/32 scram-sha-256"),
    good=Example("host all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256"),
)
def half_of_loopback(subject: Subject) -> Found:
    """Look up what lines for the other loopback address there are, by their names."""
    there: dict[int, set[_Pair]] = {bits: set() for bits in _LOOPBACK}
    for entry in subject.rules:
        for bits in _loops(entry.says.address):
            there[bits].update(product(entry.says.databases, entry.says.roles))
    for way in ways(subject):
        other = _lacking(way.rule)
        if other is not None and not _has(there[other], way.rule):
            yield way.place, f"{lets(way.rule)}, and no line is for {_LOOPBACK[other]}"


def _loops(address: Address | None) -> list[int]:
    """Return which addresses of loopback an address holds, by their bits."""
    if isinstance(address, Network):
        loops = (address.address ^ _NUMBERS[address.bits]) & address.mask == 0
        return [address.bits] if loops else []
    if isinstance(address, HostName):
        return list(_LOOPBACK) if address.name.lower() == "localhost" else []
    return [] if address is None else list(_LOOPBACK)


def _lacking(rule: Rule) -> int | None:
    """Return the bits of the other family, where a rule is for one family's loopback alone."""
    if not (_loops(rule.address) and isinstance(rule.address, Network) and is_loopback(rule)):
        return None
    return _V6_BITS if rule.address.bits == _V4_BITS else _V4_BITS


def _has(there: set[_Pair], rule: Rule) -> bool:
    return all(
        any(
            (each, name) in there
            for each in ((database,) if database == _REPLICATION else (database, _ALL))
            for name in (role, _ALL)
        )
        for database, role in product(rule.databases, rule.roles)
    )


RULES = (every_address, host_name, beyond_the_mask, no_prefix, half_of_loopback)
