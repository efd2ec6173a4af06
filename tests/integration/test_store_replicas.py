"""Several `ca serve` processes on one PostgreSQL, under load, while things are killed."""

import random
import shutil
import time

import httpx2
import pytest
import sqlalchemy as sa

from pgward.ca.backup import moving
from pgward.ca.store import audit, open_store
from pgward.ca.store.schema_store import leadership
from pgward.core.clock import SystemClock
from pgward.core.errors import ConflictError
from pgward.pki import crl
from tests.fixtures.ca_process import CaProcess
from tests.fixtures.filled import quick_ca
from tests.fixtures.load import Acknowledged, check, load

pytestmark = pytest.mark.integration


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


class Replicas:
    """A CA on PostgreSQL, served from copies of its directory."""

    def __init__(self, place, url):
        self.place, self.url = place, url
        self.running = []
        self._made = 0
        self.first = quick_ca(place / "ca")
        moving.move(self.first, url, SystemClock())

    def start(self, **options):
        self._made += 1
        directory = self.place / f"replica{self._made}"
        shutil.copytree(self.first, directory)
        made = CaProcess(directory, **options)
        self.running.append(made)
        return made

    def kill(self, each):
        self.running = [other for other in self.running if other is not each]
        each.kill()

    def leader(self):
        store = open_store(self.url)
        with store.read() as connection:
            holder = connection.execute(sa.select(leadership.c.holder)).scalar_one()
        store.close()
        (found,) = [each for each in self.running if holder.endswith(f":{each.port}")] or [None]
        return found

    def close(self):
        for each in self.running:
            each.kill()


@pytest.fixture
def replicas(tmp_path, database_url):
    made = Replicas(tmp_path, database_url)
    yield made
    made.close()


def test_one_of_two_is_killed_and_nothing_acknowledged_is_lost(replicas):
    done = Acknowledged()
    first, second = replicas.start(), replicas.start()
    assert replicas.leader() is first
    with load(lambda: replicas.running, done, clients=3):
        done.wait_for(20)
        replicas.kill(first)
        done.wait_for(len(done.certificates) + 20)
        until(lambda: replicas.leader() is second)
    assert done.lost == []
    check(replicas.url, done)
    _assert_revoked(second, done)
    _assert_leaders(replicas.url, first, second)
    assert "this replica leads" in second.messages()
    with pytest.raises(ConflictError, match="another pgward process uses this store") as caught:
        moving.move(replicas.first, "sqlite", SystemClock())
    assert caught.value.hint == (
        "end `pgward ca serve` on every machine that serves it, then try again"
    )


def _assert_revoked(replica, done):
    """The revocation list that anyone gets has every revocation that was acknowledged."""
    with httpx2.Client(verify=replica.trusting()) as http:
        found = http.get(f"{replica.url}/v1/crls/user-issuing.crl")
    listed = {f"{entry.serial_number:x}" for entry in crl.read(found.content)}
    assert set(done.revoked) <= listed


def _assert_leaders(url, *replicas):
    """The audit log has each change of the leader."""
    store = open_store(url)
    with store.read() as connection:
        found = audit.events(connection, after=0, action="ca.lead")
    store.close()
    ports = [event["target"].rpartition(":")[2] for event in found]
    assert ports == [str(each.port) for each in replicas]


@pytest.mark.soak
def test_replicas_killed_again_and_again_under_load(replicas, capsys):
    done, kills = Acknowledged(), 0
    replicas.start()
    replicas.start()
    began = time.monotonic()
    with load(lambda: replicas.running, done, clients=6):
        while time.monotonic() - began < 180:
            done.wait_for(len(done.certificates) + 300)
            replicas.kill(random.choice(replicas.running))
            kills += 1
            replicas.start()
    assert done.lost == []
    figures = check(replicas.url, done)
    _assert_revoked(replicas.running[-1], done)
    with capsys.disabled():
        print(f"\n{kills} replicas killed: {figures}")  # noqa: T201 - what a soak is run for
