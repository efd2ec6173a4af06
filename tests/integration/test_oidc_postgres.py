"""Logins at a provider when the store is PostgreSQL."""

import pytest

from pgward.ca import store as stores
from pgward.ca.login.oidc.logout_token import EVENT
from pgward.system.postgres import temporary_cluster
from tests.fixtures.lying_provider import CLIENT, ISSUER

pytestmark = pytest.mark.integration


@pytest.fixture
def store():
    """Replaces the SQLite store for everything that is built on it here."""
    with temporary_cluster() as cluster:
        where = f"host={cluster.socket_dir}&port={cluster.port}"
        made = stores.create(f"postgresql+psycopg://postgres@/postgres?{where}")
        yield made
        made.close()


def test_a_login_from_its_beginning_to_its_end(oidc_world):
    oidc_world.add(secret="s", createUsers=True, groupsClaim="groups")
    oidc_world.provider.claims = {"groups": ["dba"], "sid": "x"}
    oidc_world.provider.reply = {"refresh_token": "r1"}
    device = oidc_world.logged_in()
    oidc_world.api.clock.move(minutes=11)
    oidc_world.provider.claims = {"groups": ["dev"]}
    oidc_world.provider.reply = {"refresh_token": "r2"}
    assert oidc_world.renew(device).status_code == 200
    assert oidc_world.groups("ann") == ["dev"]
    now = int(oidc_world.api.clock.now().timestamp())
    token = oidc_world.provider.sign(
        {"iss": ISSUER, "aud": CLIENT, "iat": now, "jti": "j", "sid": "x", "events": {EVENT: {}}}
    )
    path = "/v1/login/oidc/corp/backchannel-logout"
    answers = [
        oidc_world.api.client.post(path, data={"logout_token": token}).status_code for _ in range(2)
    ]
    assert answers == [200, 400]
    assert device.call("GET", "/v1/me").status_code == 401
    assert oidc_world.admin.call("DELETE", "/v1/identity-providers/corp").status_code == 200
    assert oidc_world.groups("ann") == []
