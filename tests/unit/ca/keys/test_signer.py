import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp

from pgward.ca.issuing import profiles
from pgward.ca.keys.signer import KeySigner
from pgward.pki import key_types
from pgward.pki.key_types import KeyType
from tests.fixtures.authority import START
from tests.fixtures.signed import sign_everything

HASHES = {
    KeyType.P256: hashes.SHA256,
    KeyType.P384: hashes.SHA384,
    KeyType.ED25519: type(None),
    KeyType.RSA3072: hashes.SHA256,
}


@pytest.fixture(params=HASHES, scope="module")
def key_type(request) -> KeyType:
    return request.param


@pytest.fixture(scope="module")
def signer(key_type) -> KeySigner:
    return KeySigner(key_types.generate(key_type))


def test_everything_that_a_ca_signs_verifies(signer):
    signed = sign_everything(signer)
    assert isinstance(signed.certificate, x509.Certificate)
    assert isinstance(signed.response, ocsp.OCSPResponse)


def test_the_hash_suits_the_key(key_type, signer):
    contents = profiles.Contents(
        profiles.common_name("x"), signer.public_key, 7, START, START.replace(hour=13)
    )
    certificate = signer.sign_certificate(profiles.build(profiles.ROOT, contents, None))
    assert isinstance(certificate.signature_hash_algorithm, HASHES[key_type])


def test_a_signer_does_not_show_its_key(signer):
    assert "private" not in repr(signer).lower()
