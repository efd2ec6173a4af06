"""Which earlier rule covers a later one, found by index: files may have fifty thousand lines."""

from collections import defaultdict
from collections.abc import Iterable

from pgward.hba.check import sets
from pgward.hba.check.subject import Entry
from pgward.hba.syntax.addresses import Address, Network, Word
from pgward.hba.syntax.rules import Rule
from pgward.hba.syntax.tokens import Token

_ALL = Token("all")
_Key = tuple[Token, Token]


class Earlier:
    """The rules so far; ask for each next one before adding it.

    ``asked`` are those that will be asked for: what cannot cover any of them is not kept.
    """

    def __init__(self, asked: Iterable[Entry[Rule]]) -> None:
        self._wanted = {key for each in asked for key in _questions(each.says)}
        self._by_names: dict[_Key, dict[Address | None, list[Entry[Rule]]]] = {}
        self._masks: dict[_Key, set[tuple[int, int]]] = defaultdict(set)

    def add(self, entry: Entry[Rule]) -> None:
        """Note a rule, under each pair of its names."""
        rule = entry.says
        for database in rule.databases:
            for role in rule.roles:
                key = database, role
                if key not in self._wanted:
                    continue
                addresses = self._by_names.setdefault(key, {})
                addresses.setdefault(_plain(rule.address), []).append(entry)
                if isinstance(rule.address, Network):
                    self._masks[key].add((rule.address.mask, rule.address.bits))

    def that_covers(self, entry: Entry[Rule]) -> Entry[Rule] | None:
        """Return the first rule that matches whatever this one matches, or None."""
        rule = entry.says
        found = [
            earlier
            for key in _questions(rule)
            for earlier in self._at(key, rule)
            if sets.covers(earlier.says, rule)
        ]
        return min(found, key=_number) if found else None

    def _at(self, key: _Key, rule: Rule) -> list[Entry[Rule]]:
        """Return those with these names whose address may hold that of a rule."""
        addresses = self._by_names.get(key)
        if addresses is None:
            return []
        wanted: set[Address | None] = {rule.address, Word.ALL}
        if isinstance(rule.address, Network):
            number, bits = rule.address.address, rule.address.bits
            wanted = {Word.ALL} | {
                Network(number & mask, mask, bits) for mask, of in self._masks[key] if of == bits
            }
        return [each for address in wanted for each in addresses.get(address, ())]


def _questions(rule: Rule) -> set[_Key]:
    """Return where those are found that may cover a rule: its first names must be theirs, too."""
    database, role = rule.databases[0], rule.roles[0]
    return {(database, role), (database, _ALL), (_ALL, role), (_ALL, _ALL)}


def _plain(address: Address | None) -> Address | None:
    """Return an address with nothing beyond its mask."""
    if isinstance(address, Network):
        return Network(address.address & address.mask, address.mask, address.bits)
    return address


def _number(entry: Entry[Rule]) -> int:
    return entry.number
