from dataclasses import replace

from pgward.hba.decide.connection import World
from pgward.hba.ways.finding import find
from pgward.hba.ways.population import Person, of_server
from pgward.hba.ways.report import Report, listed
from pgward.hba.ways.strength import Strength
from tests.fixtures.hba_ways import server_of

WORLD = World({"ann": frozenset(), "bob": frozenset()})
HBA = [
    "local all all peer",
    "host replication ann 10.0.0.0/8 reject",
    "hostssl all ann 10.0.0.0/8 md5",
    "hostssl all ann all cert",
    "host all ann 192.0.2.0/24 md5",
]


def report(*, whole: bool = True) -> Report:
    people = [Person(each, each) for each in WORLD.member_of]
    asked = of_server(people, ["shop", "hr"], WORLD, replication=True)
    found = find(server_of(HBA, [], 16, WORLD), replace(asked, whole=whole))
    return Report(found, [f"hba:{number}" for number, _ in enumerate(HBA, 1)])


CERTIFICATE = "certificate from anywhere but 10.0.0.0/8 (hba:4)"
HERE = "certificate from 127.0.0.0/8, ::1/128 (hba:4)"
ROWS = [
    f"network with TLS | ann | every database | md5 from 10.0.0.0/8 (hba:3) | {CERTIFICATE}",
    "network without TLS | ann | every database | md5 from 192.0.2.0/24 (hba:5) | the same",
    f"loopback | ann | every database | {HERE} | the same",
    "socket | every role | every database | peer (hba:1) | the same",
    "- | every role | (physical replication) | no way in | -",
]


def test_rows() -> None:
    assert [" | ".join(each.values()) for each in report().rows()] == ROWS


def test_what_was_chosen_is_named() -> None:
    made = report(whole=False)
    socket = next(each for each in made.rows() if each["over"] == "socket")
    assert (socket["roles"], socket["databases"]) == ("ann, bob", "shop, hr")


def test_what_is_weaker() -> None:
    assert list(report().weaker(Strength.MD5)) == []
    assert list(report().weaker(Strength.SCRAM)) == [
        "ann into every database over the network with TLS: md5 from 10.0.0.0/8 (hba:3)",
        "ann into every database over the network without TLS: md5 from 192.0.2.0/24 (hba:5)",
    ]


def test_as_facts() -> None:
    facts = report().document()
    assert next(iter(facts["strengths"])) == "nothing"
    ann = facts["ways"][0]
    assert (ann["roles"], ann["databases"]) == (["ann"], ["shop", "hr"])
    assert ann["over"]["network with TLS"]["strongest"] == {
        "strength": "certificate",
        "lines": ["hba:4"],
        "from": ("0.0.0.0/0", "::/0"),
        "but": ("10.0.0.0/8",),
        "more": False,
        "example": {"address": "0.0.0.0", "encryption": "tls"},
    }
    assert ann["over"]["socket"]["weakest"]["example"]["address"] is None


def test_lists_of_names() -> None:
    assert listed(["a", "b", "c", "d"]) == "a, b, c, d"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
