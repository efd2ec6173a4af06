import pytest

from pgward.ca.service.app import create_app
from pgward.pki import keys
from tests.fixtures.acme_client import JOSE, kind_of
from tests.fixtures.ca_service import SEALER, URL, Machine
from tests.fixtures.in_process import InProcess


def test_an_order_over_http(acme_api):
    client = acme_api.client(acme_api.key())
    leaf, issuing = acme_api.issue(client, "db1.test")
    leaf.verify_directly_issued_by(issuing)
    assert leaf.subject.rfc4514_string() == "CN=db1.test"


def test_answers_have_the_headers_of_the_protocol(acme_api):
    http = acme_api.api.client
    head = http.head("/acme/new-nonce")
    assert (head.status_code, head.headers["cache-control"]) == (200, "no-store")
    assert http.get("/acme/directory").headers["content-type"] == "application/json"
    answer = http.post("/acme/new-order", content=b"{}", headers=JOSE)
    assert (answer.status_code, kind_of(answer)) == (400, "malformed")
    assert {"replay-nonce", "link"} <= set(answer.headers)


def test_the_directory_has_the_address_that_was_used(sql_authority, store, log_key, acme_service):
    app = create_app(
        sql_authority,
        store,
        log_key=log_key,
        sealer=SEALER,
        origins=["https://ca.test"],
        acme=acme_service,
    )
    with InProcess(app) as client:
        for origin in (URL, "https://ca.test"):
            found = client.get(f"{origin}/acme/directory").json()
            assert found["newOrder"] == f"{origin}/acme/new-order"
        explicit = client.get("/acme/directory", headers={"Host": "ca.test:443"}).json()
        assert explicit["newOrder"] == "https://ca.test/acme/new-order"
        strange = client.get("/acme/directory", headers={"Host": "evil.test"})
        assert (strange.status_code, kind_of(strange)) == (400, "malformed")


def test_a_long_body_is_refused(acme_api):
    http = acme_api.api.client
    answer = http.post("/acme/new-order", content=b" " * 50_000, headers=JOSE)
    assert (answer.status_code, kind_of(answer)) == (413, "malformed")
    assert http.post("/acme/new-order", content=b" " * 70_000, headers=JOSE).status_code == 413


def test_without_the_service_everything_says_so(api):
    for method, path in (("GET", "/acme/directory"), ("POST", "/acme/new-order")):
        answer = api.client.request(method, path)
        assert (answer.status_code, kind_of(answer)) == (503, "serverInternal")


@pytest.mark.parametrize("path", ["/acme/", "/acme/absent", "/acme/order/x%2f"])
def test_below_acme_every_answer_is_a_problem_document(acme_api, path):
    answer = acme_api.api.client.get(path, follow_redirects=False)
    assert (answer.status_code, kind_of(answer)) == (404, "malformed")


def test_an_acme_certificate_is_no_machine_s(acme_api):
    """An account may have asked for the name of a machine: it is not that machine."""
    acme_api.api.machine(acme_api.admin, "host", "db1", dns=["secret.test"])
    client, key = acme_api.client(acme_api.key("db1", "db1")), keys.generate()
    chain = acme_api.issue(client, "db1", key=key)
    assert chain[0].subject.rfc4514_string() == "CN=db1"
    machine = Machine(acme_api.api, key, chain)
    answer = machine.call("POST", "/v1/machine/renew", {"csr": "x"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        403,
        "the certificate is revoked, or is no machine's",
    )
