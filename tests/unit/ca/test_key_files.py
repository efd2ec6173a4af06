import stat

import pytest

from pgward.ca.key_files import FileKeys
from pgward.core.errors import InvalidInputError, NotFoundError


@pytest.fixture
def keys(tmp_path):
    return FileKeys(tmp_path, b"correct horse", rounds=1)


def test_a_key_is_found_again_by_its_reference(keys, tmp_path):
    made = keys.create("user-issuing-2")
    assert made.reference == "file:keys/user-issuing-2.key" == keys.reference("user-issuing-2")
    assert keys.load(made.reference).public_key == made.signer.public_key
    assert stat.S_IMODE((tmp_path / "keys" / "user-issuing-2.key").stat().st_mode) == 0o600


def test_another_place_is_refused(keys):
    with pytest.raises(InvalidInputError, match="no key of this pgward"):
        keys.load("pkcs11:object=x")


def test_a_missing_key_is_told(keys):
    with pytest.raises(NotFoundError, match="no key file"):
        keys.load("file:keys/x.key")
