import subprocess
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from pgward.pki import csr, keys
from pgward.pki.errors import BadKeyError, BadRequestError

KEY = keys.generate()
REQUEST = csr.make(KEY)


def test_a_request_carries_its_key():
    assert csr.read(REQUEST).public_key() == KEY.public_key()


def test_openssl_verifies_a_request():
    done = subprocess.run(
        ["openssl", "req", "-verify", "-noout", "-subject"],
        input=REQUEST,
        capture_output=True,
        check=True,
    )
    assert done.stdout.strip() == b"subject=CN = pgward"


def test_a_request_signed_by_another_key_is_refused():
    der = x509.load_pem_x509_csr(REQUEST).public_bytes(Encoding.DER)
    mine, other = keys.spki(KEY.public_key()), keys.spki(keys.generate().public_key())
    assert len(mine) == len(other)
    forged = x509.load_der_x509_csr(der.replace(mine, other)).public_bytes(Encoding.PEM)
    with pytest.raises(BadRequestError, match="not signed by its own key"):
        csr.read(forged)


def test_a_weak_key_is_refused():
    key = rsa.generate_private_key(65537, 1024)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    with pytest.raises(BadKeyError):
        csr.read(request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))


def test_a_long_request_is_refused_unread():
    with pytest.raises(BadRequestError, match="longer than"):
        csr.read(REQUEST + b"\n" * csr.MAX_BYTES)


@given(st.binary(max_size=400))
def test_bytes_raise_the_one_error(data):
    with pytest.raises(BadRequestError):
        csr.read(data)


@given(st.integers(0, len(REQUEST) - 1), st.integers(0, 255))
def test_a_changed_byte_raises_our_errors_or_changes_nothing(position, byte):
    changed = REQUEST[:position] + bytes([byte]) + REQUEST[position + 1 :]
    with suppress(BadRequestError, BadKeyError):
        assert csr.read(changed).public_key() == KEY.public_key()
