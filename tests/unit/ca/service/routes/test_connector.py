from base64 import b64encode

import pytest
from cryptography import x509

from pgward.core.clock import precise_rfc3339, rfc3339
from pgward.pki import chain, pem
from tests.fixtures.access_world import INTEGRATION, SERVICE
from tests.fixtures.ca_service import request_pem

WANTED, REPORT, SECRET, CERTIFICATE = (
    f"/v1/connector/{each}" for each in ("wanted", "report", "secret", "certificate")
)
BY_CERTIFICATE = {"certificate": {"minutes": 5}}


@pytest.fixture
def connector(api, admin, access):  # noqa: ARG001 - the world has its integration
    return api.machine(admin, "connector", "c1")


def report(**fields):
    return {"id": "a" * 32, "integration": "shop-db", "version": 1} | fields


def test_a_connector_gives_what_was_approved_and_takes_it_away(connector, access, clock):
    first = connector.call("GET", WANTED).json()
    assert first["now"] == precise_rfc3339(clock.now())
    grant = access.granted()
    query = f"?after={first['version']}&tag={first['tag']}&wait=5"
    second = connector.call("GET", WANTED, query=query).json()
    (integration,) = second["integrations"]
    assert [each["id"] for each in integration["wanted"]["grants"]] == [grant.id]
    told = {"id": grant.id, "state": "active", "at": rfc3339(clock.now())}
    answer = connector.call("POST", REPORT, report(grants=[told]))
    assert answer.json() == {"taken": True}
    assert access.grant(grant.id).state == "active"
    query = f"?after={second['version']}&tag={second['tag']}"
    assert connector.call("GET", WANTED, query=query).status_code == 204


def test_a_secret_is_for_its_connector_alone_and_on_record(api, admin, connector):
    value = b64encode(b"geheim").decode()
    admin.call("POST", "/v1/secrets", {"name": "shop-connector", "value": value})
    body = {"integration": "shop-db"}
    assert connector.call("POST", SECRET, body).json() == {
        "name": "shop-connector",
        "version": 1,
        "value": value,
    }
    other = api.machine(admin, "connector", "c2")
    assert other.call("POST", SECRET, body).status_code == 403
    reads = [each for each in api.events() if each["action"] == "secret.read"]
    assert [(each["actor"], each["outcome"]) for each in reads] == [
        ("connector:c1", "ok"),
        ("connector:c2", "denied"),
    ]


def test_an_integration_without_a_secret_of_the_cas_has_none(access, connector):
    access.put("Integration", "shop-db", INTEGRATION, auth={"none": True})
    answer = connector.call("POST", SECRET, {"integration": "shop-db"})
    assert "has no secret of the CA's" in answer.text


def test_nobody_reports_about_what_is_not_theirs(api, admin, connector):
    other = api.machine(admin, "connector", "c2")
    assert other.call("POST", REPORT, report()).status_code == 403
    assert connector.call("POST", REPORT, report(integration="none")).status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        {"id": "x"},
        {"grants": [{"id": "a", "state": "born", "at": "2026-11-21T12:00:00Z"}]},
        {"grants": [{"id": "a", "state": "active", "at": 5}]},
        {"version": -1},
        {"unknown": 1},
    ],
)
def test_reports_of_another_form_are_refused(connector, change):
    assert connector.call("POST", REPORT, report(**change)).status_code == 422


def test_an_edge_with_a_connector_inside_is_told_its_own(api, admin, access):
    edge = api.machine(admin, "edge", "e1")
    assert edge.call("GET", WANTED).json()["integrations"] == []
    access.put("Integration", "shop-db", INTEGRATION, connector=None, edge="e1")
    (found,) = edge.call("GET", WANTED).json()["integrations"]
    assert found["name"] == "shop-db"


def test_a_certificate_is_in_the_accounts_name_marked_short_and_on_record(
    api, admin, access, connector
):
    access.put("Integration", "shop-db", INTEGRATION, auth=BY_CERTIFICATE)
    body = {"integration": "shop-db", "csr": request_pem(), "seconds": 900}
    other = api.machine(admin, "connector", "c2")
    assert other.call("POST", CERTIFICATE, body).status_code == 403
    made = connector.call("POST", CERTIFICATE, body).json()
    (leaf,) = pem.split(made["certificate"].encode())
    assert leaf.subject.rfc4514_string() == "CN=pgward_connector"
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [chain.CLIENT_AUTH, chain.MINTED]
    assert made["issued_at"] == "2026-11-21T12:00:00Z"
    assert made["not_after"] == "2026-11-21T12:05:00Z"
    events = [each for each in api.events() if each["action"].startswith("certificate.")]
    assert [(each["actor"], each["outcome"]) for each in events[-3:]] == [
        ("connector:c2", "denied"),
        ("system:ca", "ok"),
        ("connector:c1", "ok"),
    ]
    assert events[-2]["details"]["kind"] == "account"
    assert events[-1]["details"] == {"integration": "shop-db", "account": "pgward_connector"}
    assert events[-1]["target"] == made["serial"]


