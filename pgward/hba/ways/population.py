"""The roles and databases that are asked about: those of a server, or those that its files name.

On files alone everyone else is there, too: a role and a database that no word names, a member of
each group, and a name for each regular expression. They stand for all like them, for no rule can
tell those apart; what several expressions or groups at once would mean is not among them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pgward.hba.decide.connection import World
from pgward.hba.decide.mapping import GROUP, takes_group
from pgward.hba.syntax.mappings import Mapping as Line
from pgward.hba.syntax.regexes import compiled
from pgward.hba.syntax.rules import Rule
from pgward.hba.syntax.tokens import Token
from pgward.hba.syntax.versions import Abilities
from pgward.hba.ways.sampling import samples

REPLICATION = "(physical replication)"
OTHER_ROLE = "(any other role)"
OTHER_DATABASE = "(any other database)"
SAME = "(called as the role)"
_ROLE_WORDS = frozenset({"all"})
_DATABASE_WORDS = frozenset({"all", "sameuser", "samerole", "samegroup", "replication"})
_OTHER = "anyone"
_TRIES = 50


@dataclass(frozen=True, slots=True)
class Person:
    """A role; ``label`` is what it is shown as, ``name`` what it is called."""

    label: str
    name: str
    may_replicate: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """A database; ``name`` is None for physical replication, and for the one called as the role."""

    label: str
    name: str | None
    as_role: bool = False

    @property
    def is_replication(self) -> bool:
        """Whether it is no database at all."""
        return self.name is None and not self.as_role

    def of(self, person: Person) -> str | None:
        """Return the database's name for a role."""
        return person.name if self.as_role else self.name


@dataclass(frozen=True, slots=True)
class Population:
    """All that is asked about; ``missed`` are expressions for which no name was found.

    ``whole`` is false where some were left out.
    """

    people: Sequence[Person]
    places: Sequence[Place]
    world: World
    missed: Sequence[str] = ()
    whole: bool = True


def of_files(
    rules: Sequence[Rule], mappings: Sequence[Line], able: Abilities, world: World
) -> Population:
    """Return everyone whom the files can tell apart; ``world`` has who is said to be in groups."""
    roles = [token for rule in rules for token in rule.roles]
    # Before 16 a map's role is a name, whatever it looks like.
    targets = [
        each.role if able.includes else Token(each.role.text, quoted=True)
        for each in mappings
        if not _is_made(each, able)
    ]
    databases = [token for rule in rules for token in rule.databases]
    found = _Names(able, [*roles, *targets, *databases])
    names = _cut(
        [
            *filter(world.member_of.get, world.member_of),
            *found.plain(roles, _ROLE_WORDS),
            *found.plain(targets, _ROLE_WORDS),
        ],
        able,
    )
    groups = found.groups([*roles, *targets])
    people = [Person(shown(name), name) for name in names]
    member_of = {name: world.member_of.get(name, frozenset()) for name in (*names, *groups)}
    for group in groups:
        name = found.fresh(f"member of {group}")
        member_of[name] = frozenset({group})
        people.append(Person(shown(f"(any member of {group})"), name))
    people += [
        Person(shown(f"(any that /{source} matches)"), name)
        for source, name in found.matching([*roles, *targets])
    ]
    people += [
        Person(shown(f"(any called {made.replace(GROUP, '*', 1)})"), found.like(made))
        for made in dict.fromkeys(each.role.text for each in mappings if _is_made(each, able))
        if made != GROUP
    ]
    people.append(Person(OTHER_ROLE, found.fresh(_OTHER)))
    for each in people:
        member_of.setdefault(each.name, frozenset())
    places = list(_places(found, databases, able))
    return Population(people, places, World(member_of, world.interfaces), found.missed)


def of_server(
    people: Iterable[Person], databases: Iterable[str], world: World, *, replication: bool
) -> Population:
    """Return the roles and databases that there are, and replication where a rule names it."""
    places = [Place(shown(name), name) for name in databases]
    if replication:
        places.append(Place(REPLICATION, None))
    return Population(list(people), places, world)


def names_replication(rules: Iterable[Rule]) -> bool:
    """Tell whether any rule is for physical replication."""
    return any(token.is_word("replication") for rule in rules for token in rule.databases)


