from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from pgward.pki import jws, keys, tree_head
from pgward.pki.errors import LogError
from pgward.pki.tree_head import TreeHead

KEY = keys.generate()
HEAD = TreeHead(
    tree_head.log_id(KEY.public_key()), 5, bytes(32), datetime(2026, 11, 21, 12, tzinfo=UTC)
)
HEADER = {"typ": tree_head.TYPE, "alg": "ES256"}


def test_a_head_is_read_as_it_was_signed() -> None:
    signed = tree_head.sign(HEAD, KEY)
    assert tree_head.verify(signed, KEY.public_key()) == HEAD
    assert tree_head.read(signed) == HEAD


def test_another_key_is_another_log() -> None:
    other = keys.generate()
    with pytest.raises(LogError, match=f"of another log, {HEAD.log_id}"):
        tree_head.verify(tree_head.sign(HEAD, KEY), other.public_key())
    forged = tree_head.sign(HEAD, other)
    with pytest.raises(LogError, match="did not sign this head"):
        tree_head.verify(forged, KEY.public_key())


@pytest.mark.parametrize(
    "change",
    [
        {"size": -1},
        {"size": True},
        {"size": "5"},
        {"size": 1 << 63},
        {"root": "00"},
        {"root": 7},
        {"time": "yesterday"},
        {"time": "2026-11-21T12:00:00"},
        {"log_id": None},
    ],
)
def test_what_no_head_says_is_refused(change: dict[str, object]) -> None:
    text = jws.sign(HEADER, HEAD.to_json() | change, KEY)
    with pytest.raises(LogError):
        tree_head.verify(text, KEY.public_key())


def test_a_snapshot_is_no_head() -> None:
    text = jws.sign(HEADER | {"typ": "pgward-snapshot+jws"}, HEAD.to_json(), KEY)
    with pytest.raises(LogError, match="no head of a log"):
        tree_head.read(text)


@given(st.text(max_size=200))
def test_any_text_is_a_head_or_one_error(text: str) -> None:
    with pytest.raises(LogError):
        tree_head.read(text)


def test_the_public_key_is_written_and_read() -> None:
    pem = tree_head.dump_key(KEY.public_key())
    assert tree_head.log_id(tree_head.load_key(pem)) == HEAD.log_id
    assert tree_head.load_key(pem.encode()) == KEY.public_key()


def test_a_key_of_another_kind_is_refused() -> None:
    with pytest.raises(LogError, match="cannot be read"):
        tree_head.load_key("nonsense")
    large = ec.generate_private_key(ec.SECP384R1()).public_key()
    with pytest.raises(LogError, match="not on the curve P-256"):
        tree_head.load_key(tree_head.dump_key(large))


def test_a_later_head_is_another_statement() -> None:
    assert tree_head.sign(replace(HEAD, size=6), KEY) != tree_head.sign(HEAD, KEY)
