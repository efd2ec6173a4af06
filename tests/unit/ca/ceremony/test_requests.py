import pytest
from cryptography import x509

from pgward.ca.ceremony import requests
from pgward.ca.records import CaName
from pgward.core.errors import NotFoundError
from pgward.pki import key_types
from pgward.pki.errors import BadRequestError
from pgward.pki.key_types import KeyType


@pytest.mark.parametrize("key_type", [KeyType.P256, KeyType.ED25519])
def test_it_asks_for_what_is_needed_for_its_own_key(key_type):
    key = key_types.generate(key_type)
    made = requests.make("Acme", CaName.USER_ISSUING, key)
    assert made.request.is_signature_valid
    assert made.request.public_key() == key.public_key()
    assert made.request.subject.rfc4514_string().startswith("CN=user issuing CA ")
    extensions = made.request.extensions
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_later_ones_are_told_with_their_role(tmp_path):
    (tmp_path / "requests").mkdir()
    for name in (
        "user-issuing",
        "user-issuing-2",
        "server-issuing-11",
        "other-2",
        "user-issuing-x",
    ):
        (tmp_path / "requests" / f"{name}.csr").touch()
    assert requests.successors(tmp_path) == {
        "user-issuing-2": CaName.USER_ISSUING,
        "server-issuing-11": CaName.SERVER_ISSUING,
    }


def test_a_missing_or_damaged_one_is_told(tmp_path):
    with pytest.raises(NotFoundError, match="there is no request"):
        requests.load(tmp_path, "user-issuing")
    requests.path(tmp_path, "user-issuing").parent.mkdir()
    requests.path(tmp_path, "user-issuing").write_text("junk")
    with pytest.raises(BadRequestError, match="the request cannot be read"):
        requests.load(tmp_path, "user-issuing")
