from base64 import b64decode

import pytest
import sqlalchemy as sa

from pgward.ca.store.schema_accounts import access_passwords
from pgward.pgwire.scram import Verifier
from tests.fixtures.access_world import INTEGRATION
from tests.fixtures.edge_services import SELF, aware, declare
from tests.fixtures.live_grants import give

FROM_GRANT = {"user": {"fromGrant": True}, "auth": {"password": {"fromGrant": True}}}
ASKED = {"service": "orders", "user": "alice", "role": "jit_alice"}


@pytest.fixture
def granted(api, admin, alice, clock):  # noqa: ARG001 - alice is logged in
    body = {"kind": "Integration", "metadata": {"name": "shop-db"}, "spec": INTEGRATION}
    assert admin.call("PUT", "/v1/resources/integration/shop-db", body).status_code == 200
    declare(admin, aware(secret=None, **FROM_GRANT), integration="shop-db")
    own = {"user_name": "alice", "service": "orders", "role": "jit_alice"}
    rights = {"bundles": [], "roles": [], "objects": []}
    give(api.store, clock.now(), rights=rights, **own)
    return api


@pytest.fixture
def connector(api, admin):
    return api.machine(admin, "connector", "c1")


def verifiers(connector, version=1, role="jit_alice"):
    body = {"integration": "shop-db", "passwords": {role: version}}
    return connector.call("POST", "/v1/connector/passwords", body)


def tell(connector, version=1):
    told = [{"role": "jit_alice", "version": version}]
    body = {"id": "a" * 32, "integration": "shop-db", "version": 1, "passwords": told}
    assert connector.call("POST", "/v1/connector/report", body).json() == {"taken": True}


def ask(edge, **changed):
    return edge.call("POST", f"{SELF}/passwords", ASKED | changed)


def last(api):
    return api.events()[-1]


def test_the_connector_gets_a_verifier_and_the_edge_the_password(granted, connector, edge):
    (verifier,) = verifiers(connector).json()["verifiers"].values()
    told = last(granted)
    assert (told["actor"], told["action"], told["target"]) == (
        "connector:c1",
        "access.password",
        "shop-db",
    )
    assert told["details"] == {"roles": {"jit_alice": 1}}
    answer = ask(edge).json()
    value = b64decode(answer["value"])
    assert Verifier.read(verifier).fits(value)
    assert answer["version"] == 1
    read = last(granted)
    session = read["details"].pop("session")
    assert (read["actor"], read["action"], read["target"], len(session)) == (
        "edge:e1",
        "access.password_read",
        "alice",
        32,
    )
    assert read["details"] == {
        "service": "orders",
        "integration": "shop-db",
        "role": "jit_alice",
        "version": 1,
    }
    assert value.decode() not in str(granted.events())


def test_before_its_connector_asked_there_is_none(granted, edge):
    assert ask(edge).status_code == 404
    assert last(granted)["outcome"] == "failed"


def test_who_has_no_grant_gets_none_and_that_is_on_record(granted, connector, edge):
    verifiers(connector)
    answer = ask(edge, role="app")
    assert answer.status_code == 403
    told = last(granted)
    assert (told["outcome"], told["reason"]) == ("denied", "the person has no such access role now")


def test_no_other_connector_and_no_edge_gets_a_verifier(granted, admin, edge):
    assert verifiers(granted.machine(admin, "connector", "c2")).status_code == 403
    assert verifiers(edge).status_code == 403


@pytest.mark.usefixtures("granted")
def test_a_connector_has_no_passwords_made_that_no_grant_needs(api, connector):
    count = len(api.events())
    assert verifiers(connector, role="nobody").json() == {"verifiers": {}}
    with api.store.read() as connection:
        assert connection.execute(sa.select(access_passwords)).all() == []
    assert len(api.events()) == count


def test_a_version_that_is_not_wanted_is_left_out(granted, connector):
    count = len(granted.events())
    assert verifiers(connector, version=2).json() == {"verifiers": {}}
    assert len(granted.events()) == count


def test_one_that_the_server_refuses_is_replaced_and_the_connector_hears_of_it(
    granted, connector, edge
):
    verifiers(connector)
    tell(connector)
    wanted = connector.call("GET", "/v1/connector/wanted").json()
    assert wanted["integrations"][0]["wanted"]["passwords"] == {"jit_alice": 1}
    answer = ask(edge, refused=1)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    told = last(granted)
    assert (told["action"], told["details"]["version"]) == ("access.password_refused", 1)
    query = f"?after={wanted['version']}&tag={wanted['tag']}"
    news = connector.call("GET", "/v1/connector/wanted", query=query).json()
    assert news["integrations"][0]["wanted"]["passwords"] == {"jit_alice": 2}
    verifiers(connector, version=2)
    assert ask(edge).json()["version"] == 1
    assert ask(edge, refused=1).json()["version"] == 2
    tell(connector, version=2)
    assert ask(edge).json()["version"] == 2
