import pytest

from pgward.ca.authority import Authority
from pgward.pki import csr
from tests.fixtures.ca_service import request_pem


def test_a_host_joins_without_an_address(api, admin):
    body = {"kind": "host", "name": "db1", "dns": ["db1.x"]}
    token = admin.call("POST", "/v1/tokens", body).json()["token"]
    found = api.call("POST", "/v1/enroll", {"token": token, "csr": request_pem()})
    assert (found.status_code, found.json()["kind"], found.json()["name"]) == (201, "host", "db1")


@pytest.mark.parametrize("advertise", ["nonsense", "host:99999", "a:b:c"])
def test_an_address_that_is_none_does_not_use_the_token_up(api, admin, advertise):
    token = admin.call("POST", "/v1/tokens", {"kind": "edge", "name": "e1"}).json()["token"]
    body = {"token": token, "csr": request_pem(), "advertise": advertise}
    wrong = api.call("POST", "/v1/enroll", body)
    assert wrong.json()["error"]["fields"][0]["path"] == "advertise"
    right = api.call("POST", "/v1/enroll", body | {"advertise": "e1.x:7432"})
    assert right.status_code == 201


def test_guessing_tokens_is_slowed_down(api):
    body = {"token": "guess", "csr": request_pem()}
    found = [api.call("POST", "/v1/enroll", body).json()["error"]["message"] for _ in range(11)]
    assert found[-1] == "too many failed attempts"
    assert len([event for event in api.events() if event["action"] == "machine.enroll"]) == 10


def test_joining_is_recorded_and_so_is_its_refusal(api, admin):
    token = admin.call("POST", "/v1/tokens", {"kind": "edge", "name": "e1"}).json()["token"]
    body = {"token": token, "csr": request_pem(), "advertise": "e1.x:7432"}
    api.call("POST", "/v1/enroll", body)
    api.call("POST", "/v1/enroll", body)
    found = [(e["actor"], e["action"], e["outcome"], e["target"]) for e in api.events()][2:]
    assert [event for event in found if event[1] == "machine.enroll"] == [
        ("edge:e1", "machine.enroll", "ok", "edge:e1"),
        ("unknown", "machine.enroll", "denied", None),
    ]
    assert found[1][:3] == ("edge:e1", "certificate.issue", "ok")


@pytest.fixture
def meanwhile(monkeypatch):
    """Do something once, between the look at who asks and the certificate."""

    def arrange(action) -> None:
        real, left = Authority.issue_server, [action]

        def issue(*arguments, **named):
            if left:
                left.pop()()
            return real(*arguments, **named)

        monkeypatch.setattr(Authority, "issue_server", issue)

    return arrange


@pytest.mark.parametrize("way", ["removed", "replaced", "revoked"])
def test_a_machine_cannot_renew_itself_past_its_end(api, admin, edge, meanwhile, way):
    serial = f"{edge.chain[0].serial_number:x}"
    ends = {
        "removed": lambda: admin.call("DELETE", "/v1/edges/e1"),
        "replaced": lambda: (api.clock.move(seconds=1), api.machine(admin, "edge", "e1")),
        "revoked": lambda: admin.call("POST", f"/v1/certificates/{serial}/revoke", {}),
    }
    meanwhile(ends[way])
    answer = edge.call("POST", "/v1/machine/renew", {"csr": request_pem()})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "denied")
    found = admin.call("GET", "/v1/certificates?kind=edge&state=active").json()["certificates"]
    assert len(found) == (1 if way == "replaced" else 0)


def test_a_machine_cannot_join_past_its_removal(api, admin, meanwhile):
    token = admin.call("POST", "/v1/tokens", {"kind": "edge", "name": "e1"}).json()["token"]
    meanwhile(lambda: admin.call("DELETE", "/v1/edges/e1"))
    body = {"token": token, "csr": request_pem(), "advertise": "e1.x:7432"}
    answer = api.call("POST", "/v1/enroll", body)
    assert answer.status_code == 403
    found = admin.call("GET", "/v1/certificates?kind=edge&state=active").json()
    assert found == {"certificates": [], "cursor": None}


def compromise(admin, serial):
    body = {"reason": "keyCompromise"}
    assert admin.call("POST", f"/v1/certificates/{serial}/revoke", body).json()["revoked"] == 1


def test_a_compromised_key_neither_joins_nor_renews(api, admin, edge):
    """Nor does it use the token up, or end the machine that is there."""
    stolen = {"csr": csr.make(edge.key).decode()}
    renewed = edge.call("POST", "/v1/machine/renew", {"csr": request_pem()}).json()["serial"]
    compromise(admin, f"{edge.chain[0].serial_number:x}")
    token = admin.call("POST", "/v1/tokens", {"kind": "edge", "name": "e1"}).json()["token"]
    joining = {"token": token, "advertise": "e1.x:7432"}
    refused = api.call("POST", "/v1/enroll", joining | stolen)
    assert (refused.status_code, refused.json()["error"]["message"]) == (
        403,
        "the key was revoked as compromised",
    )
    assert refused.json()["error"]["hint"] == "make a new key"
    rows = admin.call("GET", "/v1/certificates?state=active&edge=e1").json()["certificates"]
    assert [row["serial"] for row in rows] == [renewed]
    again = api.call("POST", "/v1/enroll", joining | {"csr": request_pem()})
    assert again.status_code == 201
    joined = [e for e in api.events() if e["action"] == "machine.enroll"]
    assert [(e["outcome"], e["reason"]) for e in joined] == [
        ("ok", None),
        ("denied", "the key was revoked as compromised"),
        ("ok", None),
    ]


def test_another_machine_s_compromised_key_is_refused_at_a_renewal(api, admin, edge):
    other = api.machine(admin, "host", "db9")
    compromise(admin, f"{edge.chain[0].serial_number:x}")
    body = {"csr": csr.make(edge.key).decode()}
    assert other.call("POST", "/v1/machine/renew", body).status_code == 403
    assert other.call("POST", "/v1/machine/renew", {"csr": request_pem()}).status_code == 200
