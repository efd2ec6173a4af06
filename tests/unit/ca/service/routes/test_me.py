from contextlib import suppress

from pgward.core.errors import DeniedError
from tests.fixtures.aware_services import aware
from tests.fixtures.ca_service import PASSWORD, Device
from tests.fixtures.live_grants import give


def test_logging_out_without_a_certificate(alice):
    assert alice.call("POST", "/v1/logout").json() == {"revoked": 0, "provider_login": None}


def test_a_token_that_another_device_uses_is_refused_recorded_and_told(api, alice):
    session = alice.call("GET", "/v1/me").json()
    assert session["notices"] == []
    thief = Device(api, token=alice.token)
    for method, path in (("GET", "/v1/me"), ("POST", "/v1/certificates/login")):
        answer = thief.call(method, path)
        assert answer.status_code == 403
        assert answer.json()["error"]["message"] == "the login belongs to another device"
        event = api.events()[-1]
        assert (event["action"], event["actor"], event["outcome"], event["target"]) == (
            *("session.stolen", "alice", "denied"),
            session["session"]["id"],
        )
        assert event["details"]["request"] == f"{method} {path}"
        assert event["details"]["device"] != event["details"]["used_by"]
    (told,) = alice.call("GET", "/v1/me").json()["notices"]
    assert told.startswith("your login token was used on another device, and refused, 2 times")
    other = Device(api)
    assert other.login("alice").json()["notices"] == [told]


def test_who_guesses_at_the_login_keeps_nobody_from_a_new_password(api, alice):
    context = api.client.app.state.context
    for number in range(60):
        with suppress(DeniedError):
            context.throttle.begin(f"192.0.2.{number}", "alice", context.monotonic())
    body = {"old": PASSWORD, "new": "quite another one"}
    assert alice.call("POST", "/v1/me/password", body).status_code == 200


def test_a_service_in_mode_postgres_is_shown_without_what_is_behind_its_edge(admin, alice):
    body = aware({"database": {"force": "shop"}})
    assert admin.call("PUT", "/v1/resources/service/orders", body).json()["change"] == "created"
    assert alice.call("GET", "/v1/services").json()["services"] == [
        {
            "name": "orders",
            "description": "",
            "mode": "postgres",
            "server_name": "orders",
            "server_port": None,
            "database": "shop",
            "ssl_mode": "disable",
            "edges": [],
            "ways": {
                "certificate": True,
                "otp": True,
                "token": True,
                "reason_required": False,
                "browser": False,
                "export": False,
            },
            "health": "unknown",
            "step_up": None,
            "access": None,
        }
    ]


DETAILS = "{user}: read only, please. {service} as {role} in {database}"


def test_a_service_that_one_has_by_a_grant_is_shown_until_it_ends(api, admin, alice):
    body = aware({"database": {"force": "shop"}}, allow={"users": ["bob"]}, integration="shop-db")
    integration = {
        "kind": "Integration",
        "metadata": {"name": "shop-db"},
        "spec": {
            "connector": "c1",
            "host": "db1",
            "user": "pgward_connector",
            "auth": {"none": True},
            "details": DETAILS,
        },
    }
    for kind, each in (("integration", integration), ("service", body)):
        name = each["metadata"]["name"]
        assert admin.call("PUT", f"/v1/resources/{kind}/{name}", each).status_code == 200
    assert alice.call("GET", "/v1/services").json()["services"] == []
    give(api.store, api.clock.now(), user_name="alice", service="orders", role="a_1")
    (found,) = alice.call("GET", "/v1/services").json()["services"]
    assert found["access"] == {
        "until": "2026-11-21T13:00:00Z",
        "role": "a_1",
        "names": ["reading"],
        "details": "alice: read only, please. orders as a_1 in shop",
    }
    api.clock.move(minutes=60)
    assert alice.call("GET", "/v1/services").json()["services"] == []


def test_where_a_service_is_and_by_what_one_comes_in(api, admin, alice):
    edge = api.machine(admin, "edge", "e1", dns=["e1.test", "*.db.test"])
    login = {"certificate": False, "token": False}
    body = aware({"login": login, "reasonRequired": True, "database": {"force": "shop"}})
    assert admin.call("PUT", "/v1/resources/service/orders", body).status_code == 200
    (found,) = alice.call("GET", "/v1/services?name=orders").json()["services"]
    assert found["ways"] == {
        "certificate": False,
        "otp": True,
        "token": False,
        "reason_required": True,
        "browser": False,
        "export": False,
    }
    place = {
        "name": "e1",
        "address": "e1.test:7432",
        "server_name": "e1.test",
        "direct_names": ["orders.db.test"],
        "online": False,
    }
    assert found["edges"] == [place]
    assert edge.call("GET", "/v1/edge/snapshot").status_code == 200
    (found,) = alice.call("GET", "/v1/services").json()["services"]
    assert found["edges"] == [place | {"online": True}]
    api.clock.move(minutes=2)
    (found,) = alice.call("GET", "/v1/services").json()["services"]
    assert found["edges"] == [place]
    assert alice.call("GET", "/v1/services?name=other").json()["services"] == []


def test_services_are_searched_and_come_in_pages(admin, alice):
    for name in ("a1", "a2", "b1"):
        body = aware({}) | {"metadata": {"name": name, "description": f"Of {name.upper()}"}}
        assert admin.call("PUT", f"/v1/resources/service/{name}", body).status_code == 200
    for query, names, more in (
        ("", ["a1", "a2", "b1"], False),
        ("limit=2", ["a1", "a2"], True),
        ("limit=2&after=a2", ["b1"], False),
        ("search=A", ["a1", "a2"], False),
        ("search=of%20b&limit=1", ["b1"], False),
    ):
        found = alice.call("GET", f"/v1/services?{query}").json()
        assert ([each["name"] for each in found["services"]], found["more"]) == (names, more)
