import pytest

from pgward.ca.keys.settings import KeySettings
from pgward.ca.settings import Settings
from pgward.core.errors import InvalidInputError
from pgward.pki.key_types import KeyType


def test_a_directory_of_before_needs_nothing_new():
    settings = Settings.parse('[keys]\npassphrase_file = "passphrase"').keys
    assert settings == KeySettings("passphrase")
    assert settings.key_type("user-issuing") is KeyType.P256


def test_what_is_written_is_read_back():
    keys = KeySettings(
        pin_file="credential:pin",
        type="p384",
        server_type="rsa3072",
        place="pkcs11:token=pgward",
        references=("user-issuing=pkcs11:token=pgward;object=user-issuing",),
        pkcs11_module="/usr/lib/softhsm/libsofthsm2.so",
    )
    assert Settings.parse(Settings(keys=keys).dump()).keys == keys


def test_servers_may_have_another_type():
    keys = KeySettings(type="ed25519", server_type="p256")
    assert keys.key_type("user-root") is keys.key_type("user-issuing-2") is KeyType.ED25519
    assert keys.key_type("server-root") is keys.key_type("server-issuing-2") is KeyType.P256


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('type = "dsa"', "'dsa' is not a type of key"),
        ('server_type = "dsa"', "'dsa' is not a type of key"),
        ('place = "keys"', "does not say where a key is"),
        ('place = "pkcs11:object=a"', "names no token"),
        ('references = ["user-issuing"]', "is not CA=REFERENCE"),
        ('references = ["user-issuing=pkcs11:token=a"]', "names no key"),
        ("helper_seconds = 0", "must be 1 to 120"),
    ],
)
def test_what_cannot_be_is_refused_at_once(line, message):
    with pytest.raises(InvalidInputError, match=rf"\[keys\]: .*{message}"):
        Settings.parse(f"[keys]\n{line}")
