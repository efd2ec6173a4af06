import os
import stat

import pytest

from pgward.ca.keys import key_file
from pgward.core.errors import NotFoundError
from pgward.pki import key_types, keys
from pgward.pki.errors import BadKeyError
from pgward.pki.key_types import KeyType

SECRET = b"correct horse"


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "keys" / "a.key"
    key_file.write(path, keys.generate(), SECRET, rounds=1)
    return path


@pytest.mark.parametrize("key_type", [KeyType.P384, KeyType.ED25519, KeyType.RSA3072])
def test_what_is_written_is_loaded(tmp_path, key_type):
    key = key_types.generate(key_type)
    key_file.write(tmp_path / "a.key", key, SECRET, rounds=1)
    assert key_file.load(tmp_path / "a.key", SECRET).public_key() == key.public_key()


def test_a_key_made_by_openssl_is_loaded(openssl):
    secret = openssl.write("secret", SECRET)
    path = openssl.directory / "a.key"
    openssl.run(
        *("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256"),
        *("-pass", f"file:{secret}", "-out", path),
    )
    assert key_types.of(key_file.load(path, SECRET).public_key()) is KeyType.P256


def test_modes(written):
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert stat.S_IMODE(written.parent.stat().st_mode) == 0o700


def test_a_wrong_passphrase_is_told(written):
    with pytest.raises(BadKeyError, match=r"a\.key: the private key cannot be read") as caught:
        key_file.load(written, b"battery staple")
    assert caught.value.hint == (
        "the passphrase may be wrong; if it is right, restore the file from a backup"
    )


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(NotFoundError, match=r"there is no key file .*/b\.key"):
        key_file.load(tmp_path / "b.key", SECRET)


def test_a_directory_is_no_key(tmp_path):
    with pytest.raises(BadKeyError, match="is a directory"):
        key_file.load(tmp_path, SECRET)


def test_a_file_cut_off_anywhere_is_damaged(written):
    whole = written.read_bytes()
    for length in (0, 1, 40, 100, 200, len(whole) - 30, len(whole) - 2):
        written.write_bytes(whole[:length])
        with pytest.raises(BadKeyError, match=r"a\.key: the key file is damaged"):
            key_file.load(written, SECRET)


def test_any_changed_byte_is_found(written):
    whole = written.read_bytes()
    for at in range(0, len(whole), 17):
        broken = bytearray(whole)
        broken[at] = 0x21 if broken[at] != 0x21 else 0x22
        written.write_bytes(broken)
        with pytest.raises(BadKeyError, match=r"a\.key: the key file is damaged"):
            key_file.load(written, SECRET)


@pytest.mark.parametrize("data", [b"", b"junk", os.urandom(4096), b"\0" * 70_000])
def test_junk_is_refused(written, data):
    written.write_bytes(data)
    with pytest.raises(BadKeyError, match=r"a\.key: "):
        key_file.load(written, SECRET)


def test_what_is_whole_around_another_content_does_not_open(written):
    junk = b"MAMCAQc="  # SEQUENCE { INTEGER 7 }
    label = b"ENCRYPTED PRIVATE KEY-----\n"
    written.write_bytes(b"-----BEGIN " + label + junk + b"\n-----END " + label)
    with pytest.raises(BadKeyError, match="the private key cannot be read"):
        key_file.load(written, SECRET)


def test_an_unencrypted_key_is_refused(written):
    written.write_bytes(keys.to_pem(keys.generate(), None))
    with pytest.raises(BadKeyError, match="not a whole encrypted PKCS#8 key"):
        key_file.load(written, SECRET)