def test_an_account_in_a_persons_name_gets_no_certificate(api, access, connector):
    access.put("Integration", "shop-db", INTEGRATION, auth=BY_CERTIFICATE, user="ann")
    body = {"integration": "shop-db", "csr": request_pem(), "seconds": 300}
    answer = connector.call("POST", CERTIFICATE, body)
    assert answer.status_code == 403
    assert "is a person's name" in answer.text
    last = [each for each in api.events() if each["action"] == "certificate.account"][-1]
    assert (last["outcome"], last["target"]) == ("denied", "shop-db")


def test_no_name_is_an_accounts_and_a_persons(admin, access):
    body = {
        "kind": "Integration",
        "metadata": {"name": "shop-db"},
        "spec": INTEGRATION | {"auth": BY_CERTIFICATE, "user": "ann"},
    }
    answer = admin.call("PUT", "/v1/resources/integration/shop-db", body)
    assert answer.status_code == 409
    access.put("Integration", "shop-db", INTEGRATION, auth=BY_CERTIFICATE)
    answer = admin.call("POST", "/v1/users", {"name": "pgward_connector"})
    assert answer.status_code == 409
    assert "logs in as 'pgward_connector'" in answer.text


@pytest.mark.parametrize("end", ["revoke", "remove"])
def test_the_accounts_certificates_go_with_the_connector(admin, access, connector, end):
    access.put("Integration", "shop-db", INTEGRATION, auth=BY_CERTIFICATE)
    other = {"auth": BY_CERTIFICATE, "connector": "c2", "user": "other_account"}
    access.put("Integration", "hr-db", INTEGRATION, **other)
    body = {"integration": "shop-db", "csr": request_pem(), "seconds": 300}
    serial = connector.call("POST", CERTIFICATE, body).json()["serial"]
    if end == "revoke":
        answer = admin.call(
            "POST", "/v1/certificates/revoke", {"kind": "connector", "name": "c1"}
        ).json()
        assert (answer["revoked"], answer["certificates"][-1]["serial"]) == (2, serial)
    else:
        assert admin.call("DELETE", "/v1/connectors/c1").json() == {"revoked": 2}
    again = admin.call("POST", f"/v1/certificates/{serial}/revoke", {}).json()
    assert (again["revoked"], again["certificates"][0]["kind"]) == (0, "account")


@pytest.mark.parametrize(
    ("change", "revoked"),
    [
        ({"host": "db9.internal"}, 0),
        ({"connector": "c2"}, 1),
        ({"user": "other_account"}, 1),
        ({"auth": {"none": True}}, 1),
        (None, 1),
    ],
)
def test_the_accounts_certificates_go_where_it_is_the_connectors_no_more(
    admin, access, connector, change, revoked
):
    access.put("Integration", "shop-db", INTEGRATION, auth=BY_CERTIFICATE)
    body = {"integration": "shop-db", "csr": request_pem(), "seconds": 300}
    serial = connector.call("POST", CERTIFICATE, body).json()["serial"]
    path = "/v1/resources/integration/shop-db"
    if change is None:
        access.put("Service", "shop", SERVICE | {"integration": None})
        assert admin.call("DELETE", path).status_code == 200
    else:
        spec = INTEGRATION | {"auth": BY_CERTIFICATE} | change
        body = {"kind": "Integration", "metadata": {"name": "shop-db"}, "spec": spec}
        assert admin.call("PUT", f"{path}?dry_run=true", body).status_code == 200
        assert admin.call("PUT", path, body).status_code == 200
    again = admin.call("POST", f"/v1/certificates/{serial}/revoke", {}).json()
    assert again["revoked"] == 1 - revoked


def test_an_accounts_certificate_lives_for_five_minutes_at_most(admin):
    spec = INTEGRATION | {"auth": {"certificate": {"minutes": 6}}}
    body = {"kind": "Integration", "metadata": {"name": "shop-db"}, "spec": spec}
    answer = admin.call("PUT", "/v1/resources/integration/shop-db", body)
    assert answer.status_code == 422
    assert "lives for 5 at most" in answer.text
