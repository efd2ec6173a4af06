import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.acme import jws
from pgward.ca.acme.problems import AcmeError
from pgward.pki import keys
from pgward.pki.jws import encode
from tests.fixtures.acme_client import flattened, jwk_of
from tests.fixtures.fuzz import fuzz

KEY = keys.generate()
URL = "https://ca/acme/new-order"
HEADER = {"alg": "ES256", "nonce": "n", "url": URL, "kid": "https://ca/acme/account/1"}


def _body(header=HEADER, /, payload=None, **members) -> bytes:
    return json.dumps(flattened(KEY, header, payload) | members).encode()


def _without(*names: str, **more) -> dict:
    return {name: value for name, value in (HEADER | more).items() if name not in names}


def test_a_request_is_read():
    message = jws.parse(_body(payload={"a": 1}))
    assert (message.algorithm, message.url, message.nonce, message.kid, message.key) == (
        "ES256",
        URL,
        "n",
        HEADER["kid"],
        None,
    )
    assert message.json() == {"a": 1}
    assert not message.is_empty


def test_the_empty_payload_is_post_as_get_and_no_json():
    message = jws.parse(_body())
    assert message.is_empty
    with pytest.raises(AcmeError, match="the payload is not JSON"):
        message.json()


def test_a_new_account_brings_its_key():
    message = jws.parse(_body(_without("kid", jwk=jwk_of(KEY))))
    message.key.verify(message.algorithm, message.signed, message.signature)


@pytest.mark.parametrize(
    ("body", "kind", "what"),
    [
        (b"", "malformed", "not JSON"),
        (b"\xff", "malformed", "not JSON"),
        (b"[]", "malformed", "not a JSON object"),
        (b'{"a":NaN}', "malformed", "not JSON"),
        (b'{"a":"\\ud800"}', "malformed", "not JSON"),
        (b"[" * 40_000, "malformed", "not JSON"),
        (b'{"protected":1}', "malformed", "protected is missing"),
        (b'{"protected":"","protected":""}', "malformed", "not JSON"),
        (_body({}), "malformed", "alg is missing"),
        (_body(signatures=[]), "malformed", "several signatures"),
        (_body(HEADER, header={"x": 1}), "malformed", "unprotected header"),
        (_body(payload=None, signature="AA=="), "malformed", "signature is not base64url"),
        (_body(payload=None, protected="AB"), "malformed", "not canonical"),
        (_body(_without("nonce")), "badNonce", "no nonce"),
        (_body(_without("url")), "malformed", "url is missing"),
        (_body(_without("kid")), "malformed", "either jwk or kid"),
        (_body(_without(jwk=jwk_of(KEY))), "malformed", "either jwk or kid"),
        (_body(_without(alg="none")), "badSignatureAlgorithm", "not supported"),
        (_body(_without(alg="HS256")), "badSignatureAlgorithm", "not supported"),
        (_body(_without(alg=None)), "malformed", "alg is missing"),
        (_body(_without(crit=["exp"], exp=1)), "malformed", "not supported"),
        (_body(_without(crit=[])), "malformed", "not supported"),
        (_body(_without(b64=False)), "malformed", "not supported"),
        (_body(_without(kid="k" * 3000)), "malformed", "kid is missing, too long"),
        (b" " * (jws.MAX_BYTES + 1), "malformed", "longer than"),
    ],
)
def test_anything_else_is_refused(body, kind, what):
    with pytest.raises(AcmeError, match=what) as caught:
        jws.parse(body)
    assert caught.value.kind == kind


def test_a_header_member_twice_is_refused():
    header = encode(b'{"alg":"ES256","alg":"none","nonce":"n","url":"u","kid":"k"}')
    with pytest.raises(AcmeError, match="the protected header is not JSON"):
        jws.parse(_body(protected=header))


def test_an_inner_jws_has_no_nonce():
    with pytest.raises(AcmeError, match="has a nonce"):
        jws.parse_inner(flattened(KEY, HEADER, {}))
    with pytest.raises(AcmeError, match="not an object"):
        jws.parse_inner("text")
    assert jws.parse_inner(flattened(KEY, _without("nonce"), {})).url == URL


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
_HEADERS = st.dictionaries(st.sampled_from([*HEADER, "jwk", "crit", "typ", "x"]), _JSON)


def _only_our_error(body: bytes) -> None:
    with contextlib.suppress(AcmeError):
        jws.parse(body).json()


@fuzz
@given(st.binary(max_size=2000))
def test_any_bytes_are_a_request_or_one_kind_of_error(data):
    _only_our_error(data)


@fuzz
@given(_HEADERS, _JSON)
def test_any_header_and_payload_are_a_request_or_one_kind_of_error(header, payload):
    data = json.dumps(payload).encode()
    _only_our_error(json.dumps(flattened(KEY, HEADER | header, data)).encode())


@fuzz
@given(st.dictionaries(st.sampled_from(["protected", "payload", "signature", "header"]), _JSON))
def test_any_members_are_a_request_or_one_kind_of_error(members):
    _only_our_error(json.dumps(members).encode())


def test_a_nul_is_refused_wherever_it_stands():
    """PostgreSQL takes none, and nothing of ACME has one."""
    for payload in ({"a": "\0"}, {"\0": 1}, {"a": [{"b": "x\0y"}]}):
        with pytest.raises(AcmeError, match="the payload holds a NUL"):
            jws.parse(_body(payload=payload)).json()
    with pytest.raises(AcmeError, match="the protected header holds a NUL"):
        jws.parse(_body(HEADER | {"kid": "\0"}))
