import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pgward.pki import keys, pkcs8
from pgward.pki.errors import BadKeyError


@pytest.mark.parametrize("rounds", [1, 127, 128, 255, 256, 32_768, pkcs8.ROUNDS])
def test_what_is_written_is_read_back(rounds):
    key = keys.generate()
    pem = pkcs8.to_pem(key, b"correct horse", rounds=rounds)
    assert keys.from_pem(pem, b"correct horse").private_numbers() == key.private_numbers()


def test_a_long_key_too():
    key = rsa.generate_private_key(65537, 4096)
    pem = pkcs8.to_pem(key, b"correct horse", rounds=1)
    read = serialization.load_pem_private_key(pem, b"correct horse")
    assert read.private_numbers() == key.private_numbers()


def test_a_wrong_passphrase_is_refused():
    pem = pkcs8.to_pem(keys.generate(), b"correct horse", rounds=1)
    with pytest.raises(BadKeyError):
        keys.from_pem(pem, b"battery staple")


def test_openssl_reads_it_and_sees_the_rounds(tmp_path):
    path = tmp_path / "a.key"
    path.write_bytes(pkcs8.to_pem(keys.generate(), b"correct horse"))
    done = subprocess.run(
        ["openssl", "pkey", "-in", path, "-passin", "stdin", "-noout", "-check"],
        input=b"correct horse\n",
        capture_output=True,
        check=True,
    )
    assert b"Key is valid" in done.stdout + done.stderr
    parsed = subprocess.run(
        ["openssl", "asn1parse", "-in", path], capture_output=True, check=True, text=True
    ).stdout
    assert f"INTEGER           :{pkcs8.ROUNDS:06X}" in parsed


def test_salts_and_vectors_differ():
    key = keys.generate()
    first, second = (pkcs8.to_pem(key, b"correct horse", rounds=1) for _ in range(2))
    assert first != second
