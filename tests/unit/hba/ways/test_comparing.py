import random

import pytest

from pgward.hba.decide.connection import World
from pgward.hba.decide.server import Server
from pgward.hba.syntax import mappings, rules, tokens
from pgward.hba.syntax.versions import Abilities
from pgward.hba.ways import population
from pgward.hba.ways.comparing import Comparison, Side, compare
from pgward.hba.ways.finding import Reach

ABLE = Abilities.of(16)
ALL = (Reach(), Reach())


def read(text: str, reader):
    return [reader(line.fields, ABLE) for line in tokens.parse(text.encode()) if line.fields]


def compared(old: str, new: str, *, maps: tuple[str, str] = ("", ""), reach=ALL) -> Comparison:
    servers = [
        Server(ABLE, read(text, rules.read), read(lines, mappings.read))
        for text, lines in zip((old, new), maps, strict=True)
    ]
    everything = [each for server in servers for each in server.rules]
    lines = [each for server in servers for each in server.mappings]
    people = population.of_files(everything, lines, ABLE, World())
    sides = [
        Side(Server(ABLE, server.rules, server.mappings, people.world), each)
        for server, each in zip(servers, reach, strict=True)
    ]
    return compare(*sides, people)


def said(old: str, new: str, **more) -> list[str]:
    return list(compared(old, new, **more).lines())


def test_nothing_changes() -> None:
    text = "local all all peer\nhostssl all all all cert\n"
    assert said(text, text) == []
    assert said(text, f"# more\n{text}host all all all reject\n") == []


def test_gained_and_lost() -> None:
    old = "host all all 10.0.0.0/8 md5\n"
    new = "hostssl all all all cert\n"
    assert said(old, new) == [
        (
            "gains: every role into every database, network with TLS from anywhere but 10.0.0.0/8: "
            "certificate"
        ),
        (
            "gains: every role into every database, loopback with TLS from 127.0.0.0/8, ::1/128: "
            "certificate"
        ),
        "loses: every role into every database, network without TLS from 10.0.0.0/8: md5",
        (
            "stronger: every role into every database, network with TLS from 10.0.0.0/8: "
            "md5 → certificate"
        ),
    ]


def test_a_hole_comes_first() -> None:
    old = "hostssl shop app all cert\nhostssl all all all cert\n"
    new = f"hostssl shop app 10.1.0.0/16 trust\n{old}"
    assert said(old, new) == [
        "weaker: app into shop, network with TLS from 10.1.0.0/16: certificate → nothing"
    ]


def test_what_the_server_does_not_offer_is_no_way() -> None:
    text = "hostssl all all all cert\n"
    without = Reach(tls=False)
    assert said(text, text, reach=(without, without)) == []
    gained = said(text, text, reach=(without, Reach()))
    assert [line.partition(":")[0] for line in gained] == ["gains", "gains"]


def test_the_socket_and_the_map() -> None:
    old, new = "local all all peer map=a\n", "local all all peer map=b\n"
    maps = "a root postgres\nb root postgres\nb ann ann\n"
    assert said(old, new, maps=(maps, maps)) == ["gains: ann into every database, socket: peer"]
    # A name that the map makes of what it finds may be any.
    wide = "b /^(.*)$ \\1\n"
    assert said(new, new, maps=(maps, maps + wide))[0].startswith("gains: ")


def test_hosts_by_name() -> None:
    old = "hostssl all all .example.com scram-sha-256\n"
    assert said(old, "hostssl all all all cert\n") == [
        "gains: every role into every database, network with TLS from anywhere: certificate",
        (
            "gains: every role into every database, loopback with TLS from 127.0.0.0/8, ::1/128: "
            "certificate"
        ),
        (
            "stronger: every role into every database, network with TLS from hosts named "
            ".example.com: scram → certificate"
        ),
    ]
    assert said(old, "hostssl all all .example.org reject\n") == [
        (
            "loses: every role into every database, network with TLS from hosts named "
            ".example.com: scram"
        )
    ]


def test_as_data() -> None:
    text = "host all all all reject\n"
    (found,) = compared(text, f"hostssl shop app 10.0.0.0/8 cert\n{text}").document()
    assert found == {
        "effect": "gains",
        "roles": ["app"],
        "databases": ["shop"],
        "over": "network with TLS",
        "before": None,
        "after": "certificate",
        "from": ["10.0.0.0/8"],
        "but": [],
        "more": False,
    }


@pytest.mark.parametrize("seed", range(20))
def test_back_is_the_reverse(seed) -> None:
    """What is gained one way is lost the other way, and weaker is stronger."""
    dice = random.Random(seed)

    words = [
        ["host", "hostssl", "hostnossl"],
        ["all", "d"],
        ["all", "a", "+g"],
        ["all", "10.0.0.0/8", "10.1.0.0/16"],
        ["cert", "md5", "reject", "trust"],
    ]

    def line() -> str:
        kind, *others = map(dice.choice, words)
        return " ".join(["hostssl" if others[-1] == "cert" else kind, *others]) + "\n"

    old, new = ("".join(line() for _ in range(dice.randint(1, 4))) for _ in range(2))
    there = compared(old, new).document()
    back = compared(new, old).document()
    key = ("over", "roles", "databases", "from", "but")
    one = {(str([each[k] for k in key]), each["before"], each["after"]) for each in there}
    other = {(str([each[k] for k in key]), each["after"], each["before"]) for each in back}
    assert one == other