def _places(found: "_Names", tokens: Sequence[Token], able: Abilities) -> Iterator[Place]:
    for name in _cut(found.plain(tokens, _DATABASE_WORDS), able):
        yield Place(shown(name), name)
    for source, name in found.matching(tokens):
        yield Place(shown(f"(any that /{source} matches)"), name)
    if any(not each.quoted and each.text.startswith("same") for each in tokens):
        yield Place(SAME, None, as_role=True)
    yield Place(OTHER_DATABASE, found.fresh("any database"))
    if any(each.is_word("replication") for each in tokens):
        yield Place(REPLICATION, None)


def _cut(names: Iterable[str], able: Abilities) -> list[str]:
    """Return each name once, as long as this version keeps it."""
    return list(dict.fromkeys(able.received(name) for name in names if name))


class _Names:
    """Names in tokens, and names that no token means."""

    def __init__(self, able: Abilities, tokens: Collection[Token]) -> None:
        self._able = able
        self._taken = {token.text for token in tokens}
        self._sources = self.sources(tokens)
        self.missed: list[str] = []

    def plain(self, tokens: Iterable[Token], words: Collection[str]) -> list[str]:
        """Return what is a name and nothing else, each once."""
        return list(
            dict.fromkeys(
                token.text
                for token in tokens
                if not (self._is_regex(token) or self._is_word(token, words))
            )
        )

    def groups(self, tokens: Iterable[Token]) -> list[str]:
        """Return the groups that tokens name, each once."""
        found = (each.text[1:] for each in tokens if not each.quoted and each.text[:1] == "+")
        return [group for group in dict.fromkeys(found) if group]

    def sources(self, tokens: Iterable[Token]) -> list[str]:
        """Return the regular expressions among tokens, each once."""
        return list(dict.fromkeys(each.text[1:] for each in tokens if self._is_regex(each)))

    def matching(self, tokens: Iterable[Token]) -> Iterator[tuple[str, str]]:
        """Yield each regular expression with a name that it matches, and note those without."""
        for source in self.sources(tokens):
            expression = compiled(source, self._able.version)
            name = next(
                (each for each in samples(source) if each and expression.matches(each)), None
            )
            if name is not None:
                yield source, name
            elif source not in self.missed:
                self.missed.append(source)

    def fresh(self, wish: str) -> str:
        """Return a name near a wish that no token is, and that no expression matches."""
        return self._free(_near(wish))

    def like(self, made: str) -> str:
        """Return the like of what a map makes of what its expression finds."""
        before, _, after = made.partition(GROUP)
        return self._free(f"{before}{each}{after}" for each in _near(_OTHER))

    def _free(self, names: Iterable[str]) -> str:
        """Return the first name that no token is and no expression matches.

        Where every one is matched, they match whatever there is: then it is the first.
        """
        free = [each for each in names if each not in self._taken]
        name = next((each for each in free if not self._is_matched(each)), free[0])
        self._taken.add(name)
        return name

    def _is_matched(self, name: str) -> bool:
        return any(compiled(each, self._able.version).matches(name) for each in self._sources)

    def _is_regex(self, token: Token) -> bool:
        return self._able.includes and token.text.startswith("/")

    def _is_word(self, token: Token, words: Collection[str]) -> bool:
        return not token.quoted and (token.text in words or token.text.startswith("+"))


def _is_made(line: Line, able: Abilities) -> bool:
    """Tell whether a map's line makes the role of what its expression found."""
    return line.system.text.startswith("/") and takes_group(line.role, able)


def _near(wish: str) -> Iterator[str]:
    for number in range(_TRIES):
        for each in (wish, wish.replace(" ", "_"), wish.upper(), "~", "-", "\u00e9", "0"):
            yield f"{each}{number or ''}"


def shown(name: str) -> str:
    r"""Return a name for any output: bytes that are not UTF-8 are written ``\xff``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def members(pairs: Iterable[tuple[str, str]]) -> Mapping[str, frozenset[str]]:
    """Return who is directly in which groups, of pairs of a role and a group."""
    found: dict[str, set[str]] = {}
    for role, group in pairs:
        found.setdefault(role, set()).add(group)
        found.setdefault(group, set())
    return {role: frozenset(groups) for role, groups in found.items()}
