def test_a_request_for_a_certificate_that_cannot_be_read_is_refused_and_recorded(api, alice):
    answer = alice.call("POST", "/v1/certificates/login", {"csr": "nonsense"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    event = api.events()[-1]
    assert (event["actor"], event["action"], event["outcome"]) == (
        "alice",
        "certificate.issue",
        "failed",
    )


def test_logging_out_without_a_certificate(alice):
    assert alice.call("POST", "/v1/logout").json() == {"revoked": 0}
