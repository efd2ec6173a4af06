import pytest
from cryptography import x509

from pgward.pki import fingerprint


def test_anyone_may_read_what_to_trust(api, sql_authority):
    found = api.call("GET", "/v1/trust").json()
    assert found["name"] == "pgward"
    (root,) = [x509.load_pem_x509_certificate(pem.encode()) for pem in found["server_roots"]]
    assert fingerprint.of(root) == sql_authority.fingerprint
    assert len(found["user_roots"]) == 1


def test_the_lists_are_named_numbered_and_dated(api):
    found = api.call("GET", "/v1/crls").json()["crls"]
    assert [each["name"] for each in found] == [
        "user-root",
        "user-issuing",
        "server-root",
        "server-issuing",
    ]
    assert found[1]["this_update"] == "2026-11-21T11:59:00Z"
    assert found[1]["next_update"] == "2026-11-28T12:00:00Z"


@pytest.mark.parametrize("name", ["user-root", "user-issuing", "server-root", "server-issuing"])
def test_a_list_comes_in_both_forms(api, name):
    der, pem = (api.call("GET", f"/v1/crls/{name}.{form}") for form in ("crl", "pem"))
    assert der.headers["content-type"] == "application/pkix-crl"
    assert der.headers["cache-control"] == "no-cache"
    assert x509.load_der_x509_crl(der.content) == x509.load_pem_x509_crl(pem.content)


@pytest.mark.parametrize("name", ["other", "..", "user-root%00"])
def test_there_are_no_other_lists(api, name):
    assert api.call("GET", f"/v1/crls/{name}.crl").status_code in (404, 422)
