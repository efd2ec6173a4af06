"""A grant from the question to the end, in all three modes, whatever happens meanwhile.

All parts are processes, and all is done by the commands, as people do it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.fixtures.lifecycle import LifecycleWorld, lifecycle_world
from tests.fixtures.lifecycle_people import MODES, SECONDS, Access
from tests.fixtures.waiting import eventually

VERSIONS = [
    pytest.param(each, marks=pytest.mark.soak if each == 18 else pytest.mark.matrix)
    for each in (13, 15, 16, 18)
]


@pytest.fixture(scope="module", params=VERSIONS)
def shared(request, tmp_path_factory) -> Iterator[LifecycleWorld]:
    with lifecycle_world(tmp_path_factory.mktemp("life"), request.param) as made:
        yield made


@pytest.fixture
def world(shared: LifecycleWorld) -> Iterator[LifecycleWorld]:
    """What the tests share; one that fails leaves no access to the next."""
    yield shared
    shared.revoke_all()


def write(access: Access, mode: str) -> None:
    """Add an order, as the person in a mode."""
    with access.connect(mode) as connection:
        connection.execute("insert into orders values (2, 0)")


def cannot(access: Access, statement: str) -> None:
    """See that PostgreSQL refuses a statement in every mode."""
    for mode in MODES:
        with (
            access.connect(mode) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement.encode())


def now() -> datetime:
    return datetime.now(UTC)


def test_a_grant_opens_each_mode_and_ends_with_its_time(world: LifecycleWorld) -> None:
    """So does one of two, and one that was extended, each for itself."""
    ann, two, more = world.person(), world.person(), world.person()
    # Long enough for all of it on a busy machine.
    given, short, first = (world.give(each, length="120s") for each in (ann, two, more))
    long = world.give(two, "--bundle", "writing", length="1h")
    ann.comes()
    more.comes()
    cannot(ann, "insert into orders values (2, 2)")
    cannot(ann, "select * from customers")
    write(two, "aware")
    assert two.ask("native", "select nextval('numbers')")
    was = world.end_of(first)
    extended = [world.extend(more, each) for each in first.values()]
    world.approve(*extended)

    ann.ends(world.end_of(given))
    assert "your access to" in ann.sessions["aware"].word
    world.are_over(given, short, reason="expired")
    eventually(lambda: not two.may("native", "select nextval('numbers')"), 1)
    cannot(two, "select nextval('numbers')")
    write(two, "native")
    eventually(lambda: now() > was + timedelta(seconds=SECONDS), 40)
    assert more.lasts()
    world.give_back(two, long)
    world.give_back(more, first)
    world.in_shop("delete from orders where id = 2")
    world.is_as_before()


def test_what_is_revoked_or_blocked_ends_at_once_everywhere(world: LifecycleWorld) -> None:
    ann, bob = world.person(), world.person()
    given, blocked = (
        world.give(ann, length="1h"),
        world.give(bob, "--role", "reporting", length="1h"),
    )
    ann.comes()
    assert bob.ask("native", "select * from customers") == []
    bob.comes_idle()
    since = now()
    for each in given.values():
        world.approver.ok("revoke", each, "--reason", "enough")
    ann.ended_by(since)
    assert "your access to" in ann.sessions["aware"].word
    world.are_over(given, reason="revoked")
    since = now()
    world.site.admin.ok("user", "block", bob.person.name, "--reason", "left")
    bob.ended_by(since)
    world.are_over(blocked, reason="blocked")
    world.is_as_before()


def test_the_glass_is_broken_at_once_and_somebody_takes_note(world: LifecycleWorld) -> None:
    sam = world.person("sre")
    words = ("--bundle", "reading", "--for", "30m", "--break-glass")
    given = {each: world.ask(sam, each, *words) for each in ("tunnel", "aware")}
    world.open(sam)
    sam.comes()
    for each in given.values():
        world.approver.ok("requests", "acknowledge", each, "--reason", "seen")
    since = now()
    world.give_back(sam, given)
    sam.ended_by(since)
    world.is_as_before()


def test_the_end_comes_without_the_authority(world: LifecycleWorld) -> None:
    ann = world.person()
    given = world.give(ann)
    ann.comes()
    end = world.end_of(given)
    world.site.ca.kill()
    try:
        assert ann.lasts()
        ann.ends(end)
        ann.is_gone_by(end)
    finally:
        world.site.restart()
    world.are_over(given, reason="expired")
    world.is_well()
    world.is_as_before()


def test_a_connector_that_was_killed_goes_on_where_it_was(world: LifecycleWorld) -> None:
    """Killed as it makes one grant, it makes it later; killed over an end, it ends it later."""
    ann, bob = world.person(), world.person()
    given = world.give(ann)
    ann.comes()
    end = world.end_of(given)
    later = {each: world.ask(bob, each, "--bundle", "writing", "--for", "1h") for each in MODES[1:]}
    world.approve(*later.values())
    world.connector.kill()
    try:
        ann.ends(end)  # the edge and the agent see to it
    finally:
        world.connector.restart()
    began = now()
    eventually(lambda: world.role(ann) == "", 10, world.told())
    assert (now() - began).total_seconds() < 5
    world.open(bob)
    bob.comes()
    world.are_over(given, reason="expired")
    world.give_back(bob, later)
    world.is_as_before()


def test_a_server_that_was_restarted_lets_in_who_may_and_nobody_else(world: LifecycleWorld) -> None:
    ann, bob = world.person(), world.person()
    short, long = world.give(ann), world.give(bob, length="1h")
    ann.comes()
    bob.comes("native")
    end = world.end_of(short)
    world.cluster.stop()
    world.cluster.start()
    for mode in MODES:
        eventually(lambda mode=mode: ann.lands(mode), what=world.told())
    eventually(lambda: now() > end - timedelta(seconds=2), 60)
    world.cluster.stop()
    eventually(lambda: now() > end, 5)
    world.cluster.start()
    began = now()
    eventually(lambda: world.role(ann) == "", 10, world.told())
    assert (now() - began).total_seconds() < 5
    assert not any(ann.gets_in(mode) for mode in MODES)
    for mode in MODES:
        eventually(lambda mode=mode: bob.lands(mode), what=world.told())
    world.are_over(short, reason="expired")
    world.give_back(bob, long)
    world.is_as_before()


def test_what_a_person_made_is_handed_on(world: LifecycleWorld) -> None:
    ann = world.person()
    making = ("--on", "schema shop.public:CREATE", "--bundle", "reading")
    given = world.give(ann, *making, length="1h")
    ann.comes("native", "aware")
    with ann.connect("tunnel") as connection:
        connection.execute("create table found (id int); grant select on found to public")
        connection.execute("create function peek() returns int language sql as 'select 1'")
    with ann.connect("aware") as connection:
        connection.execute("create view seen as select * from orders")
    since = now()
    world.give_back(ann, given)
    ann.ended_by(since)
    assert "your access to" in ann.sessions["aware"].word
    world.are_over(given, reason="cancelled")
    owners = "select relname || ' ' || relowner::regrole from pg_class"
    made = world.in_shop(f"{owners} where relname in ('found', 'seen') order by 1")
    assert made == ["found heir", "seen heir"]
    world.in_shop("drop view seen; drop table found; drop function peek()")
    world.is_as_before()
