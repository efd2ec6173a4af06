from pgward.ca.acme import exchange
from pgward.ca.acme.exchange import Request
from pgward.ca.acme.problems import AcmeError


def test_the_url_is_what_a_signature_must_name():
    assert Request("POST", "https://ca:8443", "/acme/x").url == "https://ca:8443/acme/x"
    assert Request("POST", "https://ca", "/acme/x", "cursor=1").url == "https://ca/acme/x?cursor=1"


def test_an_error_becomes_a_problem_document():
    reply = exchange.problem(AcmeError("rateLimited", "slow", headers={"Retry-After": "9"}))
    assert (reply.status, reply.content_type) == (429, "application/problem+json")
    assert reply.headers == {"Retry-After": "9"}
    assert reply.document["detail"] == "slow"
