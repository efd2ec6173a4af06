"""By which connections each rule is still reached, since the first that matches decides.

Sound, not complete: a rule is left out only where earlier ones match for certain whatever it would
match. They are looked up, not compared, since files may have fifty thousand lines.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import NamedTuple, TypeVar

from pgward.hba.check import sets
from pgward.hba.check.subject import Entry, Subject
from pgward.hba.decide.connection import Encryption
from pgward.hba.syntax.addresses import Address, HostName, Network, Word
from pgward.hba.syntax.files import Place
from pgward.hba.syntax.rules import LOCAL, Rule, kinds
from pgward.hba.syntax.tokens import Field, Token
from pgward.hba.syntax.versions import NEWEST, Abilities

_ALL = Token("all")
_REPLICATION = Token("replication")
_SPECIAL = frozenset({"all", "replication", "sameuser", "samerole", "samegroup"})
_SOCKET = 1 << len(Encryption)
_BIT = {each: 1 << number for number, each in enumerate(Encryption)}
_BITS = {LOCAL: _SOCKET} | {
    kind: sum(_BIT[each] for each in sets.encryptions(Rule(kind, (), (), None, "")))
    for kind in kinds(Abilities(NEWEST)) - {LOCAL}
}
_OVER_TLS = frozenset({Encryption.TLS})
_EVERYTHING = (_ALL, _ALL)
_ENCRYPTIONS = [
    frozenset(each for each, bit in _BIT.items() if bits & bit) for bits in range(2 * _SOCKET)
]
# Lists whose pairs are more than this are not followed: they count as reached, and cover nothing.
_MOST_PAIRS = 10_000

_Key = tuple[Token, Token]
_Where = Address | tuple[int, int, int] | None
T = TypeVar("T")
_EVERY_V4, _EVERY_V6 = (0, 0, 32), (0, 0, 128)


class Way(NamedTuple):
    """A rule, and how connections may be encrypted that it decides about; not at all if local."""

    entry: Entry[Rule]
    by: frozenset[Encryption]

    @property
    def rule(self) -> Rule:
        """What the line says."""
        return self.entry.says

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.entry.place

    @property
    def is_in(self) -> bool:
        """Whether it lets anybody in."""
        return self.rule.method != "reject"

    @property
    def is_remote(self) -> bool:
        """Whether it is for other machines."""
        address = self.rule.address
        if isinstance(address, HostName):
            # Whoever calls himself so from elsewhere is found out: the name leads back here.
            return address.name.lower() != "localhost"
        return not sets.is_loopback(self.rule)

    @property
    def is_bare(self) -> bool:
        """Whether it decides about connections from other machines that nothing encrypts."""
        return Encryption.NONE in self.by and self.is_remote


def ways(subject: Subject) -> list[Way]:
    """Return the rules of a subject that are reached, in their order."""
    return once(subject, "rules that are reached", lambda: _reached(subject))


def _reached(subject: Subject) -> list[Way]:
    found = left(subject.rules)
    if subject.able.without_tls:
        return found
    with_tls = (Way(each.entry, each.by & _OVER_TLS) for each in found)
    return [each for each in with_tls if each.by or each.rule.kind == LOCAL]


def once(subject: Subject, name: str, make: Callable[[], T]) -> T:
    """Return what was made of a subject under this name, or make it."""
    if name not in subject.kept:
        subject.kept[name] = make()
    found: T = subject.kept[name]
    return found


def left(entries: Iterable[Entry[Rule]]) -> list[Way]:
    """Return which of some rules are reached, had the server no others."""
    decided = _Decided()
    taken = ((each, decided.take(each.says)) for each in entries)
    return [Way(each, _ENCRYPTIONS[open_]) for each, open_ in taken if open_]


class _Decided:
    """What the rules so far decide: for names and an address, the ways of encrypting, as bits."""

    def __init__(self) -> None:
        # Most pairs stand in one rule only, and need no more than its address and bits.
        self._by_names: dict[_Key, tuple[_Where, int] | _Places] = {}

    def take(self, rule: Rule) -> int:
        """Note a rule, and return the bits of it that were not decided for all that it names."""
        bits, where = _BITS[rule.kind], _where(rule.address)
        pairs = _pairs(rule)
        open_ = 0 if pairs else bits
        for pair in pairs:
            open_ |= self._undecided(pair, where, bits)
            if open_ == bits:
                break
        only = where, bits
        for pair in pairs:
            at = self._by_names.setdefault(pair, only)
            if at is only:
                continue
            if isinstance(at, tuple):
                at = self._by_names[pair] = _Places(*at)
            at.add(where, bits)
        return open_

    def _undecided(self, pair: _Key, where: _Where, bits: int) -> int:
        for key in _wider(pair):
            at = self._by_names.get(key)
            if at is None:
                continue
            if isinstance(at, tuple):
                bits &= ~at[1] if _holds(at[0], where) else bits
            else:
                bits &= ~at.found(where)
            if not bits:
                break
        return bits


class _Places:
    """Addresses, and the ways of encrypting that rules for them decide."""

    __slots__ = ("_at", "_masks")

    def __init__(self, where: _Where, bits: int) -> None:
        self._at: dict[_Where, int] = {}
        self._masks: set[tuple[int, int]] = set()
        self.add(where, bits)

    def add(self, where: _Where, bits: int) -> None:
        """Note a rule."""
        self._at[where] = self._at.get(where, 0) | bits
        if isinstance(where, tuple):
            self._masks.add(where[1:])

    def found(self, where: _Where) -> int:
        """Return what is decided for all of an address."""
        at = self._at
        found = at.get(Word.ALL, 0)
        if not isinstance(where, tuple):
            return found | at.get(where, 0) | at.get(_EVERY_V4, 0) & at.get(_EVERY_V6, 0)
        address, narrow, length = where
        for mask, bits in self._masks:
            if bits == length and not mask & ~narrow:
                found |= at.get((address & mask, mask, bits), 0)
        return found


def _holds(one: _Where, other: _Where) -> bool:
    """Tell whether an address holds another one, for certain."""
    if one is Word.ALL or one == other:
        return True
    if not (isinstance(one, tuple) and isinstance(other, tuple)):
        return False
    address, mask, bits = one
    return bits == other[2] and not mask & ~other[1] and other[0] & mask == address


def _where(address: Address | None) -> _Where:
    """Return an address with nothing beyond its mask."""
    if isinstance(address, Network):
        return address.address & address.mask, address.mask, address.bits
    return address


def _pairs(rule: Rule) -> list[_Key]:
    """Return each pair of a database and a role that a rule names; none where they are too many."""
    databases, roles = rule.databases, rule.roles
    if len(databases) == len(roles) == 1:
        return [(_plain(databases)[0], _plain(roles)[0])]
    if len(databases) * len(roles) > _MOST_PAIRS:
        return []
    return list(product(_plain(databases), _plain(roles)))


def _plain(names: Field) -> Sequence[Token]:
    """Leave quotes out where they change nothing."""
    for each in names:
        if each[1]:
            break
    else:
        return names
    return [Token(each.text) if _needlessly_quoted(each) else each for each in names]


def _needlessly_quoted(token: Token) -> bool:
    return token.quoted and token.text not in _SPECIAL and not token.text.startswith("+")


def _wider(pair: _Key) -> tuple[_Key, ...]:
    """Return the names, themselves included, that hold whatever a pair of them means."""
    database, role = pair
    if database in {_ALL, _REPLICATION}:
        return (pair,) if role == _ALL else (pair, (database, _ALL))
    if role == _ALL:
        return pair, _EVERYTHING
    return pair, (database, _ALL), (_ALL, role), _EVERYTHING
