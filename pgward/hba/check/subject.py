"""A server's files as they are checked: every line that says something, right or not."""

from collections import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from pgward.hba.check.comments import Ignore
from pgward.hba.check.live import Live
from pgward.hba.check.material import Material
from pgward.hba.decide.connection import World
from pgward.hba.decide.server import Server
from pgward.hba.syntax.files import Place, Placed, PlacedSetting
from pgward.hba.syntax.mappings import Mapping
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.reading import grammar
from pgward.hba.syntax.regexes import BeyondUsError
from pgward.hba.syntax.rules import Rule
from pgward.hba.syntax.tokens import Field
from pgward.hba.syntax.versions import Abilities

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why PostgreSQL would not take a line, and where."""

    place: Place
    message: str


class Entry(NamedTuple, Generic[T]):
    """A line, what it says, and its number among those that say something, from 0."""

    line: Placed
    says: T
    number: int

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.line.place


@dataclass(frozen=True)
class Subject:
    """What was read; ``settings`` is None when postgresql.conf was not looked at.

    ``has_ident`` is false when pg_ident.conf was not, so that what lies in it is not known.
    ``material`` is what the TLS settings name, None where nobody looked. ``texts`` are the files as
    they are, by their paths, and ``config`` is the main postgresql.conf: for fixes.
    ``live`` is what a running server said of itself, None where files alone were looked at.
    ``kept`` is what rules have made of it for each other (``reached.once``).
    """

    able: Abilities
    hba: Sequence[Placed]
    ident: Sequence[Placed]
    settings: Sequence[PlacedSetting] | None = None
    superusers: frozenset[str] = frozenset({"postgres"})
    ignores: Sequence[Ignore] = ()
    has_ident: bool = True
    material: Material | None = None
    texts: abc.Mapping[str, bytes] = field(default_factory=dict, repr=False)
    config: str = ""
    live: Live | None = None
    kept: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def rules(self) -> list[Entry[Rule]]:
        """The rules of pg_hba.conf, in their order."""
        return self._rules[0]

    @cached_property
    def mappings(self) -> list[Entry[Mapping]]:
        """The mappings of pg_ident.conf, in their order."""
        return self._mappings[0]

    @property
    def hba_problems(self) -> list[Problem]:
        """What PostgreSQL would not take of pg_hba.conf."""
        return self._rules[1]

    @property
    def ident_problems(self) -> list[Problem]:
        """What PostgreSQL would not take of pg_ident.conf."""
        return self._mappings[1]

    @cached_property
    def server(self) -> Server:
        """What decides, as far as it could be read; on files alone nobody is in any group."""
        rules_ = [each.says for each in self.rules]
        world = World() if self.live is None else self.live.world
        return Server(self.able, rules_, [each.says for each in self.mappings], world)

    def setting(self, name: str, default: str) -> str:
        """Return the value that counts, the last, or the server's default."""
        found = self.placed_setting(name)
        return default if found is None or found.setting is None else found.setting.value

    def placed_setting(self, name: str) -> PlacedSetting | None:
        """Return the setting that counts, or None where nothing is set."""
        for each in reversed(self.settings or ()):
            if each.setting is not None and each.setting.key == name:
                return each
        return None

    @cached_property
    def _rules(self) -> tuple[list[Entry[Rule]], list[Problem]]:
        return _read(self.hba, grammar(self.able).rule, self.able)

    @cached_property
    def _mappings(self) -> tuple[list[Entry[Mapping]], list[Problem]]:
        return _read(self.ident, grammar(self.able).mapping, self.able)


def _read(
    lines: Sequence[Placed], read: Callable[[tuple[Field, ...], Abilities], T], able: Abilities
) -> tuple[list[Entry[T]], list[Problem]]:
    found: list[Entry[T]] = []
    problems: list[Problem] = []
    for line in lines:
        try:
            if line.problem is not None:
                raise line.problem
            found.append(Entry(line, read(line.fields, able), len(found)))
        except BadLineError as error:
            problems.append(Problem(line.at(error), error.message))
        except BeyondUsError as error:
            problems.append(Problem(line.place, f"it cannot be judged here: {error}"))
    return found, problems
