import time
from ipaddress import ip_address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pgward.hba.decide.connection import Connection, Encryption, World
from pgward.hba.decide.deciding import decide
from pgward.hba.decide.server import Server
from pgward.hba.decide.verdict import Certificate, Evidence, Verdict, judge
from pgward.hba.syntax.addresses import HostName
from pgward.hba.ways import strength
from pgward.hba.ways.finding import Channel, Found, Outcome, Reach, Way, find
from pgward.hba.ways.matching import Matching
from pgward.hba.ways.population import Person, Place, Population, of_files, of_server
from pgward.hba.ways.space import LOOPBACK
from tests.fixtures.hba_ways import FROM, NAMES, SERVERS, WORLD, connection, server_of

PEOPLE = [Person(each, each) for each in NAMES]
PLACES = [*(Place(each, each) for each in ("shop", "ann", "bob", "x")), Place("r", None)]
EVERYONE = Population(PEOPLE, PLACES, WORLD)


def channel_of(asked: Connection) -> Channel:
    if asked.address is None:
        return Channel.SOCKET
    if any(each.holds(asked.address) for each in LOOPBACK):
        return Channel.LOOPBACK
    return Channel.TLS if asked.encryption is Encryption.TLS else Channel.CLEAR


def worth(server: Server, asked: Connection) -> tuple[int | None, strength.Strength | None]:
    """What the engine itself says of one connection."""
    index = decide(server, asked).index
    if index is None or Matching(server).closed_to(asked.user) >> index & 1:
        return index, None
    return index, strength.of(server.rules[index], server.able, asked.encryption)


def outcome_of(found: Found, person: Person, place: Place) -> Outcome:
    row = found.rows[found.population.people.index(person)]
    return found.outcomes[row[found.population.places.index(place)]]


@settings(max_examples=200, deadline=None)
@given(SERVERS, st.sampled_from(PEOPLE), st.sampled_from(PLACES), st.lists(FROM, max_size=8))
def test_every_connection_is_between_the_weakest_and_the_strongest(
    server: Server, person: Person, place: Place, origins: list
) -> None:
    outcome = outcome_of(find(server, EVERYONE), person, place)
    for origin in origins:
        asked = connection(person.name, place.name, origin)
        index, found = worth(server, asked)
        if found is None:
            continue
        channels = {channel_of(asked)}
        if isinstance(server.rules[index].address, HostName):
            # By its name a host counts as another machine, unless that is localhost.
            channels.add(Channel.TLS if asked.encryption is Encryption.TLS else Channel.CLEAR)
        ends = [outcome.ways[each] for each in channels if each in outcome.ways]
        assert any(a.strength.rank <= found.rank <= b.strength.rank for a, b in ends)


@settings(max_examples=120, deadline=None)
@given(SERVERS)
def test_both_ends_are_attained(server: Server) -> None:
    found = find(server, EVERYONE)
    for person, row in zip(PEOPLE, found.rows, strict=True):
        for place, number in zip(PLACES, row, strict=True):
            for channel, pair in found.outcomes[number].ways.items():
                for way in pair:
                    assert attained(server, found, (person, place), channel, way)


KINDS = ("host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc")


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_every_kind_of_line_before_every_other(first: str, second: str) -> None:
    lines = [f"{first} all all all trust", f"{second} all all all password"]
    server = server_of(lines, [], 16, WORLD)
    outcome = find(server, EVERYONE).outcomes[0]
    found = {encryption: worth(server, _from(encryption))[1] for encryption in Encryption}
    for channel, encryptions in (
        (Channel.TLS, [Encryption.TLS]),
        (Channel.CLEAR, [Encryption.NONE, Encryption.GSS]),
    ):
        wanted = {found[each] for each in encryptions} - {None}
        ends = {each.strength for each in outcome.ways.get(channel, ())}
        assert ends == wanted


def _from(encryption: Encryption) -> Connection:
    return Connection("ann", "shop", ip_address("10.0.0.1"), encryption)


