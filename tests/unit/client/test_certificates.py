import pytest

from pgward.client.certificates import NewCertificate
from pgward.core.errors import UnavailableError
from pgward.pki import csr, keys, pem


def reply(fake_ca, key):
    return fake_ca.issue({"csr": csr.make(key).decode()})


def test_a_reply_is_kept_with_its_key(fake_ca):
    key = keys.generate()
    found = NewCertificate.read(reply(fake_ca, key), key)
    leaf, issuing = pem.split(found.chain)
    assert keys.spki(leaf.public_key()) == keys.spki(key.public_key())
    assert issuing == fake_ca.root
    assert pem.split(found.server_roots) == [fake_ca.root]
    assert found.not_after - found.not_before == fake_ca.life
    assert keys.to_pem(keys.from_pem(found.key_pem, None), None) == found.key_pem


def test_a_certificate_for_another_key_is_refused(fake_ca):
    with pytest.raises(UnavailableError, match="for another key"):
        NewCertificate.read(reply(fake_ca, keys.generate()), keys.generate())


@pytest.mark.parametrize(
    "change",
    [
        {"certificate": "no PEM"},
        {"certificate": None},
        {"chain": [1]},
        {"server_roots": []},
        {"not_after": "tomorrow"},
        {"not_before": "2026-01-01T00:00:00"},
    ],
)
def test_a_reply_that_makes_no_sense_is_refused(fake_ca, change):
    key = keys.generate()
    with pytest.raises(UnavailableError, match="cannot be read"):
        NewCertificate.read(reply(fake_ca, key) | change, key)


def test_two_certificates_where_one_belongs_are_refused(fake_ca):
    key = keys.generate()
    answer = reply(fake_ca, key)
    with pytest.raises(UnavailableError, match="cannot be read"):
        NewCertificate.read(answer | {"certificate": answer["certificate"] * 2}, key)
