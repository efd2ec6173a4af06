import ssl

import pytest

from pgward.client.trust import (
    FingerprintError,
    Trust,
    choose_root,
    parse_url,
    unverified_context,
    verified_context,
)
from pgward.core.errors import InvalidInputError, LoginNeededError
from pgward.pki import fingerprint, pem
from tests.fixtures.pki import TestCa

TRUST = Trust("https://ca.test:8443", f"SHA256:{'a' * 64}", ("one", "two"))


def test_trust_is_written_and_read(tmp_path):
    TRUST.save(tmp_path)
    assert Trust.load(tmp_path) == TRUST


def test_without_trust_the_first_login_is_explained(tmp_path):
    with pytest.raises(LoginNeededError) as caught:
        Trust.load(tmp_path)
    assert caught.value.message == "this machine knows no certificate authority yet"
    assert "--fingerprint" in str(caught.value.hint)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"ca_url": 1}'])
def test_a_damaged_file_is_named(tmp_path, data):
    (tmp_path / "trust.json").write_bytes(data)
    with pytest.raises(InvalidInputError, match=r"trust\.json: this file is damaged"):
        Trust.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://ca.test:8443", "https://ca.test:8443"),
        ("https://ca.test:8443/", "https://ca.test:8443"),
        ("ca.test", "https://ca.test"),
        ("ca.test:8443", "https://ca.test:8443"),
        ("[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_addresses(text, url):
    assert parse_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        *("", "http://ca.test", "https://", "https://ca.test/v1", "https://u:p@ca.test"),
        *(
            "https://ca.test:0",
            "https://ca.test:99999",
            "https://ca.test?x",
            "ftp://x",
            "https://x#y",
        ),
    ],
)
def test_what_is_no_address(text):
    with pytest.raises(InvalidInputError, match="is not a CA's address"):
        parse_url(text)


def test_only_the_root_with_the_fingerprint_is_chosen(fake_ca):
    other = type(fake_ca)().root
    answer = {"server_roots": [pem.text(other), pem.text(fake_ca.root)]}
    assert choose_root(answer, fake_ca.fingerprint.upper().replace("SHA256:", "")) == fake_ca.root


def test_a_wrong_fingerprint_shows_both(fake_ca):
    with pytest.raises(FingerprintError) as caught:
        choose_root({"server_roots": [pem.text(fake_ca.root)]}, "0" * 64)
    assert f"expected SHA256:{'0' * 64}" in caught.value.message
    assert f"found    {fake_ca.fingerprint}" in caught.value.message


def test_a_ca_without_roots(fake_ca):
    with pytest.raises(FingerprintError, match="found    none"):
        choose_root({"server_roots": []}, fake_ca.fingerprint)


def test_contexts(fake_ca):
    verified = verified_context([pem.text(fake_ca.root)])
    assert verified.verify_mode is ssl.CERT_REQUIRED
    assert verified.check_hostname
    assert verified.minimum_version is ssl.TLSVersion.TLSv1_2
    assert len(verified.get_ca_certs()) == 0 or verified.cert_store_stats()["x509"] == 1
    assert unverified_context().verify_mode is ssl.CERT_NONE


def test_a_renewal_brings_the_roots_of_today(hierarchy):
    root, other = hierarchy.root.certificate, TestCa.root("another").certificate
    first = Trust("https://ca.test:8443", fingerprint.of(root), (pem.text(root),))
    both = first.renewed(pem.join([other, root]))
    assert both.fingerprint == first.fingerprint
    assert both.server_roots == (pem.text(other), pem.text(root))
    later = both.renewed(pem.join([other]))
    assert (later.fingerprint, later.server_roots) == (fingerprint.of(other), (pem.text(other),))
    assert later.ca_url == first.ca_url
