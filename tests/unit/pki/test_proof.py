import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from pgward.pki import jws, keys, proof
from pgward.pki.chain import SERVER_AUTH
from pgward.pki.errors import ProofError
from tests.fixtures.pki import NOW

KEY = keys.generate()
URL = "https://ca.example.com:8443/v1/me"
GOOD = proof.make(KEY, "GET", URL, now=NOW, token="secret")


def read(jwt, method="GET", url=URL, *, now=NOW, token="secret"):
    return proof.read(jwt, method, url, now=now, token=token)


def forge(header=None, payload=None, key=KEY, drop=()):
    statement = jws.parse(GOOD, typ=proof.TYPE, max_bytes=proof.MAX_BYTES)
    claims = {k: v for k, v in (statement.payload | (payload or {})).items() if k not in drop}
    kept = {k: v for k, v in (statement.header | (header or {})).items() if k not in drop}
    return jws.sign(kept, claims, key)


def test_a_proof_is_read():
    found = read(GOOD)
    assert found.thumbprint == proof.thumbprint(KEY.public_key())
    assert (found.chain, found.iat) == (None, NOW)


def test_ids_differ():
    again = proof.make(KEY, "GET", URL, now=NOW, token="secret")
    assert read(GOOD).jti != read(again).jti


def test_the_thumbprint_is_joserfcs():
    theirs = ECKey.import_key(keys.to_pem(KEY, None))
    assert proof.thumbprint(KEY.public_key()) == theirs.thumbprint()


def test_rfc_9449s_own_example_is_read():
    # RFC 9449 section 4.1, with the issue time of its payload.
    jwt = (
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0V"
        "jNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10Nn"
        "Y5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE"
        "9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-Gx"
        "A6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
    )
    now = datetime.fromtimestamp(1562262616, UTC)
    found = proof.read(jwt, "POST", "https://server.example.com/token", now=now)
    assert found.jti == "-BwC3ESc6acc2lTc"
    # RFC 9449 section 6.1 gives this key's thumbprint.
    assert found.thumbprint == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


@pytest.mark.parametrize(
    ("made_for", "read_at"),
    [
        ("https://CA.example.com:8443/v1/me?after=1#x", URL),
        (URL, "https://ca.example.com:8443/v1/me?wait=30"),
        ("https://ca/v1", "https://ca:443/v1"),
        ("https://[::1]:443/v1", "https://[::1]/v1"),
    ],
)
def test_addresses_are_compared_normalised(made_for, read_at):
    jwt = proof.make(KEY, "GET", made_for, now=NOW)
    assert proof.read(jwt, "GET", read_at, now=NOW).chain is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "POST"}, "another method"),
        ({"url": "https://ca.example.com:8443/v1/you"}, "another address"),
        ({"url": "https://ca.example.com/v1/me"}, "another address"),
        ({"url": "http://ca.example.com:8443/v1/me"}, "another address"),
        ({"token": "other"}, "another token"),
        ({"token": None}, "another token"),
        ({"now": NOW + timedelta(seconds=61)}, "61 s behind the server's clock"),
        ({"now": NOW - timedelta(seconds=200)}, "200 s ahead of the server's clock"),
    ],
)
def test_a_proof_for_something_else_is_refused(change, message):
    with pytest.raises(ProofError, match=message):
        read(GOOD, **change)


def test_a_clock_a_little_off_is_fine():
    for off in (-60, 60):
        assert read(GOOD, now=NOW + timedelta(seconds=off)).iat == NOW


@pytest.mark.parametrize(
    ("jwt", "message"),
    [
        (forge(key=keys.generate()), "signature does not match"),
        (forge({"typ": "JWT"}), "the type is not"),
        (forge(drop=["jwk"]), "either jwk or x5c"),
        (forge({"x5c": ["AAAA"]}), "either jwk or x5c"),
        (forge({"jwk": {"kty": "oct", "k": "AAAA"}}), "not a P-256 key"),
        (forge({"jwk": "x"}), "not a public key"),
        (forge({"jwk": {"kty": "EC", "crv": "P-256", "d": "AAAA"}}), "not a public key"),
        (forge({"jwk": {"kty": "EC", "crv": "P-384"}}), "not a P-256 key"),
        (forge({"jwk": {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": 1}}), "32 bytes"),
        (
            forge({"jwk": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}}),
            "not a point",
        ),
        (forge(payload={"jti": "short"}), "no usable id"),
        (forge(payload={"jti": "x" * 129}), "no usable id"),
        (forge(drop=["jti"]), "no usable id"),
        (forge(drop=["iat"]), "no time"),
        (forge(payload={"iat": True}), "no time"),
        (forge(payload={"iat": 1.5}), "no time"),
        (forge(payload={"iat": 10**30}), "ahead of"),
        (forge(payload={"iat": 10**400}), "no time"),
        (forge(payload={"iat": -(10**4000)}), "no time"),
        (forge(drop=["htu"]), "another address"),
        (forge(payload={"htu": "https://[::1"}), "no usable address"),
        (forge(payload={"htu": "https://ca:99999/"}), "no usable address"),
        (forge(drop=["htm"]), "another method"),
        (forge(drop=["ath"]), "another token"),
        (forge(payload={"ath": 7}), "another token"),
        (forge(payload={"ath": "ü"}), "another token"),
        (forge(payload={"ath": "\ud800"}), "another token"),
        (forge(payload={"jti": "\ud800" * 9}), "no usable id"),
        (forge(payload={"jti": "id\n" * 9}), "no usable id"),
        (forge(payload={"htu": "\ud800"}), "another address"),
        (forge({"padding": "x" * proof.MAX_BYTES}), "longer than"),
    ],
)
def test_a_bad_proof_is_refused(jwt, message):
    with pytest.raises(ProofError, match=message):
        read(jwt)


def test_a_machine_proves_with_its_chain(hierarchy):
    leaf = hierarchy.issuing.issue("e1", KEY, [SERVER_AUTH])
    chain = [leaf, hierarchy.issuing.certificate]
    jwt = proof.make(KEY, "GET", URL, now=NOW, chain=chain)
    found = proof.read(jwt, "GET", URL, now=NOW)
    assert found.chain == chain
    assert found.thumbprint == proof.thumbprint(KEY.public_key())


def test_a_chain_of_another_key_is_refused(hierarchy):
    leaf = hierarchy.issuing.issue("e1", KEY, [SERVER_AUTH])
    jwt = proof.make(keys.generate(), "GET", URL, now=NOW, chain=[leaf])
    with pytest.raises(ProofError, match="signature does not match"):
        proof.read(jwt, "GET", URL, now=NOW)


@given(st.text(max_size=300))
def test_any_text_raises_the_one_error(jwt):
    with pytest.raises(ProofError):
        read(jwt)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["jti", "htm", "htu", "iat", "ath"]), _JSON, min_size=1),
)
def test_any_claims_raise_the_one_error_or_are_right(claims):
    try:
        found = read(forge(payload=claims))
    except ProofError:
        return
    assert abs(found.iat - NOW) <= proof.MAX_SKEW


@given(st.fixed_dictionaries({}, optional={"jwk": _JSON, "x5c": _JSON, "crit": _JSON}))
def test_any_header_raises_the_one_error(header):
    if not header:
        return
    try:
        read(jws.sign({"typ": proof.TYPE, "alg": "ES256", **header}, json.loads("{}"), KEY))
    except ProofError:
        return
    raise AssertionError
