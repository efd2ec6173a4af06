import re
from base64 import b64encode

import pytest
import sqlalchemy as sa

from pgward.ca.secrets import kept
from pgward.ca.store.schema_secrets import secret_keys, secrets
from tests.fixtures.ca_service import SEALER
from tests.fixtures.edge_services import actions, aware, declare

CANARY = "canary-Zx81-secret"


def value(text: str = CANARY) -> dict[str, str]:
    return {"value": b64encode(text.encode()).decode()}


def create(admin, name="db", text=CANARY):
    return admin.call("POST", "/v1/secrets", {"name": name} | value(text))


def stored(api, name="db"):
    with api.store.read() as connection:
        return kept.read(connection, SEALER, name).value


def test_a_secret_goes_in_and_never_comes_out(api, admin):
    assert create(admin).json() == {"name": "db", "version": 1}
    assert stored(api) == CANARY.encode()
    listed = admin.call("GET", "/v1/secrets")
    (found,) = listed.json()["secrets"]
    assert (found["name"], found["version"], found["services"]) == ("db", 1, [])
    assert (found["created_by"], found["rotated_at"]) == ("root", None)
    assert CANARY not in listed.text
    assert value()["value"] not in listed.text


def test_what_happens_is_on_record_without_the_value(api, admin):
    create(admin)
    rotated = admin.call("POST", "/v1/secrets/db/rotate", value("next-canary"))
    assert rotated.json() == {"name": "db", "version": 2}
    assert stored(api) == b"next-canary"
    assert admin.call("DELETE", "/v1/secrets/db").json() == {"change": "deleted", "services": []}
    assert actions(api, "secret.") == [
        ("root", f"secret.{each}", "ok", "db") for each in ("create", "rotate", "delete")
    ]
    record = str(api.events())
    assert not re.search("canary|Y2FuYXJ5", record)


def test_one_in_use_is_kept_unless_forced(api, admin):
    create(admin)
    declare(admin, aware())
    refused = admin.call("DELETE", "/v1/secrets/db")
    assert refused.status_code == 409
    assert refused.json()["error"]["message"] == "the secret 'db' is in use: orders"
    assert stored(api) == CANARY.encode()
    forced = admin.call("DELETE", "/v1/secrets/db", query="?force=true")
    assert forced.json() == {"change": "deleted", "services": ["orders"]}
    assert [each[2] for each in actions(api, "secret.delete")] == ["failed", "ok"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": "db", "value": "not base64!"}, "value is not base64"),
        ({"name": "db", "value": ""}, "a secret has 1 to 16384 bytes, not 0"),
        ({"name": "Db"} | value(), "'Db' cannot be a secret's name"),
    ],
)
def test_wrong_input_is_refused_and_not_repeated(admin, body, message):
    answer = admin.call("POST", "/v1/secrets", body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (422, message)


def test_a_value_that_is_too_long_is_not_in_the_answer(admin):
    answer = admin.call("POST", "/v1/secrets", {"name": "db", "value": CANARY * 2000})
    assert answer.status_code == 422
    assert CANARY not in answer.text


def test_a_new_key_encrypts_all_and_nothing_else_changes(api, admin):
    assert admin.call("GET", "/v1/secrets").json()["key_made_at"] is None
    create(admin)
    create(admin, "other", "x")
    api.clock.move(hours=1)
    answer = admin.call("POST", "/v1/secret-key/rotate")
    assert answer.json() == {"number": 2, "secrets": 2}
    assert stored(api) == CANARY.encode()
    listed = admin.call("GET", "/v1/secrets").json()
    assert listed["key_made_at"] == "2026-11-21T13:00:00Z"
    assert [each["version"] for each in listed["secrets"]] == [1, 1]
    with api.store.read() as connection:
        assert connection.execute(sa.select(secret_keys.c.number)).scalars().all() == [2]
        assert CANARY not in str(connection.execute(sa.select(secrets)).all())
    assert actions(api, "secret.rotate-key") == [("root", "secret.rotate-key", "ok", None)]


def test_edges_hear_of_each_change(api, admin):
    seen = [api.store.version()]
    create(admin)
    seen.append(api.store.version())
    admin.call("POST", "/v1/secrets/db/rotate", value("next"))
    seen.append(api.store.version())
    admin.call("DELETE", "/v1/secrets/db")
    seen.append(api.store.version())
    assert seen == sorted(set(seen))


def test_a_former_value_is_recovered_and_shown_to_nobody(api, admin):
    create(admin)
    admin.call("POST", "/v1/secrets/db/rotate", value("wrong"))
    listed = admin.call("GET", "/v1/secrets/db/versions")
    found = [(each["version"], each["state"]) for each in listed.json()["versions"]]
    assert found == [(2, "current"), (1, "former")]
    recovered = admin.call("POST", "/v1/secrets/db/recover", {"version": 1})
    assert recovered.json() == {"name": "db", "version": 3}
    assert CANARY not in listed.text + recovered.text
    assert stored(api) == CANARY.encode()
    missing = admin.call("POST", "/v1/secrets/db/recover", {"version": 9})
    assert missing.status_code == 404
    assert [each[1:3] for each in actions(api, "secret.recover")] == [
        ("secret.recover", "ok"),
        ("secret.recover", "failed"),
    ]
