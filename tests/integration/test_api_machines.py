"""Machines over the API: joining, renewing, following the configuration, delivering events."""

import threading
import time
from base64 import b64decode

import pytest
from cryptography import x509

from pgward.audit.events import AuditEvent
from pgward.ca.records import Kind
from pgward.ca.store import open_store
from pgward.pki import csr, keys, pem, snapshot
from tests.fixtures.ca_service import Machine, request_pem, service

pytestmark = pytest.mark.integration


def test_an_edge_joins_once_with_the_names_of_its_token(api, admin):
    body = {"kind": "edge", "name": "e1", "dns": ["Edge.Example.com"], "ips": ["10.0.0.7"]}
    token = admin.call("POST", "/v1/tokens", body).json()["token"]
    joining = {"token": token, "csr": request_pem(), "advertise": "edge.example.com:7432"}
    found = api.call("POST", "/v1/enroll", joining).json()
    leaf = x509.load_pem_x509_certificate(found["certificate"].encode())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert (found["name"], found["kind"]) == ("e1", "edge")
    assert names.get_values_for_type(x509.DNSName) == ["edge.example.com"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.7"]
    again = api.call("POST", "/v1/enroll", joining)
    assert (again.status_code, again.json()["error"]["code"]) == (403, "denied")


def test_a_join_token_expires_and_a_bad_request_does_not_use_it_up(api, admin):
    body = {"kind": "host", "name": "h1", "ttl_seconds": 60}
    token = admin.call("POST", "/v1/tokens", body).json()["token"]
    bad = api.call("POST", "/v1/enroll", {"token": token, "csr": "nonsense"})
    assert bad.status_code == 422
    api.clock.move(seconds=61)
    late = api.call("POST", "/v1/enroll", {"token": token, "csr": request_pem()})
    assert late.status_code == 403


@pytest.mark.parametrize(("kind", "other"), [("edge", "host"), ("host", "edge")])
def test_a_token_of_the_other_kind_is_not_used_up(api, admin, kind, other):
    token = admin.call("POST", "/v1/tokens", {"kind": kind, "name": "m1"}).json()["token"]
    joining = {"token": token, "csr": request_pem()}
    advertised = {**joining, "advertise": "m1.test:7432"}
    wrong, right = (joining, advertised) if kind == "edge" else (advertised, joining)
    refused = api.call("POST", "/v1/enroll", wrong)
    assert refused.status_code == 422
    assert f"that token is for an {kind}, not".replace("an host", "a host") in refused.text
    assert other in refused.text
    assert api.call("POST", "/v1/enroll", right).status_code == 201


def test_a_machine_renews_under_its_recorded_names_for_a_new_key(edge):
    answer = edge.call("POST", "/v1/machine/renew", {"csr": request_pem()})
    leaf = x509.load_pem_x509_certificate(answer.json()["certificate"].encode())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["e1"]
    assert edge.call("GET", "/v1/edge/snapshot").status_code == 200


def test_a_machine_that_joins_anew_replaces_its_former_self(api, admin, edge):
    new = api.machine(admin, "edge", "e1")
    assert edge.call("GET", "/v1/edge/snapshot").status_code == 403
    assert new.call("GET", "/v1/edge/snapshot").status_code == 200


def test_a_removed_edge_and_an_expired_certificate_are_refused(api, admin, edge):
    host = api.machine(admin, "host", "h1")
    assert admin.call("DELETE", "/v1/edges/e1").json() == {"revoked": 1}
    assert edge.call("GET", "/v1/edge/snapshot").status_code == 403
    api.clock.move(days=31)
    answer = host.call("POST", "/v1/machine/renew", {"csr": request_pem()})
    assert (answer.status_code, "expired" in answer.json()["error"]["message"]) == (403, True)


def test_other_certificates_make_no_machine(api, sql_authority, alice, edge):
    key = keys.generate()
    answer = alice.call("POST", "/v1/certificates/login", {"csr": csr.make(key).decode()}).json()
    chain = pem.split("".join([answer["certificate"], *answer["chain"]]).encode())
    person = Machine(api, key, chain)
    assert person.call("GET", "/v1/edge/snapshot").status_code == 403
    foreign = Machine(api, key, edge.chain)
    assert foreign.call("GET", "/v1/edge/snapshot").status_code == 403
    own = sql_authority.issue_server(csr.make(key), kind=Kind.API, name="ca", dns=["localhost"])
    itself = Machine(api, key, [own.certificate, *own.chain])
    assert itself.call("GET", "/v1/edge/snapshot").status_code == 403


def test_a_snapshot_holds_what_this_edge_needs_and_is_signed(api, admin, alice, edge):
    alice.certificate()
    admin.call("PUT", "/v1/resources/services/orders", service())
    elsewhere = service("other", edges=["e2"], allow={"groups": ["secret"]})
    admin.call("PUT", "/v1/resources/services/other", elsewhere)
    admin.call("POST", "/v1/users/alice/block", {})
    found = _snapshot(api, edge)
    assert found["edge"] == "e1"
    assert found["services"] == [
        {
            "name": "orders",
            "mode": "tcp",
            "upstream": {"host": "db1.internal", "port": 5432},
            "allow": {"users": [], "groups": ["dba"]},
            "max_connections": None,
            "max_connections_per_user": None,
        }
    ]
    assert found["groups"] == {"dba": ["alice"]}
    assert found["blocked"] == ["alice"]
    assert (len(found["crls"]), len(found["user_roots"])) == (2, 1)


def test_without_news_the_poll_ends_empty_and_the_edge_was_seen(api, admin, edge):
    version = _snapshot(api, edge)["version"]
    answer = edge.call("GET", f"/v1/edge/snapshot?after={version}&wait=0")
    assert (answer.status_code, answer.content) == (204, b"")
    (row,) = admin.call("GET", "/v1/edges").json()["edges"]
    assert row == {
        "name": "e1",
        "address": "e1.test:7432",
        "dns": ["e1"],
        "ips": [],
        "enrolled_at": "2026-11-21T12:00:00Z",
        "last_seen_at": "2026-11-21T12:00:00Z",
        "snapshot_version": version,
        "not_after": "2026-12-21T12:00:00Z",
        "sessions": 0,
    }


def test_a_revocation_wakes_the_waiting_edge_in_well_under_a_second(api, admin, alice, edge):
    serial = int(alice.certificate()["serial"], 16)
    version = _snapshot(api, edge)["version"]
    arrived: list[float] = []
    found = {}

    def wait() -> None:
        found.update(_snapshot(api, edge, f"?after={version}&wait=20"))
        arrived.append(time.monotonic())

    thread = threading.Thread(target=wait)
    thread.start()
    _until(lambda: _waiting(api))
    began = time.monotonic()
    assert admin.call("POST", "/v1/users/alice/block", {}).status_code == 200
    thread.join(10)
    assert arrived[0] - began < 0.8
    assert found["blocked"] == ["alice"]
    revoked = [x509.load_der_x509_crl(_der(crl)) for crl in found["crls"]]
    assert any(crl.get_revoked_certificate_by_serial_number(serial) for crl in revoked)


def test_a_change_by_another_process_is_noticed_within_seconds(api, edge):
    version = _snapshot(api, edge)["version"]
    other = open_store(api.store.engine.url.render_as_string())
    with other.write() as transaction:
        transaction.changed()
    other.close()
    assert _snapshot(api, edge, f"?after={version}&wait=10")["version"] > version


def test_events_are_stored_once_whatever_is_sent_again(api, admin, edge):
    good = AuditEvent.make(time=api.clock.now(), actor="alice", action="session.open").to_json()
    other = AuditEvent.make(time=api.clock.now(), actor="bob", action="session.open").to_json()
    body = {"events": [good, {"id": "x"}, good]}
    answer = edge.call("POST", "/v1/edge/events", body).json()
    assert answer["accepted"] == [good["id"], good["id"]]
    assert [each["index"] for each in answer["refused"]] == [1]
    again = edge.call("POST", "/v1/edge/events", {"events": [good, other]}).json()
    assert again["accepted"] == [good["id"], other["id"]]
    found = admin.call("GET", "/v1/audit?action=session.open").json()["events"]
    assert [(e["actor"], e["source"], e["id"]) for e in found] == [
        ("alice", "edge:e1", good["id"]),
        ("bob", "edge:e1", other["id"]),
    ]


@pytest.mark.usefixtures("edge")
def test_a_service_names_the_edges_that_lead_to_it(admin, alice):
    admin.call("PUT", "/v1/resources/Service/orders", service(database="orders"))
    hidden = service("hidden", allow={"users": ["root"]})
    admin.call("PUT", "/v1/resources/Service/hidden", hidden)
    assert alice.call("GET", "/v1/services").json()["services"] == [
        {
            "name": "orders",
            "description": "",
            "mode": "tcp",
            "server_name": "db1.internal",
            "server_port": 5432,
            "database": "orders",
            "ssl_mode": "verify-full",
            "edges": [
                {
                    "name": "e1",
                    "address": "e1.test:7432",
                    "server_name": "e1",
                    "direct_names": [],
                    "online": False,
                }
            ],
            "ways": {
                "certificate": True,
                "otp": False,
                "token": False,
                "reason_required": False,
                "browser": False,
                "export": False,
            },
            "health": "unknown",
            "step_up": None,
            "access": None,
        }
    ]


def _snapshot(api, edge, query=""):
    answer = edge.call("GET", f"/v1/edge/snapshot{query}")
    assert answer.status_code == 200, answer.text
    authority = api.client.app.state.context.authority
    return snapshot.verify(answer.json()["snapshot"], authority.trust.server_roots, api.clock.now())


def _waiting(api) -> bool:
    return bool(api.client.app.state.context.changes._news._waiters)


def _until(condition) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _der(text: str) -> bytes:
    return b64decode(text)
