from base64 import b64encode
from dataclasses import replace

import pytest

from pgward.client import log_proofs
from pgward.pki import merkle, tree_head
from pgward.pki.errors import LogError
from pgward.pki.log_entry import BadEntryError


@pytest.fixture
def head(fake_log):
    return tree_head.read(fake_log.jws)


@pytest.fixture
def shown(fake_log):
    return fake_log.get("/v1/me/certificates")["certificates"][0]


def test_a_certificate_that_is_logged(shown, head):
    assert log_proofs.check_shown(shown, head, "alice") == "logged"


def test_one_that_was_never_signed_is_in_no_log(head):
    for state in ("pending", "revoked"):
        shown = {"serial": "1", "log_index": None, "state": state}
        assert log_proofs.check_shown(shown, head, "alice") == "pending"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"log_index": None, "entry": None}, "the certificate 3 is not in the log"),
        ({"entry": None}, "the certificate 3 is not in the log"),
        ({"serial": "ff"}, "the certificate ff of alice is logged as 3 of alice"),
        ({"proof": []}, "too short"),
        ({"proof": None}, "no list of hashes"),
    ],
)
def test_what_is_not_proved_is_told(shown, head, change, message):
    with pytest.raises(LogError, match=message):
        log_proofs.check_shown(shown | change, head, "alice")


def test_a_certificate_of_somebody_else_is_told(shown, head):
    with pytest.raises(LogError, match="of bob is logged as 3 of alice"):
        log_proofs.check_shown(shown, head, "bob")


@pytest.mark.parametrize(
    "change", [{"entry": "!"}, {"leaf_hash": "zz"}, {"log_index": None}, {"leaf_hash": "00" * 32}]
)
def test_an_entry_that_is_none_is_told(fake_log, change):
    with pytest.raises(LogError):
        log_proofs.read_leaf(fake_log.entry(0) | change)


def test_an_entry_whose_bytes_were_purged_has_its_hash(fake_log):
    leaf = log_proofs.read_leaf(fake_log.entry(1) | {"entry": None})
    assert (leaf.log_index, leaf.hash, leaf.entry) == (1, fake_log.leaves()[1], None)


def test_bytes_that_are_no_entry():
    value = {
        "log_index": 0,
        "leaf_hash": merkle.leaf_hash(b"x").hex(),
        "entry": b64encode(b"x").decode(),
    }
    with pytest.raises(BadEntryError):
        log_proofs.read_leaf(value)


def test_an_entry_without_a_certificate(fake_log):
    with pytest.raises(LogError, match="holds no certificate"):
        log_proofs.serial_of(replace(fake_log.entries[0], der=b"x"))
