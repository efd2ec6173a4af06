"""Which later rule may meet an earlier one, found by index: files may have fifty thousand lines."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from pgward.hba.check import sets
from pgward.hba.check.subject import Entry
from pgward.hba.decide.connection import Encryption
from pgward.hba.syntax.addresses import Address, Network
from pgward.hba.syntax.rules import Rule
from pgward.hba.syntax.tokens import Field, Token
from pgward.hba.syntax.versions import Abilities

# Names that may be any: `all`, `sameuser`, groups; and a place where all entries are found.
_WILD = Token("*")
_EVERY = Token("**")
_OWN = frozenset({"all", "sameuser", "samerole", "samegroup"})


class Later:
    """Rules for TLS (``hostssl``), from a file's end on; ask for each one before adding it.

    ``asked`` are those that will be asked for: what can meet none of them is not kept.
    """

    def __init__(self, able: Abilities, asked: Iterable[Entry[Rule]]) -> None:
        self._able = able
        self._wanted: set[tuple[Token, Token]] = set()
        self._all_are_wanted = False
        for each in asked:
            self._all_are_wanted |= self._has_pattern(each.says)
            self._wanted.update(_keys(each.says))
        self._by_names: dict[tuple[Token, Token], _Addresses] = defaultdict(_Addresses)
        self._patterns: list[Entry[Rule]] = []
        self._all: list[Entry[Rule]] = []

    def add(self, entry: Entry[Rule]) -> None:
        """Note a rule."""
        if self._all_are_wanted:
            self._all.append(entry)
        if self._has_pattern(entry.says):
            self._patterns.append(entry)
            return
        for database in _places(entry.says.databases, _is_wild_database):
            for role in _places(entry.says.roles, _is_wild_role):
                if (database, role) in self._wanted:
                    self._by_names[database, role].add(entry)

    def that_meets(self, entry: Entry[Rule]) -> Entry[Rule] | None:
        """Return a rule that may match a connection which this one matches, or None."""
        rule = entry.says
        if Encryption.TLS not in sets.encryptions(rule):
            return None
        # Expressions are few: each is looked at.
        others = self._all if self._has_pattern(rule) else self._patterns
        found = [each for each in others if sets.may_meet(rule, each.says, self._able)]
        if not self._has_pattern(rule):
            found += self._candidates(rule)
        return min(found, key=_number) if found else None

    def _candidates(self, rule: Rule) -> Iterator[Entry[Rule]]:
        for key in _keys(rule):
            addresses = self._by_names.get(key)
            entry = None if addresses is None else addresses.that_meets(rule.address)
            if entry is not None:
                yield entry

    def _has_pattern(self, rule: Rule) -> bool:
        if not self._able.includes:
            return False
        for names in (rule.databases, rule.roles):
            for each in names:
                if each.text.startswith("/"):
                    return True
        return False


@dataclass
class _Addresses:
    """Entries by address; of the same one the nearest, which is added last."""

    networks: dict[tuple[int, int], dict[int, Entry[Rule]]] = field(default_factory=dict)
    starts: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    elsewhere: Entry[Rule] | None = None
    last: Entry[Rule] | None = None

    def add(self, entry: Entry[Rule]) -> None:
        address = entry.says.address
        self.last = entry
        if not isinstance(address, Network):
            self.elsewhere = entry
            return
        kind = address.mask, address.bits
        start = address.address & address.mask
        known = self.networks.setdefault(kind, {})
        if start not in known:
            insort(self.starts.setdefault(kind, []), start)
        known[start] = entry

    def that_meets(self, address: Address | None) -> Entry[Rule] | None:
        """Return one whose address may be a part of this one, or the reverse."""
        if not isinstance(address, Network):
            return self.last
        if self.elsewhere is not None:
            return self.elsewhere
        return next(self._meeting(address), None)

    def _meeting(self, address: Network) -> Iterator[Entry[Rule]]:
        for (mask, bits), known in self.networks.items():
            if bits != address.bits:
                continue
            shared = mask & address.mask
            if shared == mask:  # as wide as this one, or wider
                starts = [address.address & mask]
            elif shared == address.mask and address.prefix is not None:
                starts = self._first_from((mask, bits), address.address & address.mask)
            else:
                starts = self.starts[mask, bits]
            for start in starts:
                if start in known and (start ^ address.address) & shared == 0:
                    yield known[start]

    def _first_from(self, kind: tuple[int, int], low: int) -> list[int]:
        at = bisect_left(self.starts[kind], low)
        return self.starts[kind][at : at + 1]


def _keys(rule: Rule) -> Iterator[tuple[Token, Token]]:
    """Yield where those are found that a rule may meet."""
    for database in _questions(rule.databases, _is_wild_database):
        for role in _questions(rule.roles, _is_wild_role):
            yield database, role


def _places(names: Field, is_wild: Callable[[Token], bool]) -> Iterator[Token]:
    """Yield where an entry with these names is found."""
    for name in names:
        yield _WILD if is_wild(name) else name
    if not all(_is_apart(name, is_wild) for name in names):
        yield _EVERY


def _questions(names: Field, is_wild: Callable[[Token], bool]) -> Iterator[Token]:
    """Yield where those are found that these names may meet."""
    for name in names:
        if is_wild(name):
            yield _EVERY
        else:
            yield name
            if not _is_apart(name, is_wild):
                yield _WILD


def _is_apart(name: Token, is_wild: Callable[[Token], bool]) -> bool:
    """Tell whether a name is ``replication``, the database that ``all`` does not mean."""
    return is_wild is _is_wild_database and name.is_word("replication")


def _is_wild_database(name: Token) -> bool:
    return not name.quoted and name.text in _OWN


def _is_wild_role(name: Token) -> bool:
    return not name.quoted and (name.text == "all" or name.text.startswith("+"))


def _number(entry: Entry[Rule]) -> int:
    return entry.number
