from base64 import b64decode, b64encode

import pytest

from pgward.ca.secrets import kept
from tests.fixtures.ca_service import SEALER
from tests.fixtures.edge_services import SELF, actions, aware
from tests.fixtures.edge_services import declare as declare_service
from tests.fixtures.integrations import declare

APP = {"user": "shop_app", "secret": "shop-app", "every": "30d"}
WHOSE = {"integration": "shop-db", "user": "shop_app"}


@pytest.fixture
def declared(admin, edge):
    declare(admin, accounts=[APP])
    value = b64encode(b"first").decode()
    admin.call("POST", "/v1/secrets", {"name": "shop-app", "value": value})
    return edge


def ask(admin, name="shop-app"):
    return admin.call("POST", f"/v1/secrets/{name}/change", {})


def begin(machine, **fields):
    return machine.call("POST", "/v1/connector/accounts/begin", WHOSE | fields)


def end(machine, version, **fields):
    return machine.call("POST", "/v1/connector/accounts/end", WHOSE | {"version": version} | fields)


def stored(api):
    with api.store.read() as connection:
        return kept.read(connection, SEALER, "shop-app").value


def listed(admin):
    [found] = admin.call("GET", "/v1/accounts").json()["accounts"]
    return found


def test_a_password_is_changed_on_demand(api, admin, declared):
    assert begin(declared).status_code == 409
    assert ask(admin).json() == {"secret": "shop-app", **WHOSE}
    assert listed(admin)["due"]
    begun = begin(declared).json()
    assert (begun["version"], b64decode(begun["former"])) == (2, b"first")
    assert begin(declared).json() == begun
    assert end(declared, 2).json() == {"change": "updated"}
    assert end(declared, 2).json() == {"change": "unchanged"}
    assert stored(api) == b64decode(begun["value"])
    found = listed(admin)
    assert (found["due"], found["changed_at"]) == (False, "2026-11-21T12:00:00Z")
    assert [each[:3] for each in actions(api, "account.")] == [
        ("edge:e1", "account.begin", "failed"),
        ("root", "account.ask", "ok"),
        ("edge:e1", "account.begin", "ok"),
        ("edge:e1", "account.begin", "ok"),
        ("edge:e1", "account.change", "ok"),
    ]
    record = str(api.events())
    assert begun["value"] not in record
    assert b64decode(begun["value"]).decode() not in record


def test_one_that_failed_is_told(api, admin, declared):
    ask(admin)
    begun = begin(declared).json()
    end(declared, begun["version"], failure="permission denied")
    assert stored(api) == b"first"
    assert listed(admin)["failure"] == "permission denied"
    assert [each[1] for each in actions(api, "account.fail")] == ["account.fail"]


def test_only_the_connector_gets_it_and_only_for_its_accounts(api, admin, declared):
    ask(admin)
    stranger = api.machine(admin, "edge", "e2")
    assert begin(stranger).status_code == 403
    assert end(stranger, 2).status_code == 403
    assert begin(declared, user="postgres").status_code == 404
    assert ask(admin, "other").status_code == 404


def test_what_is_known_goes_with_the_integration(admin, declared):
    ask(admin)
    begin(declared)
    admin.call("DELETE", "/v1/resources/Integration/shop-db")
    declare(admin, accounts=[APP])
    assert not listed(admin)["due"]


def test_who_is_refused_while_it_changes_gets_the_one_to_come(api, admin, declared):
    """Between the server's change and the login that proves it."""
    secret = f"{SELF}/secrets/shop-app"
    declare_service(admin, aware(secret="shop-app"))

    def got(**query):
        text = "".join(f"?{name}={value}" for name, value in query.items())
        answer = declared.call("GET", secret, query=text).json()
        return answer["version"], b64decode(answer["value"])

    assert got(refused=1) == (1, b"first")
    ask(admin)
    begun = begin(declared).json()
    value = b64decode(begun["value"])
    assert got() == (1, b"first")
    assert got(refused=1) == (2, value)
    assert got(refused=2) == (1, b"first")
    end(declared, 2)
    assert got(refused=1) == got() == (2, value)
    read = actions(api, "secret.read")[-1]
    assert read[:3] == ("edge:e1", "secret.read", "ok")


def test_a_connector_whose_own_password_changes_gets_the_one_to_come(admin, declared):
    admin.call("POST", "/v1/secrets", {"name": "own", "value": b64encode(b"first").decode()})
    own = {"user": "pgward_connector", "secret": "own"}
    declare(admin, auth={"password": {"fromSecret": "own"}}, accounts=[own | {"every": "30d"}])
    ask(admin, "own")
    begun = begin(declared, user="pgward_connector").json()
    body = {"integration": "shop-db"}
    path = "/v1/connector/secret"
    assert declared.call("POST", path, body).json()["version"] == 1
    refused = declared.call("POST", path, body | {"refused": 1}).json()
    assert (refused["version"], refused["value"]) == (2, begun["value"])
