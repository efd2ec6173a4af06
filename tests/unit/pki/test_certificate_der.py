from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.ca.keys.signer import KeySigner
from pgward.pki import certificate_der, key_types
from pgward.pki.errors import BadCertificateError
from pgward.pki.key_types import KeyType

NAME = x509.Name([])
START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def unsigned(key) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(NAME, NAME, key)
        .serial_number(5)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )


@pytest.mark.parametrize("key_type", [KeyType.P256, KeyType.P384, KeyType.ED25519, KeyType.RSA3072])
def test_what_another_key_of_its_type_signed_is_a_certificate_of_this_one(key_type):
    """As issuing does: the signed part comes from a throw-away key."""
    signer = KeySigner(key_types.generate(key_type))
    other = KeySigner(key_types.generate_like(signer.public_key))
    shown = other.sign_certificate(unsigned(signer.public_key))
    tbs = shown.tbs_certificate_bytes
    made = x509.load_der_x509_certificate(certificate_der.assemble(tbs, signer.sign_bytes(tbs)))
    made.verify_directly_issued_by(made)
    assert made.tbs_certificate_bytes == tbs
    assert made.signature_algorithm_oid == shown.signature_algorithm_oid


def test_a_certificate_is_what_its_parts_make():
    signer = KeySigner(key_types.generate(KeyType.P256))
    made = signer.sign_certificate(unsigned(signer.public_key))
    again = certificate_der.assemble(made.tbs_certificate_bytes, made.signature)
    assert again == made.public_bytes(Encoding.DER)


@pytest.mark.parametrize("tbs", [b"", b"\x30\x00", b"\x30\x03\x02\x01\x05", b"\x04\x00"])
def test_what_is_no_certificate(tbs):
    with pytest.raises(BadCertificateError, match="malformed"):
        certificate_der.assemble(tbs, b"")