def attained(
    server: Server, found: Found, asked: tuple[Person, Place], channel: Channel, way: Way
) -> bool:
    """Whether some connection is decided by one of a way's rules, and is worth as much."""
    person, place = asked
    cells = found.space.cells
    if channel is Channel.SOCKET:
        origins = [(None, None)]
    elif way.cells:
        origins = [(each.example, None) for n, each in enumerate(cells) if way.cells >> n & 1]
    else:
        names = [each if each[:1] != "." else f"xxxxxxxxx{each}" for each in way.hosts]
        origins = [(cell.example, name) for cell in cells for name in names]
    tried = (
        worth(server, Connection(person.name, place.name, address, way.encryption, host))
        for address, host in origins
    )
    return any(index in way.rules and found_ is way.strength for index, found_ in tried)


@settings(max_examples=200, deadline=None)
@given(SERVERS, st.sampled_from(PEOPLE), FROM)
def test_what_a_strength_asks_for_is_what_lets_in(
    server: Server, person: Person, origin: tuple
) -> None:
    """Less than a way's strength is refused, and everything that it names lets in."""
    asked = connection(person.name, "shop", origin)
    index, found = worth(server, asked)
    rule = None if index is None else server.rules[index]
    nothing = judge(server, rule, asked, Evidence())
    assert (nothing is Verdict.IN) == (found is strength.Strength.NOTHING)
    if found is None or rule.option("map"):
        return
    everything = Evidence(Certificate(person.name, f"CN={person.name}"), True, person.name)
    assert judge(server, rule, asked, everything) is Verdict.IN
    other = Evidence(Certificate("other", "CN=other"), True, person.name)
    named = found.value.startswith("certificate")
    assert (judge(server, rule, asked, other) is Verdict.IN) == (not named)


@given(SERVERS)
@example(server_of(["host all all .a.test trust", "host all all all md5"], [], 16, World()))
def test_files_alone_name_everyone_whom_rules_tell_apart(server: Server) -> None:
    population = of_files(server.rules, server.mappings, server.able, World({}, WORLD.interfaces))
    made = Server(server.able, server.rules, server.mappings, population.world)
    found = find(made, population)
    labels = [each.label for each in population.people]
    assert len(labels) == len(set(labels)) == len(found.rows)
    names = {each.name for each in population.people}
    assert len(names) == len(labels)


def test_loopback_the_socket_and_what_the_server_does_not_offer() -> None:
    server = server_of(
        ["local all all peer", "host all all 127.0.0.1/32 trust", "hostssl all all all cert"],
        [],
        16,
        World({"ann": frozenset()}),
    )
    asked = of_server([Person("ann", "ann")], ["shop"], server.world, replication=False)

    def weakest(reach: Reach) -> dict[str, str]:
        ways = find(server, asked, reach).outcomes[0].ways
        return {channel.name: weak.strength.value for channel, (weak, _) in ways.items()}

    local = {"SOCKET": "peer", "LOOPBACK": "nothing"}
    assert weakest(Reach()) == {**local, "TLS": "certificate"}
    assert weakest(Reach(tls=False)) == local
    assert weakest(Reach(network=False)) == {"SOCKET": "peer"}
    assert weakest(Reach(remote=False)) == local
    outcome = find(server, asked).outcomes[0]
    assert outcome.weakest().value == "nothing"
    assert outcome.weakest(network=True).value == "certificate"


def test_who_may_not_replicate() -> None:
    server = server_of(["host replication all all md5"], [], 16, World({"a": frozenset()}))
    people = [Person("a", "a", may_replicate=False), Person("b", "b")]
    found = find(server, of_server(people, [], server.world, replication=True))
    assert [found.outcomes[each].weakest() for (each,) in found.rows] == [
        None,
        strength.Strength.MD5,
    ]


@pytest.mark.soak
def test_large_servers_are_quick_enough() -> None:
    roles = [f"role{number}" for number in range(1000)]
    hba = [
        f"hostssl db{n % 100} {roles[n % 1000]} 10.{n % 250}.{n // 250}.0/24 scram-sha-256"
        for n in range(5000)
    ]
    world = World({role: frozenset() for role in roles})
    server = server_of([*hba, "host all all all reject"], [], 16, world)
    people = [Person(role, role) for role in roles]
    places = [f"db{number}" for number in range(100)]
    start = time.process_time()
    found = find(server, of_server(people, places, world, replication=False))
    assert time.process_time() - start < 30
    assert len(found.rows) == 1000
