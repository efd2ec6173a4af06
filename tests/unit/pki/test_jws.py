import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from joserfc.jwk import ECKey

from pgward.pki import jws, keys

KEY = keys.generate()
HEADER = {"typ": "t", "alg": "ES256"}


def text(header=None, payload=None, signature=bytes(64)):
    raw = [
        json.dumps(part).encode() if not isinstance(part, bytes) else part
        for part in (HEADER if header is None else header, {} if payload is None else payload)
    ]
    return ".".join(jws.encode(part) for part in [*raw, signature])


def parse(statement, max_bytes=10_000):
    return jws.parse(statement, typ="t", max_bytes=max_bytes)


def test_what_was_signed_is_read_and_verified():
    statement = parse(jws.sign(HEADER, {"a": [1, "ü"]}, KEY))
    statement.verify(KEY.public_key())
    assert (statement.header, statement.payload) == (HEADER, {"a": [1, "ü"]})


def test_joserfc_verifies_ours_and_we_verify_joserfcs():
    theirs = ECKey.import_key(keys.to_pem(KEY, None))
    ours = jws.sign(HEADER, {"a": 1}, KEY)
    assert joserfc_jws.deserialize_compact(ours, theirs).payload == b'{"a":1}'
    made = joserfc_jws.serialize_compact(HEADER, b'{"b":2}', theirs)
    statement = parse(made)
    statement.verify(KEY.public_key())
    assert statement.payload == {"b": 2}


def test_another_key_does_not_verify():
    statement = parse(jws.sign(HEADER, {}, KEY))
    with pytest.raises(jws.JwsError, match="signature does not match"):
        statement.verify(keys.generate().public_key())


@pytest.mark.parametrize("signature", [bytes(64), b"\xff" * 64])
def test_degenerate_signatures_do_not_verify(signature):
    statement = parse(text(signature=signature))
    with pytest.raises(jws.JwsError):
        statement.verify(KEY.public_key())


def test_only_p256_signs():
    with pytest.raises(jws.JwsError, match="P-256"):
        jws.sign(HEADER, {}, ec.generate_private_key(ec.SECP384R1()))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("", "three parts"),
        ("a.b", "three parts"),
        ("a.b.c.d", "three parts"),
        ("a.b.c", "base64url"),
        (text() + "=", "base64url"),
        ("é.b.c", "base64url"),
        (text(signature=bytes(63)), "64 bytes"),
        (text(header=b"junk"), "not JSON"),
        (text(header=b"\xff"), "not JSON"),
        (text(header=[]), "JSON object"),
        (text(payload=b'"a"'), "JSON object"),
        (text(payload=b'{"a":1,"a":2}'), "not JSON|twice"),
        (text(payload=b'{"a":NaN}'), "JSON"),
        (text(payload=b"[" * 6000), "not JSON"),
        (text(header={**HEADER, "alg": "none"}), "ES256"),
        (text(header={**HEADER, "alg": "HS256"}), "ES256"),
        (text(header={**HEADER, "alg": ["ES256"]}), "ES256"),
        (text(header={**HEADER, "typ": "JWT"}), "the type is not t"),
        (text(header={**HEADER, "crit": ["exp"]}), "critical"),
    ],
)
def test_malformed_statements_are_refused(statement, message):
    with pytest.raises(jws.JwsError, match=message):
        parse(statement)


def test_long_statements_are_refused_unread():
    with pytest.raises(jws.JwsError, match="longer than 10 bytes"):
        parse(text(), max_bytes=10)


@given(st.binary(max_size=60))
def test_base64url_comes_back(data):
    assert jws.decode(jws.encode(data)) == data


@given(st.text(max_size=40))
def test_only_canonical_base64url_is_read(value):
    try:
        data = jws.decode(value)
    except jws.JwsError:
        return
    assert jws.encode(data) == value


@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{86}"))
def test_any_text_raises_the_one_error(statement):
    with pytest.raises(jws.JwsError):
        parse(statement)


@pytest.mark.parametrize("value", [None, [], "x", [1], ["!"], ["AAAA"], ["AAAA"] * 5])
def test_malformed_chains_are_refused(value):
    with pytest.raises(jws.JwsError):
        jws.read_chain(value)


def test_a_chain_comes_back(hierarchy):
    chain = [hierarchy.issuing.certificate, hierarchy.root.certificate]
    assert jws.read_chain(jws.chain_header(chain)) == chain
