"""Drivers of other languages come straight to an edge, by each way in, and do what programs do:
a statement with a parameter, an error that the session outlives, and a cancelled statement.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from psycopg.conninfo import conninfo_to_dict

from pgward.client.home import Home
from tests.fixtures.ca import Person
from tests.fixtures.edge_process import EdgeProcess
from tests.fixtures.guest_programs import OTHERS, QUICK, Guest
from tests.fixtures.stack import DATABASE, AwareService

pytestmark = pytest.mark.integration
GUESTS = QUICK | OTHERS


@dataclass
class World:
    """A service behind an edge that is called localhost, and somebody who may use it."""

    edge: EdgeProcess
    person: Person
    service: AwareService

    def given(self, way: str, key: str) -> dict[str, object]:
        """Return what a program must know to come in by this way."""
        paths = Home(self.person.home).paths
        common = {
            "host": "localhost",
            "port": self.edge.port,
            "database": DATABASE,
            "ca": paths.ca,
            "password": "empty",
        }
        if way == "otp":
            made = self.person.data("otp", self.service.name)
            return {**common, "user": made["user"]}
        if way == "token":
            made = self.person.data("token", self.service.name)
            user = conninfo_to_dict(made["uri"])["user"]
            return {**common, "user": user, "password": made["password"]}
        own = {"cert": paths.cert, "key": paths.key.with_suffix(key)}
        return {**common, "user": self.person.name, **own}


@pytest.fixture(scope="module")
def world(stack) -> Iterator[World]:
    name, person = stack.site.unique("aware"), stack.person()
    edge = stack.new_edge("--default-service", name, dns=("localhost",))
    yield World(edge, person, stack.aware(person, edges=(edge,), name=name))
    edge.close()


def heard(guest: Guest, world: World, way: str, directory, key: str = ".key") -> list[str]:
    return guest.run(directory, **world.given(way, key))


def expected(guest: Guest, world: World) -> list[str]:
    return ["2", "42P01", *guest.cancels, world.service.role]


@pytest.mark.parametrize("way", ["otp", "token", "certificate"])
@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(each, marks=pytest.mark.soak) for each in OTHERS)]
)
def test_a_driver_comes_in_and_works(world, tmp_path, name, way):
    guest = GUESTS[name]
    key = ".pk8" if name == "pgjdbc" else ".key"
    assert heard(guest, world, way, tmp_path, key) == expected(guest, world)


@pytest.mark.soak
def test_pgjdbc_takes_the_key_as_pkcs12(world, tmp_path):
    guest = GUESTS["pgjdbc"]
    assert heard(guest, world, "certificate", tmp_path, ".p12") == expected(guest, world)
