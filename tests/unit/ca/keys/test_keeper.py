import sys
from dataclasses import replace

import pytest

from pgward.ca.keys.keeper import KeyKeeper
from pgward.ca.keys.settings import KeySettings
from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.pki import key_types
from pgward.pki.key_types import KeyType
from tests.fixtures.signed import sign_everything


class Asked:
    """A secret that counts how often it is asked for."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return b"correct horse"


@pytest.fixture
def keep(tmp_path):
    def make(asked=None, **settings) -> KeyKeeper:
        chosen = replace(KeySettings(), **settings)
        secret = asked or Asked()
        return KeyKeeper(tmp_path, chosen, passphrase=secret, pin=secret, rounds=1)

    return make


def test_what_is_made_is_found_by_its_reference(keep, tmp_path):
    new = keep().create("user-issuing-2")
    assert new.reference == "file:keys/user-issuing-2.key"
    assert (tmp_path / "keys/user-issuing-2.key").is_file()
    loaded = keep().load(new.reference)
    assert loaded.public_key == new.signer.public_key
    sign_everything(loaded)


def test_a_token_without_the_extra_says_what_to_install(keep, monkeypatch):
    monkeypatch.delitem(sys.modules, "pgward.ca.keys.token", raising=False)
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(InvalidInputError, match="module pkcs11 is missing") as caught:
        keep(place="pkcs11:token=t", pkcs11_module="/x.so").create("user-root")
    assert caught.value.hint == "pip install 'pgward[pkcs11]'"


def test_the_passphrase_is_asked_for_once_and_only_when_needed(keep):
    asked = Asked()
    keeper = keep(asked)
    assert asked.times == 0
    for name in ("a", "b"):
        keeper.load(keeper.create(name).reference)
    assert asked.times == 1


def test_types_are_as_settings_or_the_caller_say(keep):
    keeper = keep(type="p384", server_type="p256")
    made = [
        keeper.create("user-issuing"),
        keeper.create("server-issuing"),
        keeper.create("user-root", KeyType.ED25519),
    ]
    types = [key_types.of(new.signer.public_key) for new in made]
    assert types == [KeyType.P384, KeyType.P256, KeyType.ED25519]


def test_a_key_is_set_aside_and_never_overwritten(keep, tmp_path):
    first, second = keep().create("a"), keep().create("a")
    assert keep().load(second.reference).public_key == second.signer.public_key
    (aside,) = (tmp_path / "keys").glob("a.key.*.old")
    assert keep().load(f"file:{aside}").public_key == first.signer.public_key


def test_what_was_made_can_be_taken_back(keep):
    keeper = keep()
    new = keeper.create("a")
    keeper.discard(new)
    with pytest.raises(NotFoundError):
        keeper.load(new.reference)
    assert keeper.create("a")


def test_references_come_from_settings_or_else_from_the_cas_name(keep):
    keeper = keep(references=("user-issuing=pkcs11:token=a;object=b",))
    assert keeper.reference("user-issuing") == "pkcs11:token=a;object=b"
    assert keeper.reference("server-issuing") == "file:keys/server-issuing.key"


def test_secrets_come_from_sources_first_and_else_from_settings(tmp_path):
    for name in ("given", "named"):
        (tmp_path / name).write_text("correct horse\n")
        (tmp_path / name).chmod(0o600)
    settings = KeySettings(passphrase_file="named")
    made = KeyKeeper.open(tmp_path, settings, passphrase_source=str(tmp_path / "given"))
    reference = made.create("a").reference
    (tmp_path / "given").unlink()
    assert KeyKeeper.open(tmp_path, settings).load(reference)


def test_a_new_key_does_not_show_itself(keep):
    assert "key=" not in repr(keep().create("a"))
