"""Released stores on PostgreSQL, and served: a login and a certificate after the upgrade."""

import threading

import pytest

from pgward.ca.backup import moving
from pgward.ca.store import open_store, revisions
from tests.fixtures import released
from tests.fixtures.ca import Person, Site
from tests.fixtures.ca_process import CaProcess
from tests.fixtures.warm import executed

pytestmark = pytest.mark.integration


@pytest.fixture(params=released.REVISIONS)
def revision(request):
    return request.param


@pytest.fixture
def old(revision, tmp_path):
    return released.directory(revision, tmp_path / "ca")


@pytest.fixture
def served(old, revision, database_url):
    """A released store in PostgreSQL; the CA's settings point to it."""
    released.fill(database_url, revision, old)
    (old / "ca.db").unlink()
    moving.switch(old, database_url)
    return database_url


def test_a_released_store_is_brought_up_to_date_and_served(old, served, tmp_path):
    before = released.contents(served)
    with executed():  # with the usual costs of hashes, it makes none anew
        ca = CaProcess(old)
    try:
        site = Site(ca, tmp_path)
        alice = Person(site, "alice-0", tmp_path / "alice")
        alice.login().close()
        events = site.api.get("/v1/audit", limit=1000)["events"]
        site.close()
    finally:
        if ca.process.poll() is None:
            ca.kill()
    after = released.contents(served)
    kept = ("users", "group_members", "resources", "certificates", "audit_events", "login_sessions")
    for table in kept:
        columns = before[table][0].keys()
        found = [{name: row[name] for name in columns} for row in after[table]]
        assert [row for row in before[table] if row not in found] == []
    numbers = [event["seq"] for event in events]
    assert numbers == sorted(numbers)
    store = open_store(served)
    with store.read() as connection:
        assert released.differences(connection) == []
        assert revisions.revision(connection) == revisions.head()
    store.close()


def test_two_replicas_that_start_at_once_upgrade_it_once(old, revision, database_url):
    released.fill(database_url, revision, old)
    opened = []
    threads = [
        threading.Thread(target=lambda: opened.append(open_store(database_url))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    for store in opened:
        store.close()
