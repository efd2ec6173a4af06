"""Trying a server from anywhere: through the authority, by a connector that serves."""

import pytest

from pgward.access import set_up
from pgward.client.machine import Machine
from pgward.system.postgres import Cluster
from tests.fixtures.ca import Site
from tests.fixtures.connector_process import ConnectorProcess


@pytest.fixture
def server(pg: Cluster) -> Cluster:
    """A server with the account that the portal's set-up prints."""
    pg.psql(set_up.sql(pg.version, user="pgward_connector"))
    return pg


def test_a_connector_says_what_it_finds_on_its_server(site: Site, server: Cluster, tmp_path):
    connector, name = site.unique("connector"), site.unique("shop-db")
    token = site.api.post("/v1/tokens", {"kind": "connector", "name": connector})["token"]
    Machine.enroll(tmp_path / "c", token, advertise=None, kind="connector").close()
    spec = {
        "connector": connector,
        "host": str(server.socket_dir),
        "port": server.port,
        "user": "pgward_connector",
        "auth": {"none": True},
        "sslMode": "disable",
    }
    body = {"kind": "Integration", "metadata": {"name": name}, "spec": spec}
    site.api.put(f"/v1/resources/integration/{name}", body)
    process = ConnectorProcess(tmp_path / "c")
    try:
        found = site.admin.data("connectors", "check", name)
    finally:
        process.stop()
    assert {each["check"]: each["verdict"] for each in found} == {
        "connection": "ok",
        "tls": "ok",
        "rights": "ok",
    }
