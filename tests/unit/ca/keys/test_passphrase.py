import io
import os
import sys
from types import SimpleNamespace

import pytest

from pgward.ca.keys import passphrase
from pgward.ca.keys.settings import KeySettings
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.system.os_keyring import KeyringError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"correct horse\n")
    path.chmod(0o600)
    return path


def test_from_a_file_without_its_line_end(file):
    assert passphrase.read(str(file)) == b"correct horse"


def test_relative_to_the_cas_directory(file):
    assert passphrase.read("secret", directory=file.parent) == b"correct horse"


def test_from_a_descriptor():
    reader, writer = os.pipe()
    os.write(writer, b"correct horse\r\n")
    os.close(writer)
    assert passphrase.read(f"fd:{reader}") == b"correct horse"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reader)


def test_from_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"correct horse\n")))
    assert passphrase.read("-") == b"correct horse"


def test_from_a_systemd_credential(file, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(file.parent))
    assert passphrase.read("credential:secret") == b"correct horse"
    file.rename(file.with_name(passphrase.CREDENTIAL))
    assert passphrase.find("", file.parent) == b"correct horse"


def test_settings_come_first(file, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/nowhere")
    assert passphrase.find("secret", file.parent) == b"correct horse"


def test_nothing_named_is_told(monkeypatch, tmp_path):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(NotFoundError, match="no passphrase") as caught:
        passphrase.find("", tmp_path)
    assert "--passphrase-file" in caught.value.hint
    with pytest.raises(NotFoundError, match="CREDENTIALS_DIRECTORY is not set"):
        passphrase.read("credential:x")


@pytest.mark.parametrize("name", ["../secret", "", "..", "a/b"])
def test_a_credential_is_a_name_and_no_path(name, monkeypatch, tmp_path):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(InvalidInputError):
        passphrase.read(f"credential:{name}")


def test_a_file_that_everyone_reads_is_refused(file):
    file.chmod(0o644)
    with pytest.raises(InvalidInputError, match="everyone on this machine") as caught:
        passphrase.read(str(file))
    assert caught.value.hint == f"chmod 600 {file}"


@pytest.mark.parametrize(
    ("data", "message"), [(b"short", "shorter than 8"), (b"x" * 1025, "longer than 1024")]
)
def test_bad_lengths(file, data, message):
    file.write_bytes(data)
    with pytest.raises(InvalidInputError, match=message) as caught:
        passphrase.read(str(file))
    assert caught.value.where == str(file)


@pytest.mark.parametrize("source", ["fd:x", "fd:", "fd:-1", "fd:999999", "fd:" + "9" * 30])
def test_bad_descriptors(source):
    with pytest.raises(InvalidInputError, match="descriptor"):
        passphrase.read(source)


def test_missing_and_unreadable_files(tmp_path):
    with pytest.raises(NotFoundError, match="no passphrase file"):
        passphrase.read(str(tmp_path / "missing"))
    with pytest.raises(InvalidInputError, match="cannot be read"):
        passphrase.read(str(tmp_path))


@pytest.fixture
def keyring(monkeypatch):
    """A keyring that holds one entry."""
    entries = {("pgward", "ca"): "correct horse\n"}
    made = SimpleNamespace(get_password=lambda *key: entries.get(key))
    monkeypatch.setitem(sys.modules, "keyring", made)
    return made


@pytest.mark.usefixtures("keyring")
def test_from_the_keyring():
    assert passphrase.read("keyring:ca") == b"correct horse"
    with pytest.raises(NotFoundError, match="the keyring has no entry other of the service pgward"):
        passphrase.read("keyring:other")
    with pytest.raises(InvalidInputError, match="names no entry"):
        passphrase.read("keyring:")


def test_a_keyring_that_does_not_work_is_told(keyring):
    keyring.get_password = None
    with pytest.raises(KeyringError, match="the keyring does not work") as caught:
        passphrase.read("keyring:ca")
    assert "keyring set pgward ca" in caught.value.hint


def test_the_command_line_comes_before_settings(file, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"battery staple")
    other.chmod(0o600)
    settings = KeySettings(passphrase_file=str(file), pin_file=str(file))
    for obtain in (passphrase.obtain, passphrase.obtain_pin):
        assert obtain(None, settings, tmp_path) == b"correct horse"
        assert obtain(str(other), settings, tmp_path) == b"battery staple"


def test_a_pin_may_be_short_and_has_a_credential_of_its_own(file, tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    file.rename(tmp_path / passphrase.PIN_CREDENTIAL)
    (tmp_path / passphrase.PIN_CREDENTIAL).write_bytes(b"1234\n")
    assert passphrase.obtain_pin(None, KeySettings(), tmp_path) == b"1234"


def test_no_pin_is_told(monkeypatch, tmp_path):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(NotFoundError, match="there is no PIN") as caught:
        passphrase.obtain_pin(None, KeySettings(), tmp_path)
    assert "--pin-file" in caught.value.hint
