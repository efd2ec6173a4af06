from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.chain import blocks
from pgward.audit.chain.blocks import Chain
from pgward.audit.chain.head import Head
from pgward.pki import jws
from tests.fixtures.records import CHAIN

ORIGIN = Head.origin(CHAIN)
RECORDS = [b'{"id":"%d"}' % number for number in range(1, 6)]


def made(*sizes):
    """Return blocks of so many lines each, and the head that they lead to."""
    chain, left = Chain(ORIGIN), list(RECORDS)
    found = []
    for size in sizes:
        found.append(chain.block(left[:size]))
        del left[:size]
    return found, chain.head


def test_the_last_line_of_a_block_has_the_hash_over_all_before():
    (first, second), end = made(2, 1)
    lines = b'{"seq":1,"id":"1"}\n{"seq":2,"id":"2"}'
    digest = sha256(ORIGIN.hash + lines).digest()
    assert first == lines[:-1] + b',"hash":"%b"}\n' % jws.encode(digest).encode()
    digest = sha256(digest + b'{"seq":3,"id":"3"}').digest()
    assert second == b'{"seq":3,"id":"3","hash":"%b"}\n' % jws.encode(digest).encode()
    assert end == Head(CHAIN, 3, digest)


@pytest.mark.parametrize("sizes", [(5,), (1, 4), (1, 1, 1, 1, 1), (2, 3)])
def test_blocks_are_walked(sizes):
    found, end = made(*sizes)
    plain = b"".join(found)
    ends = [sum(map(len, found[: at + 1])) for at in range(len(found))]
    places = list(blocks.walk(plain, ORIGIN.hash))
    assert [at for at, _ in places] == ends
    assert places[-1] == (len(plain), end.hash)
    assert list(blocks.walk(plain, b"x" * 32)) == []
    assert list(blocks.walk(b"", ORIGIN.hash)) == []


@given(st.integers(0), st.integers(1, 255))
def test_one_changed_byte_ends_the_walk_before_it(place, change):
    found, _ = made(2, 1, 2)
    text = bytearray(b"".join(found))
    place %= len(text)
    text[place] ^= change
    whole = [at for at, _ in blocks.walk(bytes(text), ORIGIN.hash)]
    ends = [at for at, _ in blocks.walk(b"".join(found), ORIGIN.hash)]
    assert whole == [at for at in ends if at <= place]


@pytest.mark.parametrize(
    "odd",
    [
        b'{"details":{"hash":"%b"}}' % (b"A" * 43),
        b'{"details":{"a":1,"hash":"%b"}}' % (b"A" * 43),
        b'{"a":1,"hash":"short"}',
        b'{"a":1,"hash":"short","b":"%b"}' % (b"B" * 26),
        b'{"text":"x\\",\\"hash\\":\\"%b\\"}"}' % (b"A" * 43),
    ],
)
def test_records_that_look_as_if_they_had_a_hash(odd):
    chain = Chain(ORIGIN)
    plain = chain.block([odd, b'{"a":"%b"}' % (b"x" * 20), odd])
    assert [at for at, _ in blocks.walk(plain, ORIGIN.hash)] == [len(plain)]
    lines = plain.splitlines()
    assert [blocks.hash_of(line) is not None for line in lines] == [False, False, True]
    assert blocks.without_hash(lines[2]) == b'{"seq":3,%b' % odd[1:]
    assert blocks.without_hash(lines[0]) == lines[0]


def test_what_is_no_line_has_no_hash():
    for line in (b"", b"{}", b"x" * 400, b'","hash":"' + b"A" * 43):
        assert blocks.hash_of(line) is None
