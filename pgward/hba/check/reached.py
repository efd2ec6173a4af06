"""By which connections each rule is still reached, since the first that matches decides.

Sound, not complete: a rule is left out only where earlier ones match for certain whatever it would
match. They are looked up, not compared, since files may have fifty thousand lines.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from pgward.hba.check import sets
from pgward.hba.check.subject import Entry, Subject
from pgward.hba.decide.connection import Encryption
from pgward.hba.syntax.addresses import Address, HostName, Network, Word
from pgward.hba.syntax.files import Place
from pgward.hba.syntax.rules import LOCAL, Rule
from pgward.hba.syntax.tokens import Field, Token

_ALL = Token("all")
_REPLICATION = Token("replication")
_SPECIAL = frozenset({"all", "replication", "sameuser", "samerole", "samegroup"})
_SOCKET = 1 << len(Encryption)
_BIT = {each: 1 << number for number, each in enumerate(Encryption)}
_ENCRYPTIONS = [
    frozenset(each for each, bit in _BIT.items() if bits & bit) for bits in range(2 * _SOCKET)
]
# Lists whose pairs are more than this are not followed: they count as reached, and cover nothing.
_MOST_PAIRS = 10_000
_KNOWN = "rules that are reached"

_Key = tuple[Token, Token]
_Where = Address | tuple[int, int, int] | None
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
        return self.is_remote and Encryption.NONE in self.by


def ways(subject: Subject) -> list[Way]:
    """Return the rules of a subject that are reached, in their order."""
    # As a cached_property of the subject would be kept.
    kept = vars(subject)
    if _KNOWN not in kept:
        kept[_KNOWN] = left(subject.rules)
    found: list[Way] = kept[_KNOWN]
    return found


def left(entries: Iterable[Entry[Rule]]) -> list[Way]:
    """Return which of some rules are reached, had the server no others."""
    decided = _Decided()
    found: list[Way] = []
    for each in entries:
        if open_ := decided.leaves(each.says):
            found.append(Way(each, _ENCRYPTIONS[open_]))
        decided.add(each.says)
    return found


class _Decided:
    """What the rules so far decide: for names and an address, the ways of encrypting, as bits."""

    def __init__(self) -> None:
        self._by_names: dict[_Key, dict[_Where, int]] = {}
        self._masks: dict[_Key, set[tuple[int, int]]] = defaultdict(set)

    def add(self, rule: Rule) -> None:
        """Note a rule."""
        if len(rule.databases) * len(rule.roles) > _MOST_PAIRS:
            return
        bits, address = _bits(rule), rule.address
        where = _where(address)
        for key in _pairs(rule):
            at = self._by_names.setdefault(key, {})
            at[where] = at.get(where, 0) | bits
            if isinstance(address, Network):
                self._masks[key].add((address.mask, address.bits))

    def leaves(self, rule: Rule) -> int:
        """Return the bits of a rule that are not decided for all of its names and addresses."""
        bits = _bits(rule)
        if len(rule.databases) * len(rule.roles) > _MOST_PAIRS:
            return bits
        open_ = 0
        for pair in _pairs(rule):
            open_ |= self._undecided(pair, rule.address, bits)
            if open_ == bits:
                break
        return open_

    def _undecided(self, pair: _Key, address: Address | None, bits: int) -> int:
        for key in _wider(pair):
            at = self._by_names.get(key)
            if at is not None:
                bits &= ~self._found(key, at, address)
                if not bits:
                    break
        return bits

    def _found(self, key: _Key, at: dict[_Where, int], address: Address | None) -> int:
        found = at.get(Word.ALL, 0)
        if isinstance(address, Network):
            for mask, bits in self._masks.get(key, ()):
                if bits == address.bits and not mask & ~address.mask:
                    found |= at.get((address.address & mask, mask, bits), 0)
            return found
        return found | at.get(address, 0) | at.get(_EVERY_V4, 0) & at.get(_EVERY_V6, 0)


def _bits(rule: Rule) -> int:
    if rule.kind == LOCAL:
        return _SOCKET
    return sum(_BIT[each] for each in sets.encryptions(rule))


def _where(address: Address | None) -> _Where:
    """Return an address with nothing beyond its mask."""
    if isinstance(address, Network):
        return address.address & address.mask, address.mask, address.bits
    return address


def _pairs(rule: Rule) -> Iterator[_Key]:
    return product(_plain(rule.databases), _plain(rule.roles))


def _plain(names: Field) -> list[Token]:
    """Leave quotes out where they change nothing."""
    return [Token(each.text) if _needlessly_quoted(each) else each for each in names]


def _needlessly_quoted(token: Token) -> bool:
    return token.quoted and token.text not in _SPECIAL and not token.text.startswith("+")


def _wider(pair: _Key) -> Iterator[_Key]:
    database, role = pair
    yield pair
    if role != _ALL:
        yield database, _ALL
    if database not in {_ALL, _REPLICATION}:
        yield _ALL, role
        if role != _ALL:
            yield _ALL, _ALL
