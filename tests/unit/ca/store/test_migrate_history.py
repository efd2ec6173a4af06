"""What an older store holds is the first version that is remembered."""

import pytest

from pgward.ca.resources import history, stored
from pgward.ca.resources.history import Version
from pgward.ca.store import open_store
from tests.fixtures import released


@pytest.mark.parametrize("revision", released.REVISIONS)
def test_every_resource_of_a_released_store_has_a_version(revision, tmp_path):
    store = open_store(f"sqlite:///{released.directory(revision, tmp_path / 'ca') / 'ca.db'}")
    with store.read() as connection:
        found = stored.every(connection, "Service")
        assert found
        for each in found:
            change = "created" if each.version == 1 else "updated"
            known = Version(
                each.kind,
                each.name,
                each.version,
                change,
                each.description,
                each.spec,
                each.updated_at,
                each.updated_by,
            )
            assert history.of(connection, each.kind, each.name, limit=5) == [known]
    store.close()
