import json
from hashlib import sha256

import pytest

from pgward.audit.chain.head import Head, read_hash
from tests.fixtures.records import CHAIN

HEAD = Head(CHAIN, 7, bytes(range(32)))


def test_a_chain_begins_with_the_hash_of_its_name():
    origin = Head.origin(CHAIN)
    assert origin.hash == sha256(b"pgward audit chain 1\n00112233445566ff").digest()
    assert (origin.chain, origin.seq) == (CHAIN, 0)


def test_heads_become_json_and_back():
    assert Head.from_json(json.loads(json.dumps(HEAD.to_json()))) == HEAD
    assert HEAD.to_json()["seq"] == 7


@pytest.mark.parametrize(
    "change", [{"chain": "x"}, {"chain": None}, {"seq": -1}, {"seq": True}, {"hash": "AA"}]
)
def test_a_head_that_is_damaged_is_refused(change):
    with pytest.raises(ValueError, match=r"chain|number|hash"):
        Head.from_json(HEAD.to_json() | change)


def test_a_chain_has_a_name_of_16_hex_letters():
    with pytest.raises(ValueError, match="16 hex letters"):
        Head.origin("mine")
    with pytest.raises(ValueError, match="32 bytes"):
        read_hash(None)
