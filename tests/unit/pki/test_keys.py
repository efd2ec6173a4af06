import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from pgward.pki import keys
from pgward.pki.errors import BadKeyError


def test_a_new_key_is_on_p256():
    assert isinstance(keys.generate().curve, ec.SECP256R1)


@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
def test_a_key_comes_back_from_pem(passphrase):
    key = keys.generate()
    pem = keys.to_pem(key, passphrase)
    assert keys.from_pem(pem, passphrase).private_numbers() == key.private_numbers()


def test_a_passphrase_encrypts_as_openssl_reads_it(tmp_path):
    pem = keys.to_pem(keys.generate(), b"correct horse")
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    (tmp_path / "key").write_bytes(pem)
    command = ["openssl", "pkey", "-in", tmp_path / "key", "-passin", "stdin", "-noout", "-check"]
    done = subprocess.run(command, input=b"correct horse\n", capture_output=True, check=True)
    assert b"Key is valid" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("written", "read", "message", "hint"),
    [
        (b"correct horse", None, "the private key is encrypted", None),
        (None, b"correct horse", "the private key is not encrypted", None),
        (b"correct horse", b"battery", "the private key cannot be read", "passphrase may be wrong"),
    ],
)
def test_a_wrong_passphrase_is_told(written, read, message, hint):
    pem = keys.to_pem(keys.generate(), written)
    with pytest.raises(BadKeyError, match=message) as caught:
        keys.from_pem(pem, read)
    assert (hint is None) == (caught.value.hint is None)


@pytest.mark.parametrize("data", [b"", b"junk", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_junk_is_no_key(data):
    with pytest.raises(BadKeyError):
        keys.from_pem(data, None)


def test_only_elliptic_curve_keys_are_read():
    with pytest.raises(BadKeyError, match="not on the curve"):
        keys.from_pem(keys.to_pem(ed25519.Ed25519PrivateKey.generate(), None), None)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP256R1()),
        lambda: ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate,
        lambda: rsa.generate_private_key(65537, 2048),
    ],
)
def test_these_kinds_of_key_get_certificates(make):
    keys.check_public(make().public_key())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rsa.generate_private_key(65537, 1024), "1024 bits is not accepted"),
        (lambda: rsa.generate_private_key(3, 2048), "exponent"),
        (lambda: ec.generate_private_key(ec.SECP256K1()), "unsupported"),
        (lambda: ec.generate_private_key(ec.SECP224R1()), "unsupported"),
        (ed448.Ed448PrivateKey.generate, "unsupported"),
        (lambda: dsa.generate_private_key(2048), "unsupported"),
    ],
)
def test_these_kinds_of_key_do_not(make, message):
    with pytest.raises(BadKeyError, match=message):
        keys.check_public(make().public_key())


def test_the_digest_of_a_key_is_openssls(tmp_path):
    key = keys.generate()
    (tmp_path / "spki").write_bytes(keys.spki(key.public_key()))
    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-r", tmp_path / "spki"],
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout.split()[0] == keys.spki_sha256(key.public_key())


def test_der_and_pem_hold_the_same_key():
    key = keys.generate()
    found = serialization.load_der_private_key(keys.to_der(key), None)
    assert keys.to_pem(found, None) == keys.to_pem(key, None)
