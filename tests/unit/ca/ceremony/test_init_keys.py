import pytest

from pgward.ca.ceremony.init_keys import NewKeys, Secrets, needs_passphrase
from pgward.ca.keys import key_file
from pgward.ca.keys.settings import KeySettings
from pgward.pki import pkcs8


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    monkeypatch.setattr(pkcs8, "ROUNDS", 1)


def test_a_passphrase_is_made_when_none_was_given(tmp_path):
    new = NewKeys(tmp_path, KeySettings(), Secrets(), None)
    key = new.make("user-issuing")
    secret = (tmp_path / new.settings().passphrase_file).read_bytes().strip()
    found = key_file.load(tmp_path / "keys" / "user-issuing.key", secret)
    assert found.public_key() == key.public_key()


def test_roots_go_offline_under_their_own_passphrase(tmp_path):
    offline = tmp_path / "offline"
    new = NewKeys(tmp_path, KeySettings(), Secrets(b"passphrase"), (offline, b"of the roots"))
    root, _ = new.make("user-root"), new.make("user-issuing")
    found = key_file.load(offline / "user-root.key", b"of the roots")
    assert found.public_key() == root.public_key()
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["user-issuing.key"]
    assert new.where("user-root") == "offline/user-root.key"
    assert new.where("user-issuing") == "file:keys/user-issuing.key"


def test_references_are_written_where_they_are_unusual(tmp_path):
    usual = NewKeys(tmp_path, KeySettings(), Secrets(b"passphrase"), None)
    usual.make("user-issuing")
    assert usual.settings().references == ()
    unusual = NewKeys(tmp_path, KeySettings(place="file:other"), Secrets(b"passphrase"), None)
    unusual.make("user-issuing")
    expected = ("user-issuing=file:other/user-issuing.key",)
    assert unusual.settings().references == expected


def test_a_failure_takes_back_what_was_made(tmp_path):
    new = NewKeys(tmp_path, KeySettings(), Secrets(b"passphrase"), None)
    new.make("user-issuing")
    with pytest.raises(KeyError), new.taken_back_on_failure():
        raise KeyError
    assert list((tmp_path / "keys").iterdir()) == []


def test_only_files_need_a_passphrase(tmp_path):
    token = KeySettings(place="pkcs11:token=a")
    assert needs_passphrase(KeySettings())
    assert not needs_passphrase(token)
    NewKeys(tmp_path, token, Secrets(), None)
    assert list(tmp_path.iterdir()) == []
