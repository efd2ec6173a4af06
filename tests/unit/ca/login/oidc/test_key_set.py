import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.login.oidc.errors import UntrustedError
from pgward.ca.login.oidc.key_set import ALGORITHMS, MAX_KEYS, KeySet
from tests.fixtures.fuzz import fuzz
from tests.fixtures.lying_provider import ec_key, published, rsa_key


def read(*keys) -> KeySet:
    return KeySet.read({"keys": list(keys)})


def test_only_public_key_algorithms_count() -> None:
    assert not {each for each in ALGORITHMS if each.startswith("HS") or each == "none"}


def test_a_key_is_found_by_its_name_and_algorithm() -> None:
    found = read(published(ec_key(), "a"), published(rsa_key(), "b"))
    assert found.find("a", "ES256") == found.keys[0]
    assert found.find("b", "PS512") == found.keys[1]
    assert found.find("a", "RS256") is None
    assert found.find("c", "ES256") is None


def test_without_a_name_it_must_be_the_only_one() -> None:
    assert read(published(ec_key(), "a")).find(None, "ES256") is not None
    both = read(published(ec_key(), "a"), published(ec_key(1), "b"))
    assert both.find(None, "ES256") is None


def test_two_keys_of_one_name_are_none() -> None:
    both = read(published(ec_key(), "a"), published(ec_key(1), "a"))
    assert both.find("a", "ES256") is None


def test_ed25519_has_two_names() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    found = read(published(key, alg="EdDSA"))
    assert found.find("k1", "EdDSA") == found.find("k1", "Ed25519") == found.keys[0]


@pytest.mark.parametrize(
    "member",
    [
        published(ec_key(), use="enc"),
        published(ec_key(), key_ops=["encrypt"]),
        published(ec_key(), alg="RS256"),
        published(ec_key(), alg="HS256"),
        published(ec_key(), kid="x" * 1000),
        {**published(ec_key()), "kid": 7},
        {**published(ec_key()), "x": "AAAA"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "k1", "alg": "HS256"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "k1"},
        {"kty": ["RSA"], "kid": "k1"},
        "a key",
        None,
    ],
)
def test_other_keys_are_left_out(member) -> None:
    assert read(member).keys == ()


def test_short_rsa_keys_are_left_out() -> None:
    assert read(published(rsa_key(1024))).keys == ()


def test_a_published_private_key_ends_all_trust() -> None:
    with pytest.raises(UntrustedError, match="publishes a private key"):
        read(published(ec_key(), d="c2VjcmV0"))


def test_sizes_are_bounded() -> None:
    with pytest.raises(UntrustedError, match=f"more than {MAX_KEYS} keys"):
        read(*[published(ec_key())] * (MAX_KEYS + 1))
    with pytest.raises(UntrustedError, match="has no keys"):
        KeySet.read({"keys": {}})


@fuzz
@given(
    st.dictionaries(
        st.sampled_from(["kty", "n", "e", "x", "y", "crv", "kid", "use", "alg", "key_ops"]),
        st.none()
        | st.integers()
        | st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "AQAB", "sig", "ES256"])
        | st.lists(st.text()),
    )
)
def test_nothing_else_than_its_error_is_raised(member) -> None:
    read(member)


def test_other_curves_are_left_out() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    assert read(published(key)).find("k1", "ES384") is not None
    assert read(published(key, crv="secp256k1")).keys == ()
