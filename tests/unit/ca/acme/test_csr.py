import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.acme import csr, identifiers
from pgward.ca.acme.problems import AcmeError
from pgward.pki import keys
from pgward.pki.jws import decode, encode
from tests.fixtures.acme_client import request_der
from tests.fixtures.fuzz import fuzz

KEY = keys.generate()
NAMES = (identifiers.dns("a.test"), identifiers.ip("192.0.2.1"))


@pytest.mark.parametrize(
    "names", [("a.test", "192.0.2.1"), ("192.0.2.1", "A.test"), ("a.test", "a.test", "192.0.2.1")]
)
def test_the_names_are_those_of_the_order_in_any_order(names):
    asked = csr.read(request_der(KEY, *names), NAMES, "x")
    assert x509.load_pem_x509_csr(asked.pem).public_key() == KEY.public_key()
    assert asked.key_sha256 == keys.spki_sha256(KEY.public_key())
    assert not csr.has_common_name(asked.pem)


@pytest.mark.parametrize("common_name", ["a.test", "192.0.2.1"])
def test_a_common_name_counts_as_a_name(common_name):
    der = request_der(KEY, "a.test", "192.0.2.1", common_name=common_name)
    assert csr.has_common_name(csr.read(der, NAMES, "x").pem)
    csr.read(
        request_der(KEY, common_name=common_name), [n for n in NAMES if n.value == common_name], "x"
    )


@pytest.mark.parametrize(
    ("names", "common_name"),
    [
        ((), None),
        (("a.test",), None),
        (("a.test", "192.0.2.1", "b.test"), None),
        (("a.test", "192.0.2.1"), "b.test"),
        (("a.test", "192.0.2.1"), "postgres"),
        (("a.test", "192.0.2.1"), "Some Company"),
        (("*.test", "192.0.2.1"), None),
    ],
)
def test_other_names_are_refused(names, common_name):
    with pytest.raises(AcmeError) as caught:
        csr.read(request_der(KEY, *names, common_name=common_name), NAMES, "x")
    assert caught.value.kind == "badCSR"


@pytest.mark.parametrize(
    "smuggled",
    [
        x509.RFC822Name("a@test"),
        x509.UniformResourceIdentifier("https://a.test"),
        x509.DirectoryName(x509.Name([])),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
    ],
)
def test_names_of_other_kinds_are_refused(smuggled):
    san = x509.SubjectAlternativeName([x509.DNSName("a.test"), smuggled])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    made = builder.add_extension(san, critical=False).sign(KEY, hashes.SHA256())
    with pytest.raises(AcmeError, match="neither DNS nor IP"):
        csr.read(encode(made.public_bytes(Encoding.DER)), NAMES[:1], "x")


def test_the_account_s_key_cannot_be_the_certificate_s():
    own = keys.spki_sha256(KEY.public_key())
    with pytest.raises(AcmeError, match="its key is the account's"):
        csr.read(request_der(KEY, "a.test"), NAMES[:1], own)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (ed25519.Ed25519PrivateKey.generate(), None),
        (rsa.generate_private_key(65537, 2048), None),
        (rsa.generate_private_key(65537, 1024), "badPublicKey"),
        (ec.generate_private_key(ec.SECP521R1()), "badPublicKey"),
    ],
)
def test_keys_are_of_the_kinds_that_certificates_have(key, kind):
    text = request_der(key, "a.test")
    if kind is None:
        csr.read(text, NAMES[:1], "x")
        return
    with pytest.raises(AcmeError) as caught:
        csr.read(text, NAMES[:1], "x")
    assert caught.value.kind == kind


def test_a_request_proves_possession():
    der = bytearray(decode(request_der(KEY, "a.test")))
    der[-1] ^= 1
    with pytest.raises(AcmeError) as caught:
        csr.read(encode(bytes(der)), NAMES[:1], "x")
    assert caught.value.kind == "badCSR"


_GOOD = decode(request_der(KEY, "a.test"))


@fuzz
@given(st.integers(0, len(_GOOD) - 1), st.integers(0, 255))
def test_a_request_with_any_byte_changed_is_refused_with_one_kind_of_error(where, value):
    der = bytearray(_GOOD)
    der[where] = value
    try:
        csr.read(encode(bytes(der)), NAMES[:1], "x")
    except AcmeError:
        return
    assert bytes(der) == _GOOD


@fuzz
@given(st.text(max_size=100) | st.binary(max_size=200).map(encode))
def test_any_text_is_one_kind_of_error(text):
    with pytest.raises(AcmeError):
        csr.read(text, NAMES, "x")
