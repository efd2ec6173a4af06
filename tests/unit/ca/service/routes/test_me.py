from tests.fixtures.ca_service import request_pem, service


def test_a_request_for_a_certificate_that_cannot_be_read_is_refused_and_recorded(api, alice):
    answer = alice.call("POST", "/v1/certificates/login", {"csr": "nonsense"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    event = api.events()[-1]
    assert (event["actor"], event["action"], event["outcome"]) == (
        "alice",
        "certificate.issue",
        "failed",
    )


def test_an_edge_without_an_address_leads_nowhere(api, admin, alice, edge):
    assert edge.chain
    token = admin.call("POST", "/v1/tokens", {"kind": "edge", "name": "e2"}).json()["token"]
    api.call("POST", "/v1/enroll", {"token": token, "csr": request_pem()})
    admin.call("PUT", "/v1/resources/Service/orders", service(serverName="pg.x"))
    (found,) = alice.call("GET", "/v1/services").json()["services"]
    assert [each["name"] for each in found["edges"]] == ["e1"]
    assert found["server_name"] == "pg.x"


def test_logging_out_without_a_certificate(alice):
    assert alice.call("POST", "/v1/logout").json() == {"revoked": 0}
