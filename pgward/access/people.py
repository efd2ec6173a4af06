"""People as flows see them: who asks or decides, and sets of them by name or by group."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, with the groups at this moment."""

    name: str
    groups: frozenset[str] = frozenset()
    email: str = ""

    def is_called(self, name: str) -> bool:
        """Tell whether it is their name, whatever its case."""
        return self.name.lower() == name.lower()


@dataclass(frozen=True, slots=True)
class People:
    """Everyone of these names (in lower case), and of these groups."""

    users: frozenset[str] = field(default_factory=frozenset)
    groups: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, users: Iterable[str] = (), groups: Iterable[str] = ()) -> Self:
        """Make it from names in any case."""
        return cls(frozenset(each.lower() for each in users), frozenset(groups))

    def __or__(self, other: Self) -> "People":
        return People(self.users | other.users, self.groups | other.groups)

    def __bool__(self) -> bool:
        return bool(self.users or self.groups)

    def names(self, person: Person) -> bool:
        """Tell whether a person is one of them."""
        return person.name.lower() in self.users or not self.groups.isdisjoint(person.groups)
