from base64 import b64encode
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as other
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgward.ca.revoking.ocsp_responder import OcspResponder
from pgward.core.errors import UnavailableError
from tests.fixtures.pkilint import lint_ocsp

FUZZED = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def asking(alice, hierarchies):
    leaf = x509.load_pem_x509_certificate(alice.certificate()["certificate"].encode())
    issuer = hierarchies.user.issuing.certificate

    def make(nonce=None):
        builder = other.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA256())
        if nonce is not None:
            builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
        return builder.build().public_bytes(Encoding.DER)

    make.serial = f"{leaf.serial_number:x}"
    return make


def post(api, data):
    headers = {"Content-Type": "application/ocsp-request"}
    answer = api.client.post("/ocsp", content=data, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/ocsp-response"
    return answer


def get(api, data):
    return api.client.get(f"/ocsp/{quote(b64encode(data).decode(), safe='')}")


def status(answer):
    found = other.load_der_ocsp_response(answer.content)
    if found.response_status is not other.OCSPResponseStatus.SUCCESSFUL:
        return found.response_status.name
    return found.certificate_status.name


def test_both_methods_answer_until_it_is_revoked(api, admin, asking):
    assert [status(each(api, asking())) for each in (post, get)] == ["GOOD"] * 2
    admin.call("POST", f"/v1/certificates/{asking.serial}/revoke", {"reason": "superseded"})
    answers = [each(api, asking()) for each in (post, get)]
    assert [status(each) for each in answers] == ["REVOKED"] * 2
    assert [lint_ocsp(each.content) for each in answers] == [[]] * 2


def test_a_response_without_a_nonce_may_be_kept_for_minutes(api, asking):
    first, second = get(api, asking()), get(api, asking())
    assert first.headers["cache-control"] == ("public, no-transform, must-revalidate, max-age=300")
    produced, expires = (
        parsedate_to_datetime(first.headers[name]) for name in ("last-modified", "expires")
    )
    assert (produced, (expires - produced).total_seconds()) == (api.clock.now(), 3600)
    assert first.headers["etag"] == second.headers["etag"]
    assert first.content == second.content
    assert post(api, asking()).headers["cache-control"] == "no-store"


def test_a_response_with_a_nonce_may_not(api, asking):
    answer = get(api, asking(b"0123456789abcdef"))
    assert answer.headers["cache-control"] == "no-store"
    assert status(answer) == "GOOD"


def test_the_address_may_be_written_in_several_ways(api, asking):
    text = b64encode(asking(b"?>?>?>?>?>?>?>?>")).decode()
    for path in (text, quote(text, safe=""), text.rstrip("="), quote(text, safe="/+=")):
        assert status(api.client.get(f"/ocsp/{path}")) == "GOOD"


def test_an_address_that_holds_none(api):
    assert api.client.get("/ocsp/%00").status_code == 404
    for path in ("AAAA", "A", "*", "%01", "a/../b", "MAMCAQA=", "é"):
        answer = api.client.get(f"/ocsp/{path}")
        assert (status(answer), answer.status_code) == ("MALFORMED_REQUEST", 200)
        assert answer.headers["cache-control"] == "no-store"


@FUZZED
@given(data=st.binary(max_size=400))
def test_any_body_is_answered(api, data):
    assert status(post(api, data)) in ("MALFORMED_REQUEST", "UNAUTHORIZED")


@FUZZED
@given(data=st.data())
def test_a_damaged_request_is_answered(api, asking, data):
    whole = bytearray(asking(b"0123456789abcdef"))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert status(post(api, bytes(whole))) in (
        *("MALFORMED_REQUEST", "UNAUTHORIZED"),
        *("GOOD", "REVOKED"),  # another nonce or serial number
    )


def test_a_body_that_is_too_long(api):
    assert status(post(api, bytes(20_000))) == "MALFORMED_REQUEST"


@pytest.mark.parametrize(
    ("failure", "expected"),
    [(UnavailableError("the store is away"), "TRY_LATER"), (ValueError("x"), "INTERNAL_ERROR")],
)
def test_our_own_failures_have_their_words(api, asking, monkeypatch, failure, expected):
    def fail(_self, _data):
        raise failure

    monkeypatch.setattr(OcspResponder, "respond", fail)
    assert status(post(api, asking())) == expected
