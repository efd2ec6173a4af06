"""Several `ca serve` processes on one PostgreSQL, under load, while things are killed."""

import random
import time

import httpx2
import pytest

from pgward.ca.backup import moving
from pgward.ca.store import audit, open_store
from pgward.client.trust import unverified_context
from pgward.core.clock import SystemClock
from pgward.core.errors import ConflictError
from pgward.pki import crl
from tests.fixtures.faketime import Faketime
from tests.fixtures.load import Acknowledged, check, load
from tests.fixtures.replicas import until

pytestmark = pytest.mark.integration


@pytest.mark.soak
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
def test_a_replica_with_another_clock_is_sent_away_and_the_right_one_stays(replicas, tmp_path):
    clock = Faketime(tmp_path)
    clock.move("+3600")
    wrong = replicas.start(env=clock.environment())
    assert replicas.leader() is wrong
    right = replicas.start()
    until(lambda: checks(wrong)["clock"] == "failed")
    until(lambda: replicas.leader() is right)
    until(lambda: set(checks(right).values()) == {"ok"}, seconds=90)  # it has made new lists
    for _ in range(20):
        assert checks(right)["clock"] == "ok"
    assert "s ahead of the database's; another replica's is not" in wrong.messages()
    clock.move("+0")
    until(lambda: set(checks(wrong).values()) == {"ok"}, seconds=90)


def checks(replica):
    """Unverified: the API's certificate may be of another time."""
    with httpx2.Client(verify=unverified_context(), timeout=10) as http:
        return http.get(f"{replica.url}/readyz").json()["checks"]


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
