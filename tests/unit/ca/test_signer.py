import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pgward.ca import profiles
from pgward.ca.signer import KeySigner
from pgward.core.errors import NotFoundError
from pgward.pki import keys
from pgward.pki.errors import BadKeyError
from tests.fixtures.authority import START


@pytest.mark.parametrize(
    ("curve", "algorithm"), [(ec.SECP256R1(), hashes.SHA256), (ec.SECP384R1(), hashes.SHA384)]
)
def test_the_hash_suits_the_curve(curve, algorithm):
    key = ec.generate_private_key(curve)
    contents = profiles.Contents(
        profiles.common_name("x"), key.public_key(), 7, START, START.replace(hour=13)
    )
    unsigned = profiles.build(profiles.ROOT, contents, None)
    certificate = KeySigner(key).sign_certificate(unsigned)
    assert isinstance(certificate.signature_hash_algorithm, algorithm)
    certificate.verify_directly_issued_by(certificate)


def test_a_crl_is_signed():
    key = keys.generate()
    unsigned = x509.CertificateRevocationListBuilder(
        profiles.common_name("x"), START, START.replace(hour=13)
    )
    assert KeySigner(key).sign_crl(unsigned).is_signature_valid(key.public_key())


def test_a_key_is_loaded_with_its_passphrase(tmp_path):
    key = keys.generate()
    path = tmp_path / "a.key"
    path.write_bytes(keys.to_pem(key, b"passphrase"))
    assert KeySigner.load(path, b"passphrase").public_key == key.public_key()


def test_what_cannot_be_loaded_names_the_file(tmp_path):
    path = tmp_path / "a.key"
    with pytest.raises(NotFoundError, match=r"there is no key file .*/a\.key"):
        KeySigner.load(path, b"passphrase")
    path.write_bytes(keys.to_pem(keys.generate(), b"passphrase"))
    with pytest.raises(BadKeyError, match=r"a\.key: the private key cannot be read") as caught:
        KeySigner.load(path, b"another one")
    assert caught.value.hint == "the passphrase may be wrong"
    with pytest.raises(BadKeyError, match="directory"):
        KeySigner.load(tmp_path, b"passphrase")


def test_a_signer_does_not_show_its_key():
    assert "private" not in repr(KeySigner(keys.generate())).lower()
