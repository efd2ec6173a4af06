from ipaddress import ip_address, ip_interface

import pytest

from pgward.hba.decide.connection import Connection, Encryption, World
from pgward.hba.decide.deciding import Decision, Mismatch, decide
from pgward.hba.decide.server import Server
from pgward.hba.syntax import rules
from pgward.hba.syntax.tokens import fields
from pgward.hba.syntax.versions import Abilities

ABLE = Abilities.of(18)
WORLD = World({"ann": frozenset()}, (ip_interface("10.1.0.5/24"), ip_interface("fe80::5/64")))


def server(*lines: str) -> Server:
    return Server(ABLE, [rules.read(fields(line), ABLE) for line in lines], world=WORLD)


def connection(
    address: str | None = "10.1.0.9", used: Encryption = Encryption.TLS, name: str | None = None
) -> Connection:
    return Connection("ann", "db", None if address is None else ip_address(address), used, name)


def test_the_first_rule_that_fits_decides_and_each_before_says_why() -> None:
    lines = [
        "local all all trust",
        "hostnossl all all all trust",
        "hostgssenc all all all gss",
        "host all all 10.2.0.0/16 trust",
        "host other all all trust",
        "host all bob all trust",
        "hostssl all all all cert",
        "host all all all trust",
    ]
    assert decide(server(*lines), connection()) == Decision(
        6,
        (
            Mismatch.SOCKET,
            Mismatch.TLS,
            Mismatch.NOT_GSS,
            Mismatch.ADDRESS,
            Mismatch.DATABASE,
            Mismatch.ROLE,
        ),
    )


def test_no_rule_decides() -> None:
    assert decide(server("local all all peer"), connection()).index is None
    assert decide(server(), connection()) == Decision(None, ())


@pytest.mark.parametrize(
    ("line", "address", "used", "fits"),
    [
        ("local all all trust", None, Encryption.NONE, True),
        ("host all all all trust", None, Encryption.NONE, False),
        ("hostssl all all all trust", "10.1.0.9", Encryption.NONE, False),
        ("hostnossl all all all trust", "10.1.0.9", Encryption.GSS, True),
        ("hostgssenc all all all trust", "10.1.0.9", Encryption.GSS, True),
        ("hostnogssenc all all all trust", "10.1.0.9", Encryption.GSS, False),
        ("hostnogssenc all all all trust", "10.1.0.9", Encryption.TLS, True),
        ("host all all samehost trust", "10.1.0.5", Encryption.NONE, True),
        ("host all all samehost trust", "10.1.0.6", Encryption.NONE, False),
        ("host all all samenet trust", "10.1.0.6", Encryption.NONE, True),
        ("host all all samenet trust", "10.1.1.6", Encryption.NONE, False),
        ("host all all samenet trust", "fe80::9%eth0", Encryption.NONE, True),
        ("host all all ::/0 trust", "10.1.0.6", Encryption.NONE, False),
    ],
)
def test_from_where(line, address, used, fits) -> None:
    assert (decide(server(line), connection(address, used)).index == 0) is fits


def test_a_host_name_is_the_clients_verified_name() -> None:
    named = server("host all all .example.com trust")
    assert decide(named, connection(name="pc.EXAMPLE.com")).index == 0
    assert decide(named, connection(name="example.com")).index is None
    assert decide(named, connection()).index is None
