from datetime import UTC, datetime, timedelta

import pytest

from pgward.core.errors import PgwardError
from pgward.hba.agent import material as module
from pgward.hba.agent.backends import Backend, issuer_text
from pgward.hba.agent.duty import Turn
from pgward.hba.agent.material import Keeping, Lists
from pgward.hba.install import apply
from pgward.hba.install.host import Host
from pgward.hba.install.material import read_crls
from pgward.hba.plan.model import Plan
from pgward.hba.server.datadir import DataDir
from pgward.hba.server.disk import DiskError
from tests.fixtures.material import signed_crl

SERIAL = 2**100 + 77


@pytest.fixture
def unapplied(pg_files) -> Host:
    found = DataDir.open(pg_files.data_dir)
    return Host(found, found.path / "pgward")


@pytest.fixture
def host(unapplied, small_ca) -> Host:
    plan = Plan(tls=unapplied.tls_files)
    apply.apply(unapplied, plan, small_ca, names=(), now=datetime.now(UTC))
    return unapplied


class World:
    """A CA as the source, and what the duty told."""

    def __init__(self, ca):
        self.ca = ca
        self.orders = []
        self.events = []
        self.changes = 0
        self.pushed = True

    def current(self):
        return self.ca.current()

    def duties(self, running):
        assert running() is None
        return self.orders

    def append(self, event):
        self.events.append(event)

    def change(self):
        self.changes += 1


@pytest.fixture
def world(small_ca):
    return World(small_ca)


def keeping(host, world):
    return Keeping(
        host,
        lambda: world,
        world,
        name="db1",
        pushed=lambda: world.pushed,
        on_change=world.change,
    )


@pytest.fixture
def duty(host, world):
    return keeping(host, world)


def turn():
    return Turn(datetime.now(UTC))


def test_a_server_that_is_not_set_up_yet_is_left_as_it_is(unapplied, world):
    """Enrolled is enough to end sessions; what the server uses is for ``hba apply`` to say."""
    duty = keeping(unapplied, world)
    with pytest.raises(PgwardError, match="holds no certificate to refresh") as caught:
        duty.run(turn())
    assert caught.value.hint == "run pgward hba apply"
    assert duty.newest == world.ca.material()
    assert unapplied.generations.load() is None


def test_with_nothing_new_it_waits_for_the_push(duty, small_ca):
    done = duty.run(turn())
    assert (done.due_in, done.problems) == (module.REFRESH_SECONDS, ())
    assert duty.newest == small_ca.material()
    assert duty.got_at is not None


def test_news_is_installed_told_and_on_record(host, duty, world, small_ca):
    duty.run(turn())
    before = world.changes
    small_ca.revoked.append(SERIAL)
    duty.run(turn())
    assert host.generations.load().crls == small_ca.crls()
    assert world.changes == before + 2  # it is known, and it is in force
    event = world.events[-1]
    assert (event["actor"], event["action"], event["target"]) == ("host:db1", "host.refresh", "db1")
    assert event["details"]["serial"] == f"{small_ca.material().leaf.serial_number:x}"
    assert (event["details"]["running"], event["details"]["took"]) == (False, None)
    told = len(world.events)
    duty.run(turn())
    assert (len(world.events), world.changes) == (told, before + 2)


def test_a_ca_that_is_away_is_no_problem_yet(duty, world, small_ca, caplog):
    duty.run(turn())
    got = duty.got_at
    small_ca.away, world.pushed = True, False
    for _ in range(2):
        done = duty.run(turn())
        assert (done.due_in, done.problems) == (module.REFRESH_SECONDS_WITHOUT_PUSH, ())
    assert (duty.got_at, duty.away) == (got, "the CA is away")
    assert caplog.text.count("the CA gives nothing new") == 1
    small_ca.away = False
    duty.run(turn())
    assert duty.away is None


def test_what_cannot_be_installed_is_known_all_the_same(host, duty, world, small_ca, monkeypatch):
    """A full disk: sessions still end by the newest list."""
    duty.run(turn())
    small_ca.revoked.append(SERIAL)

    def full(*_, **__):
        raise DiskError("cannot write: no space left on device")

    monkeypatch.setattr(module.apply, "refresh", full)
    before = world.changes
    with pytest.raises(DiskError):
        duty.run(turn())
    assert world.changes == before + 1
    assert duty.newest.crls == small_ca.crls()
    assert any(each.names(revoked(small_ca)) for each in Lists(host, lambda: duty.newest)())


def test_what_would_lock_everyone_out_is_not_taken(host, duty, small_ca):
    duty.run(turn())
    good = host.generations.load()
    small_ca.crl_end = timedelta(seconds=-1)
    with pytest.raises(PgwardError, match="revocation list"):
        duty.run(turn())
    assert host.generations.load() == good
    assert duty.newest == good


def test_an_older_list_is_not_taken(host, duty, small_ca):
    """It is the CA's own, and names fewer: of a CA that was rolled back, or is no CA."""
    dates = (timedelta(minutes=-1) + datetime.now(UTC), timedelta(days=1) + datetime.now(UTC))
    newer = signed_crl(small_ca.users.issuing, [SERIAL], *dates, number=2)
    root = signed_crl(small_ca.users.root, (), *dates, number=2)
    small_ca.crls = lambda: root + newer
    duty.run(turn())
    good, got = host.generations.load(), duty.got_at
    del small_ca.crls
    with pytest.raises(PgwardError, match="an older revocation list"):
        duty.run(turn())
    assert host.generations.load() == duty.newest == good
    assert duty.got_at == got  # so the alarm comes nearer
    with pytest.raises(PgwardError, match="an older revocation list"):
        keeping(host, World(small_ca)).run(turn())


def test_what_is_installed_and_cannot_be_read_is_replaced(host, world, small_ca, caplog):
    (host.generations.link / "user-ca.crl").write_text("rubbish")
    keeping(host, world).run(turn())
    assert host.generations.load() == small_ca.material()
    assert "what is installed cannot be read" in caplog.text


def test_orders_that_are_not_right_yet_are_tried_again_soon(duty, world):
    world.orders = ["PostgreSQL does not run there"]
    done = duty.run(turn())
    assert done.due_in < module.REFRESH_SECONDS_WITHOUT_PUSH
    assert done.problems == ("not ready for the CA's next step: PostgreSQL does not run there",)
    duty.close()


def revoked(ca):
    issuer = next(each.issuer for each in read_crls(ca.crls()) if "issuing" in str(each.issuer))
    return Backend(1, "x", "app", "db", None, SERIAL, issuer_text(issuer), "/CN=alice")


def test_without_material_there_are_no_lists(unapplied):
    assert Lists(unapplied, lambda: None)() == []


def test_lists_are_those_installed_and_the_newest(host, duty, small_ca):
    newest = [None]
    lists = Lists(host, lambda: newest[0])
    duty.run(turn())
    (installed,) = lists()
    assert not installed.names(revoked(small_ca))
    small_ca.revoked.append(SERIAL)
    newest[0] = small_ca.material()
    found = lists()
    assert found[0] is installed  # it is not read again
    assert found[1].names(revoked(small_ca))


def test_when_the_installed_ones_cannot_be_read_the_newest_count(host, duty, small_ca):
    duty.run(turn())
    (host.generations.link / "user-ca.crl").write_text("rubbish")
    with pytest.raises(PgwardError):
        Lists(host, lambda: None)()
    assert len(Lists(host, small_ca.material)()) == 1
