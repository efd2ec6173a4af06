import os
import ssl

import pytest

from pgward.core.errors import InvalidInputError
from pgward.hba.login import shown
from pgward.pki import keys
from tests.fixtures.material import SmallCa


@pytest.fixture
def login(tmp_path):
    return SmallCa().person(tmp_path / "ann", "ann@example.com")


def test_an_identity_or_two_files(login, tmp_path) -> None:
    for text in (str(tmp_path / "ann"), f"{login.cert}:{login.key}"):
        found = shown.from_option(text)
        assert (found.name, found.dn) == ("ann@example.com", "CN=ann@example.com")
        assert len(found.chain) == 2
        assert found.leaf == login.leaf


def test_what_is_no_identity(login, tmp_path) -> None:
    with pytest.raises(InvalidInputError, match="no such file"):
        shown.from_option(str(tmp_path))
    with pytest.raises(InvalidInputError, match="cannot be read"):
        shown.from_option(f"{login.cert}:{login.cert}")
    with pytest.raises(InvalidInputError, match="no certificates"):
        shown.from_option(f"{login.key}:{login.key}")


def test_a_key_behind_a_passphrase(login) -> None:
    locked = keys.to_pem(keys.generate(), b"secret")
    with pytest.raises(InvalidInputError, match="is encrypted"):
        shown.read(login.cert.read_bytes(), locked, "here")


@pytest.mark.usefixtures("login")
@pytest.mark.parametrize("in_memory", [True, False])
def test_nothing_stays_on_the_disk(tmp_path, monkeypatch, in_memory) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if not in_memory:
        monkeypatch.delattr(os, "memfd_create")
    before = sorted(tmp_path.iterdir())
    found = shown.from_option(str(tmp_path / "ann"))
    found.put_into(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    assert sorted(tmp_path.iterdir()) == before
    assert "PRIVATE" not in repr(found)
