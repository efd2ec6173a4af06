import json
import stat
from base64 import b64decode

import pytest

from pgward.ca.log import export as log_export
from pgward.pki import merkle, tree_head


def test_the_file_holds_everything_that_proves_the_log(ledger, tmp_path):
    file = tmp_path / "log.jsonl"
    with ledger.store.read() as connection:
        assert log_export.write(connection, file) == 21
    *entries, last = [json.loads(line) for line in file.read_text().splitlines()]
    hashes = [merkle.leaf_hash(b64decode(each["entry"])) for each in entries]
    assert [each["leaf_hash"] for each in entries] == [each.hex() for each in hashes]
    head = tree_head.verify(last["head"], ledger.key.public_key())
    assert (head.size, head.root) == (21, merkle.root_of(hashes))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_no_file_is_overwritten(ledger, tmp_path):
    file = tmp_path / "log.jsonl"
    file.write_text("mine")
    with ledger.store.read() as connection, pytest.raises(FileExistsError):
        log_export.write(connection, file)
    assert file.read_text() == "mine"


def test_an_empty_log(store, tmp_path):
    file = tmp_path / "log.jsonl"
    with store.read() as connection:
        assert log_export.write(connection, file) == 0
    assert json.loads(file.read_text()) == {"head": None, "size": 0}
