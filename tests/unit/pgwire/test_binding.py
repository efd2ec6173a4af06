import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.pgwire.binding import end_point


def certificate(key, algorithm, **more) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "server")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, algorithm, **more)
    )
    return made.public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("algorithm", "name"), [(hashes.SHA256(), "sha256"), (hashes.SHA384(), "sha384")]
)
def test_by_the_hash_that_the_certificate_is_signed_with(algorithm, name) -> None:
    data = certificate(ec.generate_private_key(ec.SECP256R1()), algorithm)
    assert end_point(data) == hashlib.new(name, data).digest()


def test_with_pss() -> None:
    key = rsa.generate_private_key(65537, 2048)
    pss = padding.PSS(padding.MGF1(hashes.SHA512()), padding.PSS.DIGEST_LENGTH)
    data = certificate(key, hashes.SHA512(), rsa_padding=pss)
    assert end_point(data) == hashlib.sha512(data).digest()


@pytest.mark.parametrize("weak", ["05", "04"])  # SHA-1, MD5
def test_a_hash_that_is_too_weak_is_replaced(weak) -> None:
    """Nobody signs with these here any more: the name of the algorithm is put in."""
    data = certificate(rsa.generate_private_key(65537, 2048), hashes.SHA256())
    with_rsa = bytes.fromhex("06092a864886f70d0101")
    made = data.replace(with_rsa + b"\x0b", with_rsa + bytes.fromhex(weak))
    assert made != data
    assert end_point(made) == hashlib.sha256(made).digest()


def test_where_nothing_is_defined() -> None:
    assert end_point(certificate(ed25519.Ed25519PrivateKey.generate(), None)) is None
    assert end_point(b"") is None
    assert end_point(b"no certificate") is None
