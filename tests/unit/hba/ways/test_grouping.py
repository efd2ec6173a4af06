from pgward.hba.decide.connection import World
from pgward.hba.ways import grouping
from pgward.hba.ways.finding import Channel, Found, find
from pgward.hba.ways.population import Person, of_server
from tests.fixtures.hba_ways import server_of


def found() -> Found:
    world = World({"ann": frozenset(), "bob": frozenset(), "eve": frozenset()})
    server = server_of(
        ["local all all peer", "host shop ann,bob all md5", "host hr ann all trust"], [], 16, world
    )
    people = [Person(each, each) for each in world.member_of]
    return find(server, of_server(people, ["shop", "hr", "x"], world, replication=False))


def names(people, places) -> str:
    return f"{' '.join(p.label for p in people)} {'+'.join(p.label for p in places)}"


def test_a_channel_at_a_time() -> None:
    rows = grouping.rows(found(), Channel.CLEAR)
    shown = [f"{each.ends[0].strength.value} {names(each.people, each.places)}" for each in rows]
    assert shown == ["nothing ann hr", "md5 ann bob shop"]
    (socket,) = grouping.rows(found(), Channel.SOCKET)
    assert names(socket.people, socket.places) == "ann bob eve shop+hr+x"


def test_groups_of_all_channels() -> None:
    shown = [names(each.people, each.places) for each in grouping.groups(found())]
    assert shown == ["ann shop", "ann hr", "ann x", "bob shop", "bob hr+x", "eve shop+hr+x"]


def test_who_gets_in_nowhere() -> None:
    world = World({"ann": frozenset(), "bob": frozenset()})
    server = server_of(["host shop ann all md5"], [], 16, world)
    people = [Person(each, each) for each in world.member_of]
    made = find(server, of_server(people, ["shop", "x"], world, replication=False))
    assert [names(*each) for each in grouping.closed(made)] == ["ann x", "bob shop+x"]
