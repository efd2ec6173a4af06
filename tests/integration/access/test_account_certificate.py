"""A connector logs in to PostgreSQL by a certificate that its CA makes for its account."""

import json

import pytest

from tests.fixtures.ca_process import pgward
from tests.integration.test_hba_roles import configured

pytestmark = [pytest.mark.integration, pytest.mark.soak]


def checked(directory):
    """Return what the connector's check says of the connection, and why."""
    done = pgward("connector", "check", directory, "-o", "json")
    found = json.loads(done.stdout)
    return next((each["verdict"], each["text"]) for each in found if each["check"] == "connection")


def test_a_connector_has_no_password_where_the_server_trusts_the_ca(pg, site, tmp_path):
    host, name, user = site.unique("pg"), site.unique("db"), site.unique("c").replace("-", "_")
    connector, directory = site.unique("conn"), tmp_path / "connector"
    configured(pg, site, host, "--cert-role", user)
    pg.psql(f'create role "{user}" login createrole')
    token = site.api.post("/v1/tokens", {"kind": "connector", "name": connector})["token"]
    done = pgward("connector", "enroll", directory, "--token-file", "-", stdin=token)
    assert done.returncode == 0, done.stderr
    spec = {"connector": connector, "host": "localhost", "port": pg.port, "user": user}
    spec |= {"auth": {"certificate": {"minutes": 5}}, "sslMode": "verify-full"}
    body = {"kind": "Integration", "metadata": {"name": name}, "spec": spec}
    site.api.put(f"/v1/resources/integration/{name}", body)
    is_so, what = checked(directory)
    assert is_so == "ok", what
    assert what.endswith(f"takes {user}")
    configured(pg, site, site.unique("pg"))
    assert checked(directory)[0] != "ok"
