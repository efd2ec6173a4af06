import pytest

from pgward.ca.identity import holders
from pgward.core.errors import NotFoundError
from tests.fixtures.aware_services import aware
from tests.fixtures.ca_service import service
from tests.fixtures.live_grants import give


@pytest.mark.usefixtures("alice", "edge")
def test_who_may_use_a_service_and_who_serves_it(api, admin):
    api.add("bob", "others")
    api.add("carol")
    api.machine(admin, "edge", "e2")
    api.machine(admin, "host", "h1", dns=["DB1.internal"])
    api.machine(admin, "host", "h2", dns=["db2.internal"])
    changed = service(edges=["e1"], allow={"groups": ["dba"], "users": ["CAROL"]})
    assert admin.call("PUT", "/v1/resources/service/orders", changed).status_code in (200, 201)
    with api.store.read() as connection:
        found = holders.of_service(connection, "orders")
    peoples = [(kind, ["alice", "carol"]) for kind in ("person", "minted")]
    assert found == [*peoples, ("edge", ["e1"]), ("host", ["h1"])]


@pytest.mark.usefixtures("edge")
def test_who_has_a_grant_may_use_it(api, admin):
    api.add("bob", "others")
    changed = service(allow={"users": ["root"]})
    assert admin.call("PUT", "/v1/resources/service/orders", changed).status_code in (200, 201)
    give(api.store, api.clock.now(), user_name="bob", service="orders")
    with api.store.read() as connection:
        found = dict(holders.of_service(connection, "orders"))
    assert found["person"] == ["bob", "root"]


def test_no_such_service(store):
    with store.read() as connection, pytest.raises(NotFoundError, match="no service 'x'"):
        holders.of_service(connection, "x")


@pytest.mark.usefixtures("alice", "edge")
def test_every_server_of_a_service_in_mode_postgres_serves_it(api, admin):
    for number in range(1, 4):
        api.machine(admin, "host", f"h{number}", dns=[f"db{number}.internal"])
    block = {"serverName": "DB3.internal", "upstreams": [{"host": "db1.internal"}]}
    changed = aware(block, upstream=None)
    assert admin.call("PUT", "/v1/resources/service/orders", changed).status_code in (200, 201)
    with api.store.read() as connection:
        found = dict(holders.of_service(connection, "orders"))
    assert found["host"] == ["h1", "h3"]
