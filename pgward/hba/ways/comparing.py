"""Who gains a way in, who loses one, and whose gets weaker or stronger, by a change of the files.

Every address, encryption, role and database that the old or the new rules tell apart is gone
through, as in ``finding``.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pgward.hba.decide.connection import Encryption
from pgward.hba.decide.server import Server
from pgward.hba.ways import report
from pgward.hba.ways.finding import Channel, Finder, Reach, networks
from pgward.hba.ways.matching import Matching
from pgward.hba.ways.population import Person, Place, Population
from pgward.hba.ways.space import Space
from pgward.hba.ways.strength import Strength
from pgward.hba.ways.where import Places, Where


class Effect(Enum):
    """What becomes of a way in, what matters most first; the value is what it is called."""

    GAINS = "gains"
    WEAKER = "weaker"
    LOSES = "loses"
    STRONGER = "stronger"


class Over(Enum):
    """How a connection comes; unlike ``Channel`` it tells TLS on loopback, too."""

    TLS = "network with TLS"
    CLEAR = "network without TLS"
    LOOPBACK_TLS = "loopback with TLS"
    LOOPBACK_CLEAR = "loopback without TLS"
    SOCKET = "socket"


@dataclass(frozen=True, slots=True)
class Side:
    """A server before or after."""

    server: Server
    reach: Reach


@dataclass(frozen=True, slots=True)
class Change:
    """Roles and databases of which a way in changes alike; None is no way in."""

    people: Sequence[Person]
    places: Sequence[Place]
    over: Over
    before: Strength | None
    after: Strength | None
    where: Where | None

    @property
    def effect(self) -> Effect:
        """What becomes of it."""
        if self.before is None:
            return Effect.GAINS
        if self.after is None:
            return Effect.LOSES
        return Effect.WEAKER if self.after.rank < self.before.rank else Effect.STRONGER


@dataclass(frozen=True)
class Comparison:
    """All changes, what matters most first."""

    population: Population
    changes: Sequence[Change]

    def lines(self) -> Iterator[str]:
        """Yield each change on one line."""
        for each in self.changes:
            strengths = [one.value for one in (each.before, each.after) if one is not None]
            where = "" if each.where is None else f" from {each.where}"
            yield (
                f"{each.effect.value}: {report.roles(self.population, each.people)} into "
                f"{report.databases(self.population, each.places)}, {each.over.value}{where}: "
                f"{' → '.join(strengths)}"
            )

    def document(self) -> list[dict[str, Any]]:
        """Return it as plain data."""
        return [
            {
                "effect": each.effect.value,
                "roles": [one.label for one in each.people],
                "databases": [one.label for one in each.places],
                "over": each.over.value,
                "before": None if each.before is None else each.before.value,
                "after": None if each.after is None else each.after.value,
                **_where(each.where),
            }
            for each in self.changes
        ]


def compare(before: Side, after: Side, population: Population) -> Comparison:
    """Return what changes for a population, whose world both servers have; raise BeyondUsError."""
    space = Space([*networks(before.server), *networks(after.server)])
    one, other = (
        Finder(each.server, Matching(each.server), each.reach, space) for each in (before, after)
    )
    comparer = _Comparer(one, other, space)
    same: dict[_Step, dict[Person, list[int]]] = defaultdict(lambda: defaultdict(list))
    for person in population.people:
        keys = (each.keys(person, population.places) for each in (one, other))
        for number, (old, new) in enumerate(zip(*keys, strict=True)):
            for step in comparer.steps(old, new):
                same[step][person].append(number)
    made = [
        _change(step, people, numbers, population, Places(space))
        for step, rows in same.items()
        for numbers, people in _alike(rows)
    ]
    order = {each: number for number, each in enumerate((*Effect, *Over))}
    made.sort(key=lambda each: (order[each.effect], order[each.over]))
    return Comparison(population, made)


@dataclass(frozen=True, slots=True)
class _Step:
    """What becomes of the ways from some cells, or hosts."""

    over: Over
    before: Strength | None
    after: Strength | None
    cells: int
    hosts: tuple[str, ...]


_Key = tuple[int, int]
_ByCells = dict[Strength, int]
_NOWHERE: Mapping[Strength, int] = {}


@dataclass(slots=True)
class _Ways:
    """The ways of one kind of connection: by addresses, and by names of hosts."""

    cells: _ByCells
    hosts: dict[str, Strength]

    def of_host(self, host: str) -> Strength | None:
        """Return how a host of that name gets in: by its name, or as its address would."""
        if host in self.hosts:
            return self.hosts[host]
        return min(self.cells, key=lambda each: each.rank, default=None)


class _Comparer:
    """Compares sets of rules, each pair of them once."""

    def __init__(self, before: Finder, after: Finder, space: Space) -> None:
        self._before, self._after = before, after
        self._all = space.all
        self._known: dict[tuple[_Key, _Key], tuple[_Step, ...]] = {}

    def steps(self, old: _Key, new: _Key) -> tuple[_Step, ...]:
        if (old, new) not in self._known:
            self._known[old, new] = tuple(self._steps(old, new))
        return self._known[old, new]

    def _steps(self, old: _Key, new: _Key) -> Iterator[_Step]:
        """Yield what becomes of each way in, by what it was and is; those of GSS beside others."""
        before, after = _by_kind(self._before.pieces(*old)), _by_kind(self._after.pieces(*new))
        cells: dict[tuple[Over, Strength | None, Strength | None], int] = defaultdict(int)
        hosts: dict[tuple[Over, Strength | None, Strength | None], list[str]] = defaultdict(list)
        for kind in sorted({*before, *after}, key=str):
            was, is_ = (each.get(kind) or _Ways({}, {}) for each in (before, after))
            over = _over(*kind)
            for one, other, part in self._crossed(was.cells, is_.cells):
                cells[over, one, other] |= part
            for host in dict.fromkeys((*was.hosts, *is_.hosts)):
                one, other = was.of_host(host), is_.of_host(host)
                if one is not other:
                    hosts[over, one, other].append(host)
        for key in dict.fromkeys((*cells, *hosts)):
            yield _Step(*key, cells.get(key, 0), tuple(dict.fromkeys(hosts.get(key, ()))))

    def _crossed(
        self, was: _ByCells, is_: _ByCells
    ) -> Iterator[tuple[Strength | None, Strength | None, int]]:
        """Yield the cells of each two strengths that are not the same."""
        for one, mine in self._with_none(was):
            for other, theirs in self._with_none(is_):
                if one is not other and mine & theirs:
                    yield one, other, mine & theirs

    def _with_none(self, ways: _ByCells) -> Iterator[tuple[Strength | None, int]]:
        left = self._all
        for strength, cells in ways.items():
            yield strength, cells
            left &= ~cells
        yield None, left


def _by_kind(pieces: Iterable[tuple[Channel, Any]]) -> dict[tuple[Channel, Encryption], _Ways]:
    found: dict[tuple[Channel, Encryption], _Ways] = {}
    for channel, way in pieces:
        ways = found.setdefault((channel, way.encryption), _Ways({}, {}))
        for host in way.hosts:
            known = ways.hosts.get(host)
            if known is None or way.strength.rank < known.rank:
                ways.hosts[host] = way.strength
        if not way.hosts:
            # The socket has no addresses: it is all cells there.
            cells = way.cells if channel is not Channel.SOCKET else -1
            ways.cells[way.strength] = ways.cells.get(way.strength, 0) | cells
    return found


def _over(channel: Channel, encryption: Encryption) -> Over:
    if channel is Channel.SOCKET:
        return Over.SOCKET
    secured = encryption is Encryption.TLS
    if channel is Channel.LOOPBACK:
        return Over.LOOPBACK_TLS if secured else Over.LOOPBACK_CLEAR
    return Over.TLS if secured else Over.CLEAR


def _alike(rows: Mapping[Person, list[int]]) -> Iterator[tuple[tuple[int, ...], list[Person]]]:
    """Yield the roles of which the same databases are meant, with the numbers of these."""
    found: dict[tuple[int, ...], list[Person]] = defaultdict(list)
    for person, numbers in rows.items():
        found[tuple(numbers)].append(person)
    yield from found.items()


def _change(
    step: _Step,
    people: Sequence[Person],
    numbers: Sequence[int],
    population: Population,
    places: Places,
) -> Change:
    where = None if step.over is Over.SOCKET else places.where(step.cells, step.hosts)
    databases = [population.places[each] for each in numbers]
    return Change(people, databases, step.over, step.before, step.after, where)


def _where(where: Where | None) -> Mapping[str, Any]:
    if where is None:
        return {}
    return {"from": list(where.of), "but": list(where.but), "more": where.more}
