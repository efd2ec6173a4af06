"""A connector that comes back with an old state: of its own disk, or of a copy of its machine.

What it kept is from before grants came, were extended and were revoked. By it alone it takes away
and gives nothing; what the CA says then is what counts. Time is a test's.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgward.access.rights import ObjectRights, Rights
from tests.fixtures.access_server import AccessServer, servers
from tests.fixtures.connector_life import Fault, Granted, Life, Line, StoryCa
from tests.fixtures.connectors import FakeTicks

access_servers = servers(18)
OLD, REVOKED, EXTENDED, NEW = "alice", "bob", "carol", "dave"


class World:
    """A CA that moved on, and a connector that has a copy of what it kept before that."""

    def __init__(self, server: AccessServer, place: Path) -> None:
        self.server, self.place = server, place
        self.ca = StoryCa(server.cluster, {})
        self.ticks = FakeTicks()
        self.life: Life | None = None
        rights = Rights(
            objects=frozenset(
                {
                    ObjectRights(server.shop, "schema", "", "billing", ("USAGE",)),
                    ObjectRights(server.shop, "table", "billing", "orders", ("SELECT",)),
                }
            )
        )
        self.rights = rights

    def grant(self, person: str, until: int) -> Granted:
        made = Granted(f"g-{person}", person, until, self.rights, frozenset())
        self.ca.grants.append(made)
        self.ca.changed()
        return made

    def starts(self, directory: str) -> None:
        """Have another process work with a directory of its own, and do what is due."""
        if self.life is not None:
            self.life.end()
        self.life = Life("c1", self.place / directory, Line(self.ca), self.ticks, Fault())
        self.works()

    def works(self) -> None:
        assert self.life is not None
        assert len(list(self.life.work())) < 10

    def passes(self, seconds: float) -> None:
        self.ticks.sleep(seconds)
        self.ca.now += seconds
        self.works()

    def may(self) -> set[str]:
        """Return who may read now, of all people."""
        query = """select rolname from pg_roles where rolcanlogin and oid >= 16384
            and has_table_privilege(oid, 'billing.orders', 'SELECT')
            and has_schema_privilege(oid, 'billing', 'USAGE')"""
        return {name for (name,) in self.server.ask(query)} & {OLD, REVOKED, EXTENDED, NEW}


@pytest.fixture
def world(server: AccessServer, tmp_path: Path) -> Iterator[World]:
    """``old`` is what was kept while three had access, of whom one has it no more."""
    made = World(server, tmp_path)
    (tmp_path / "kept").mkdir()
    made.grant(OLD, 1000)
    revoked, extended = made.grant(REVOKED, 1000), made.grant(EXTENDED, 100)
    made.starts("kept")
    assert made.may() == {OLD, REVOKED, EXTENDED}
    shutil.copytree(tmp_path / "kept", tmp_path / "old")
    revoked.is_revoked = True
    extended.until = 1000
    made.grant(NEW, 1000)
    made.works()
    assert made.may() == {OLD, EXTENDED, NEW}
    yield made
    if made.life is not None:
        made.life.end()


def test_what_the_ca_says_counts_and_not_what_was_kept(world: World) -> None:
    world.starts("old")
    assert world.may() == {OLD, EXTENDED, NEW}
    world.passes(200)  # past the end that carol's grant had
    assert world.may() == {OLD, EXTENDED, NEW}
    world.passes(1000)
    assert world.may() == set()
    assert {each.told for each in world.ca.grants} == {"ended"}


def test_without_the_ca_an_old_state_gives_nothing_back(world: World) -> None:
    """Nor does it keep what it does not know of: that comes back when the CA says so."""
    world.ca.is_away = True
    world.starts("old")
    assert world.may() == {OLD, EXTENDED}
    world.passes(200)
    assert world.may() == {OLD}
    world.ca.is_away = False
    world.passes(2)
    assert world.may() == {OLD, EXTENDED, NEW}


@pytest.mark.soak
def test_nor_does_the_end_of_a_grant_wait_for_the_ca(world: World) -> None:
    world.ca.is_away = True
    world.starts("old")
    world.passes(1001)
    assert world.may() == set()


@pytest.mark.soak
def test_a_ca_with_an_old_state_is_not_heard(world: World) -> None:
    world.ca.is_old = True
    world.passes(60)
    assert world.may() == {OLD, EXTENDED, NEW}
    world.ca.is_old = False
    world.passes(60)
    assert world.may() == {OLD, EXTENDED, NEW}


@pytest.mark.soak
def test_a_connector_that_lost_its_directory_asks_for_all_of_it(world: World) -> None:
    (world.place / "empty").mkdir()
    world.ca.is_away = True
    world.starts("empty")
    assert world.may() == {OLD, EXTENDED, NEW}  # it knows of none, and touches none
    world.ca.is_away = False
    world.passes(2)
    assert world.may() == {OLD, EXTENDED, NEW}
