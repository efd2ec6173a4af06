import stat

import pytest

from pgward.ca import log_key
from pgward.core.errors import NotFoundError
from pgward.pki.errors import BadKeyError, LogError

PASSPHRASE = b"a passphrase"


@pytest.fixture
def directory(tmp_path):
    for name in ("keys", "certs"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_a_key_is_made_once_and_published(directory):
    key = log_key.load_or_create(directory, PASSPHRASE)
    again = log_key.load_or_create(directory, PASSPHRASE)
    assert again.public_key() == key.public_key() == log_key.public(directory)
    assert stat.S_IMODE((directory / log_key.PRIVATE).stat().st_mode) == 0o600
    assert b"ENCRYPTED" in (directory / log_key.PRIVATE).read_bytes()
    assert stat.S_IMODE((directory / log_key.PUBLIC).stat().st_mode) == 0o644


def test_what_is_published_is_written_anew_when_it_is_gone(directory):
    key = log_key.create(directory, PASSPHRASE, rounds=10)
    (directory / log_key.PUBLIC).unlink()
    with pytest.raises(NotFoundError, match=r"there is no .*log\.pub"):
        log_key.public(directory)
    log_key.load_or_create(directory, PASSPHRASE)
    assert log_key.public(directory) == key.public_key()


def test_another_passphrase_is_told_with_the_file(directory):
    log_key.create(directory, PASSPHRASE, rounds=10)
    with pytest.raises(BadKeyError, match=r"log\.key: .*cannot be read"):
        log_key.load_or_create(directory, b"another")


def test_a_damaged_public_key_is_told(directory):
    (directory / log_key.PUBLIC).write_text("x")
    with pytest.raises(LogError, match=r"log\.pub: the log's public key cannot be read"):
        log_key.public(directory)
