from types import SimpleNamespace

import pytest

from pgward.connector import beside
from pgward.connector.beside import Look
from pgward.connector.executing import reconcile
from pgward.core.errors import NotFoundError
from tests.fixtures.connectors import answer, integration_fields


@pytest.fixture
def pg(database_server):
    """The server that this module's tests share."""
    return database_server


class Machine:
    """A connector that the CA tells of one integration, in the cluster of a test."""

    name = "c1"

    def __init__(self, directory, cluster):
        self.directory = directory
        self.paths = SimpleNamespace(ca=directory / "ca.crt")
        place = {"host": str(cluster.socket_dir), "port": cluster.port, "user": "postgres"}
        self.told = answer(integration_fields(reassign_to="app", **place))

    def wait_for(self, _path, _fields, _wait):
        return self.told

    def close(self):
        pass


@pytest.mark.integration
def test_a_real_server_is_looked_at_and_left_as_it_is(tmp_path, pg):
    assert beside.reconcile is reconcile
    with Look.open(tmp_path, Machine(tmp_path, pg)) as look:
        (one,) = look.assignments(None)
        plan = look.plan(one)
        assert (plan["server_version"], plan["statements"], plan["problems"]) == (
            pg.version,
            [],
            [],
        )
        findings = {each.what: each.verdict for each in look.check(one)}
        assert findings == {
            "connection": "ok",
            "tls": "ok",
            "rights": "warning",
            "reassignTo": "problem",
        }
        with pytest.raises(NotFoundError, match="no integration 'other'"):
            look.assignments("other")
