from base64 import b64decode

from tests.fixtures.edge_services import SELF, actions, aware, create_secret, declare

CANARY = "canary-Zx81-secret"


def test_an_edge_gets_what_its_services_refer_to(api, admin, edge):
    create_secret(admin, "db", CANARY)
    declare(admin, aware())
    answer = edge.call("GET", f"{SELF}/secrets/db")
    found = answer.json()
    assert (found["name"], found["version"]) == ("db", 1)
    assert b64decode(found["value"]) == CANARY.encode()
    assert answer.headers["cache-control"] == "no-store"
    (event,) = [each for each in api.events() if each["action"] == "secret.read"]
    assert (event["actor"], event["target"]) == ("edge:e1", "db")
    assert event["details"] == {"version": 1, "services": ["orders"]}
    assert CANARY not in str(api.events())


def test_an_edge_that_does_not_serve_it_learns_not_even_whether_it_is_there(api, admin, edge):
    create_secret(admin, "db", CANARY)
    declare(admin, aware(), edges=["e2"])
    answers = [edge.call("GET", f"{SELF}/secrets/{name}") for name in ("db", "none")]
    assert [each.status_code for each in answers] == [403, 403]
    assert answers[0].json() == answers[1].json()
    assert [each[2] for each in actions(api, "secret.read")] == ["denied", "denied"]
    other = api.machine(admin, "edge", "e2")
    assert other.call("GET", f"{SELF}/secrets/db").status_code == 200


def test_one_that_is_referred_to_and_not_there_is_told(admin, edge):
    declare(admin, aware())
    answer = edge.call("GET", f"{SELF}/secrets/db")
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        404,
        "there is no secret 'db'",
    )


def test_people_get_none_and_neither_do_hosts(api, admin, alice):
    create_secret(admin, "db", CANARY)
    declare(admin, aware())
    host = api.machine(admin, "host", "h1", dns=["db1.internal"])
    for asking in (alice, admin, host):
        assert asking.call("GET", f"{SELF}/secrets/db").status_code == 403
