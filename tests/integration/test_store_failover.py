"""A standby takes over from its primary under `ca serve`, with and without all transactions."""

import json

import httpx2
import pytest

from pgward.ca.log import audit as log_audit
from pgward.ca.log import key as log_key
from pgward.ca.store import audit, open_store
from tests.fixtures.ca_process import CaProcess, pgward
from tests.fixtures.load import Acknowledged, check, load
from tests.fixtures.replicas import Replicas, until
from tests.fixtures.standby import streaming

pytestmark = pytest.mark.integration


@pytest.fixture
def synchronous(pg_template):
    with streaming(pg_template, synchronous=True) as pair:
        yield pair


@pytest.fixture
def asynchronous(pg_template):
    with streaming(pg_template, synchronous=False) as pair:
        yield pair


@pytest.fixture
def serving(tmp_path):
    """Make a CA in the database of a pair."""
    made = []

    def make(pair):
        made.append(Replicas(tmp_path, pair.url))
        return made[-1]

    yield make
    for each in made:
        each.close()


def health(replica):
    return httpx2.get(f"{replica.url}/v1/health", verify=replica.trusting(), timeout=30)


@pytest.mark.soak
def test_a_synchronous_standby_takes_over_and_nothing_acknowledged_is_lost(synchronous, serving):
    replicas = serving(synchronous)
    done = Acknowledged()
    replicas.start()
    replicas.start()
    with load(lambda: replicas.running, done, clients=2):
        done.wait_for(15)
        synchronous.kill_primary()
        synchronous.promote()
        until(lambda: {health(each).status_code for each in replicas.running} == {200})
        done.wait_for(len(done.certificates) + 15)
    assert done.lost == []
    check(synchronous.url, done)
    assert_log_holds(replicas)
    assert replicas.leader() in replicas.running
    assert [each.process.poll() for each in replicas.running] == [None, None]


def assert_log_holds(replicas):
    """Every head that was signed, before and after, is one of the same log."""
    store = open_store(replicas.url)
    with store.read() as connection:
        report = log_audit.audit(connection, log_key.public(replicas.first))
    store.close()
    assert report.problems == []
    assert report.heads > 0


@pytest.mark.soak
def test_a_standby_that_lacks_what_was_signed_is_not_served(asynchronous, serving):
    replicas = serving(asynchronous)
    asynchronous.wait_for_standby()
    assert_refused_as_standby(replicas.copy(), asynchronous.standby_url)
    done = Acknowledged()
    first = replicas.start()
    with load(lambda: replicas.running, done, clients=1):
        done.wait_for(3)
        asynchronous.wait_for_standby()
        asynchronous.standby.stop()
        done.wait_for(len(done.certificates) + 5)
    until(lambda: seen(first) == entries(asynchronous.primary, asynchronous.name))
    asynchronous.kill_primary()
    asynchronous.standby.start()
    kept = entries(asynchronous.standby, asynchronous.name)
    asynchronous.promote()
    assert first.ended() == 1
    assert "this store must not be served: the store lacks entries of the log" in first.messages()
    assert "hint: it went back in time (a standby that lacked the last" in first.messages()
    again = pgward("ca", "serve", first.directory)
    assert (again.returncode, "the store lacks entries of the log" in again.stderr) == (1, True)
    assert entries(asynchronous.standby, asynchronous.name) == kept
    replicas.running.clear()
    assert_accepted(first.directory, replicas)


def assert_refused_as_standby(directory, url):
    done = pgward("ca", "serve", directory, "--database-url", url)
    assert done.returncode == 1
    assert "the authority's store is unavailable: it is read-only\n" in done.stderr
    assert "hint: it is a standby, perhaps: name all hosts in the URL" in done.stderr


def seen(replica):
    """Return how many entries of the log a replica remembers."""
    return json.loads((replica.directory / "log.seen").read_text())["size"]


def entries(cluster, database):
    return int(cluster.psql("SELECT size FROM log_tree", database=database))


def assert_accepted(directory, replicas):
    accepted = pgward("ca", "log", "accept", directory)
    assert accepted.returncode == 0, accepted.stderr
    back = CaProcess(directory)
    replicas.running.append(back)
    assert health(back).status_code == 200
    store = open_store(replicas.url)
    with store.read() as connection:
        (event,) = audit.events(connection, after=0, action="log.accept")
    store.close()
    assert event["details"]["seen_size"] > event["details"]["found_size"]
