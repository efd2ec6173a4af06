"""Find the weakest and the strongest way in for each role and database (``decide``, for all).

A rule takes of the addresses what the rules before it left over; what is taken decides. Host names
are found in the DNS for any address, so each set of names that rules tell apart is gone through on
its own, beside clients without a name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from pgward.hba.decide.connection import Encryption
from pgward.hba.decide.server import Server
from pgward.hba.syntax.addresses import HostName, Network, Word
from pgward.hba.syntax.rules import LOCAL
from pgward.hba.ways import strength
from pgward.hba.ways.matching import Matching, numbers
from pgward.hba.ways.population import Person, Place, Population, shown
from pgward.hba.ways.space import Space
from pgward.hba.ways.strength import Strength


class Channel(Enum):
    """How a connection comes; the value is what it is called."""

    SOCKET = "socket"
    LOOPBACK = "loopback"
    CLEAR = "network without TLS"
    TLS = "network with TLS"

    @property
    def is_network(self) -> bool:
        """Whether it is from other machines."""
        return self in {Channel.CLEAR, Channel.TLS}


@dataclass(frozen=True, slots=True)
class Reach:
    """What the server offers at all beside its socket.

    ``network`` is whether it listens on any address, ``remote`` whether on more than loopback.
    """

    tls: bool = True
    network: bool = True
    remote: bool = True


@dataclass(frozen=True, slots=True)
class Way:
    """Ways in of one strength: the rules that decide, by number, and where they take from.

    ``cells`` are those of the space; ``hosts`` are names in the DNS instead of addresses.
    ``encryption`` is one by which it is so.
    """

    strength: Strength
    rules: tuple[int, ...]
    cells: int
    hosts: tuple[str, ...]
    encryption: Encryption


@dataclass(frozen=True, slots=True)
class Outcome:
    """For each channel by which anybody gets in the weakest and the strongest way."""

    ways: Mapping[Channel, tuple[Way, Way]]

    def weakest(self, *, network: bool = False) -> Strength | None:
        """Return the strength of the weakest way; None where there is none."""
        found = [
            weak.strength
            for channel, (weak, _) in self.ways.items()
            if channel.is_network or not network
        ]
        return min(found, key=lambda each: each.rank, default=None)


@dataclass(frozen=True)
class Found:
    """The outcomes, and for each role, in the order of the population, those of all databases."""

    population: Population
    space: Space
    outcomes: Sequence[Outcome]
    rows: Sequence[tuple[int, ...]] = field(repr=False)


def find(
    server: Server,
    population: Population,
    reach: Reach | None = None,
    *,
    maps_known: bool = True,
) -> Found:
    """Return every way into a server; raise BeyondUsError.

    ``server`` has the population's world. Where its maps are not known, each counts as a way.
    """
    finder = Finder(server, Matching(server, maps_known=maps_known), reach or Reach())
    rows = [tuple(finder.row(person, population.places)) for person in population.people]
    return Found(population, finder.space, finder.outcomes, rows)


@dataclass(frozen=True, slots=True)
class _Taken:
    """What one rule takes: cells for each encryption in blocks, or the socket, or by host name."""

    rule: int
    cells: int
    by_host: bool


class Finder:
    """Finds the ways into one server.

    ``space`` is the addresses cut by at least ``networks`` of the server.
    """

    def __init__(
        self, server: Server, matching: Matching, reach: Reach, space: Space | None = None
    ) -> None:
        self._server = server
        self._matching = matching
        interfaces, nets = _interfaces(server), _nets(server)
        self.space = Space(networks(server)) if space is None else space
        self._width = len(self.space.cells)
        self._own = {
            Word.ALL: self.space.all,
            Word.SAMEHOST: self.space.of(interfaces),
            Word.SAMENET: self.space.of(nets),
        }
        self._blocks = {each: number * self._width for number, each in enumerate(Encryption)}
        self._socket = 1 << len(Encryption) * self._width
        self._open = self._reached(reach)
        self._cells = self._all_cells()
        self._hosts = _Hosts(server)
        self._strengths = [
            {each: strength.of(rule, server.able, each) for each in Encryption}
            for rule in server.rules
        ]
        self.outcomes: list[Outcome] = []
        self._numbers: dict[tuple[tuple[object, ...], ...], int] = {}
        self._by_rules: dict[tuple[int, int], int] = {}
        self._by_set: dict[int, tuple[_Taken, ...]] = {}

    def row(self, person: Person, places: Sequence[Place]) -> Iterator[int]:
        """Yield the number of the outcome for each database."""
        return (self._number(*key) for key in self.keys(person, places))

    def keys(self, person: Person, places: Sequence[Place]) -> Iterator[tuple[int, int]]:
        """Yield for each database the rules that mean both, and those of them that are closed."""
        matching = self._matching
        name = self._server.able.received(person.name)
        mine, closed = matching.of_role(name), matching.closed_to(name)
        for place in places:
            database = place.of(person)
            if place.is_replication and not person.may_replicate:
                yield 0, 0
                continue
            rules = mine & (matching.of_database(database) | matching.of_pair(name, database))
            yield rules, rules & closed

    def pieces(self, rules: int, closed: int) -> Iterator[tuple[Channel, Way]]:
        """Yield every way in by some rules, but for those that are closed."""
        if rules not in self._by_set:
            self._by_set[rules] = tuple(self._taken(list(numbers(rules))))
        for taken in self._by_set[rules]:
            if not closed >> taken.rule & 1:
                yield from self._ways(taken)

    def _number(self, rules: int, closed: int) -> int:
        key = rules, closed
        if key not in self._by_rules:
            made = self._outcome(rules, closed)
            facts = tuple(
                (channel, *(_key(way) for way in pair)) for channel, pair in made.ways.items()
            )
            if facts not in self._numbers:
                self._numbers[facts] = len(self.outcomes)
                self.outcomes.append(made)
            self._by_rules[key] = self._numbers[facts]
        return self._by_rules[key]

    def _outcome(self, rules: int, closed: int) -> Outcome:
        pieces: dict[Channel, list[Way]] = {}
        for channel, way in self.pieces(rules, closed):
            pieces.setdefault(channel, []).append(way)
        return Outcome({each: _ends(pieces[each]) for each in Channel if each in pieces})

    def _taken(self, rules: Sequence[int]) -> Iterator[_Taken]:
        """Yield what each rule takes, first from clients without a name, then by each name."""
        by_host = [rule for rule in rules if self._hosts.names_one(rule)]
        yield from self._from(rules, frozenset(by_host), by_host=False)
        for names in self._hosts.classes(by_host):
            without = frozenset(each for each in by_host if each not in names)
            yield from (
                each for each in self._from(rules, without, by_host=True) if each.rule in names
            )

    def _from(
        self, rules: Sequence[int], without: frozenset[int], *, by_host: bool
    ) -> Iterator[_Taken]:
        left = self._open
        for rule in rules:
            if rule in without:
                continue
            taken = left & self._cells[rule]
            if taken:
                yield _Taken(rule, taken, by_host)
                left ^= taken
                if not left:
                    return

    def _ways(self, taken: _Taken) -> Iterator[tuple[Channel, Way]]:
        """Yield what a rule takes as ways in, by channel and encryption."""
        number = taken.rule
        if taken.cells & self._socket and (worth := self._strengths[number][Encryption.NONE]):
            yield Channel.SOCKET, Way(worth, (number,), 0, (), Encryption.NONE)
        for encryption, offset in self._blocks.items():
            cells, worth = (
                taken.cells >> offset & self.space.all,
                self._strengths[number][encryption],
            )
            if not cells or worth is None:
                continue
            if taken.by_host:
                hosts = (self._hosts.name(number),)
                here = not cells & ~self.space.loopback or hosts[0].lower() == "localhost"
                channel = Channel.LOOPBACK if here else _network(encryption)
                yield channel, Way(worth, (number,), 0, hosts, encryption)
                continue
            for channel, part in (
                (Channel.LOOPBACK, cells & self.space.loopback),
                (_network(encryption), cells & ~self.space.loopback),
            ):
                if part:
                    yield channel, Way(worth, (number,), part, (), encryption)

    def _reached(self, reach: Reach) -> int:
        found = self._socket
        cells = self.space.all if reach.remote else self.space.loopback
        for encryption, offset in self._blocks.items():
            if reach.network and (reach.tls or encryption is not Encryption.TLS):
                found |= cells << offset
        return found

    def _all_cells(self) -> list[int]:
        """Return for each rule the cells that it matches, host names apart: those match all."""
        known: dict[object, int] = {}
        found = []
        for rule in self._server.rules:
            key = rule.kind, rule.address
            if key not in known:
                known[key] = self._cells_of(rule.kind, rule.address)
            found.append(known[key])
        return found

    def _cells_of(self, kind: str, address: object) -> int:
        if kind == LOCAL:
            return self._socket
        if isinstance(address, Network):
            cells = self.space.of([address])
        elif isinstance(address, Word):
            cells = self._own[address]
        else:
            cells = self.space.all
        return sum(
            cells << offset
            for encryption, offset in self._blocks.items()
            if encryption in _ENCRYPTIONS[kind]
        )


def networks(server: Server) -> list[Network]:
    """Return all that a server tells addresses apart by."""
    given = [each.address for each in server.rules if isinstance(each.address, Network)]
    return [*given, *_interfaces(server), *_nets(server)]


def _interfaces(server: Server) -> list[Network]:
    return [
        Network(int(each.ip), (1 << each.max_prefixlen) - 1, each.max_prefixlen)
        for each in server.world.interfaces
    ]


def _nets(server: Server) -> list[Network]:
    return [
        Network(int(each.network.network_address), int(each.network.netmask), each.max_prefixlen)
        for each in server.world.interfaces
    ]


_EVERY = frozenset(Encryption)
_ENCRYPTIONS = {
    "host": _EVERY,
    "hostssl": frozenset({Encryption.TLS}),
    "hostnossl": _EVERY - {Encryption.TLS},
    "hostgssenc": frozenset({Encryption.GSS}),
    "hostnogssenc": _EVERY - {Encryption.GSS},
}


class _Hosts:
    """Rules by host names, and the names that they tell apart."""

    def __init__(self, server: Server) -> None:
        self._names = {
            number: rule.address
            for number, rule in enumerate(server.rules)
            if isinstance(rule.address, HostName)
        }

    def names_one(self, rule: int) -> bool:
        """Tell whether a rule is for a host name."""
        return rule in self._names

    def name(self, rule: int) -> str:
        """Return the host name of a rule."""
        return shown(self._names[rule].name)

    def classes(self, rules: Sequence[int]) -> Iterator[frozenset[int]]:
        """Yield each set of these rules that some client's name matches, and no other does."""
        exact = [self._names[each].name for each in rules]
        longest = max(map(len, exact), default=0)
        seen = set()
        for name in exact:
            # Longer than every other name, so that it is one that only suffixes match.
            client = f"{'x' * longest}{name}" if name.startswith(".") else name
            found = frozenset(each for each in rules if self._names[each].matches(client))
            if found and found not in seen:
                seen.add(found)
                yield found


def _network(encryption: Encryption) -> Channel:
    return Channel.TLS if encryption is Encryption.TLS else Channel.CLEAR


def _ends(ways: Sequence[Way]) -> tuple[Way, Way]:
    """Return the weakest and the strongest of some ways."""
    found = sorted({each.strength for each in ways}, key=lambda each: each.rank)
    return _joined(ways, found[0]), _joined(ways, found[-1])


def _joined(ways: Sequence[Way], chosen: Strength) -> Way:
    """Return all ways of a strength as one."""
    mine = [each for each in ways if each.strength is chosen]
    cells = 0
    for each in mine:
        cells |= each.cells
    rules = tuple(sorted({rule for each in mine for rule in each.rules}))
    hosts = tuple(dict.fromkeys(host for each in mine for host in each.hosts))
    return Way(chosen, rules, cells, hosts, mine[0].encryption)


def _key(way: Way) -> tuple[object, ...]:
    return way.strength, way.rules, way.cells, way.hosts
