import pytest

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
    body = {"token": token, "csr": request_pem()}
    api.call("POST", "/v1/enroll", body)
    api.call("POST", "/v1/enroll", body)
    found = [(e["actor"], e["action"], e["outcome"], e["target"]) for e in api.events()][2:]
    assert [event for event in found if event[1] == "machine.enroll"] == [
        ("edge:e1", "machine.enroll", "ok", "edge:e1"),
        ("unknown", "machine.enroll", "denied", None),
    ]
    assert found[1][:3] == ("edge:e1", "certificate.issue", "ok")
