"""Released stores on PostgreSQL, and served: a login and a certificate after the upgrade."""

import shutil

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from pgward.ca import moving
from pgward.ca.store import migrate, open_store
from pgward.ca.store.schema import metadata
from tests.fixtures import released
from tests.fixtures.ca import Person, Site
from tests.fixtures.ca_process import CaProcess

pytestmark = pytest.mark.integration


@pytest.fixture(params=released.REVISIONS)
def revision(request):
    return request.param


@pytest.fixture
def old(revision, tmp_path):
    return released.directory(revision, tmp_path / "ca")


@pytest.fixture(params=["sqlite", "postgresql"])
def served(request, old, revision):
    """The URL of a released store, on either database; the CA's settings point to it."""
    if request.param == "sqlite":
        return f"sqlite:///{old / 'ca.db'}"
    url = request.getfixturevalue("database_url")
    released.fill(url, revision, old)
    (old / "ca.db").unlink()
    moving.switch(old, url)
    return url


def test_a_released_store_is_brought_up_to_date_and_served(old, served, tmp_path):
    before = released.contents(served)
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
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert migrate.revision(connection) == migrate.head()
    store.close()


def test_two_replicas_that_start_at_once_upgrade_it_once(old, revision, database_url, tmp_path):
    released.fill(database_url, revision, old)
    moving.switch(old, database_url)
    shutil.copytree(old, tmp_path / "second")
    running = []
    try:
        import threading  # noqa: PLC0415

        def serve(directory):
            running.append(CaProcess(directory))

        threads = [threading.Thread(target=serve, args=(d,)) for d in (old, tmp_path / "second")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(running) == 2
    finally:
        for each in running:
            each.kill()
