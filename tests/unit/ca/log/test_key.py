import stat

import pytest

from pgward.ca.keys.keeper import KeyKeeper
from pgward.ca.keys.settings import KeySettings
from pgward.ca.log import key as log_key
from pgward.core.errors import NotFoundError
from pgward.pki import tree_head
from pgward.pki.errors import BadKeyError, LogError


def keeper(directory, passphrase=b"a passphrase"):
    return KeyKeeper(
        directory, KeySettings(), passphrase=lambda: passphrase, pin=lambda: b"", rounds=10
    )


@pytest.fixture
def directory(tmp_path):
    for name in ("keys", "certs"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_a_key_is_made_once_and_published(directory):
    key = log_key.load_or_create(directory, keeper(directory))
    again = log_key.load_or_create(directory, keeper(directory))
    assert again.public_key() == key.public_key() == log_key.public(directory)
    assert stat.S_IMODE((directory / "keys" / "log.key").stat().st_mode) == 0o600
    assert b"ENCRYPTED" in (directory / "keys" / "log.key").read_bytes()
    assert stat.S_IMODE((directory / log_key.PUBLIC).stat().st_mode) == 0o644


def test_what_is_published_is_written_anew_when_it_is_gone(directory):
    key = log_key.load_or_create(directory, keeper(directory))
    (directory / log_key.PUBLIC).unlink()
    with pytest.raises(NotFoundError, match=r"there is no .*log\.pub"):
        log_key.public(directory)
    log_key.load_or_create(directory, keeper(directory))
    assert log_key.public(directory) == key.public_key()


def test_another_passphrase_is_told_with_the_file(directory):
    log_key.create(directory, keeper(directory))
    with pytest.raises(BadKeyError, match=r"log\.key: .*cannot be read"):
        log_key.load_or_create(directory, keeper(directory, b"another passphrase"))


def test_a_damaged_public_key_is_told(directory):
    (directory / log_key.PUBLIC).write_text("x")
    with pytest.raises(LogError, match=r"log\.pub: the log's public key cannot be read"):
        log_key.public(directory)


def test_a_key_that_is_gone_is_not_replaced_by_another(directory):
    log_key.create(directory, keeper(directory))
    (directory / "keys" / "log.key").unlink()
    with pytest.raises(NotFoundError, match=r"log\.key.*: it signs the log") as told:
        log_key.load_or_create(directory, keeper(directory))
    assert "from a backup" in told.value.hint


def test_a_log_that_has_signed_needs_its_own_key(directory):
    with pytest.raises(NotFoundError, match="it signs the log"):
        log_key.load_or_create(directory, keeper(directory), expected="ab")
    key = log_key.load_or_create(directory, keeper(directory))
    with pytest.raises(BadKeyError, match="the key of log ab is needed, not of"):
        log_key.load_or_create(directory, keeper(directory), expected="ab")
    known = tree_head.log_id(key.public_key())
    assert log_key.load_or_create(directory, keeper(directory), expected=known)
