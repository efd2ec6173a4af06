from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.acme import nonces
from pgward.ca.acme.problems import AcmeError
from tests.fixtures.authority import START
from tests.fixtures.fuzz import fuzz

KEY = b"k" * 32


def test_any_replica_knows_a_nonce_until_it_ends():
    nonce = nonces.make(KEY, START)
    assert len(nonce) == 43
    assert nonces.check(KEY, nonce, START) == START + nonces.LIFETIME
    assert nonces.make(KEY, START) != nonce


@pytest.mark.parametrize("after", [timedelta(hours=1, seconds=1), timedelta(minutes=-6)])
def test_a_nonce_ends_and_does_not_come_from_the_future(after):
    nonce = nonces.make(KEY, START)
    with pytest.raises(AcmeError) as caught:
        nonces.check(KEY, nonce, START + after)
    assert caught.value.kind == "badNonce"


def test_a_nonce_of_another_key_is_not_ours():
    with pytest.raises(AcmeError):
        nonces.check(b"o" * 32, nonces.make(KEY, START), START)


@fuzz
@given(st.text() | st.from_regex(r"\A[A-Za-z0-9_-]{43}\Z"))
def test_any_text_is_no_nonce(text):
    with pytest.raises(AcmeError) as caught:
        nonces.check(KEY, text, START)
    assert caught.value.kind == "badNonce"


def test_a_nonce_is_used_once(store):
    nonce = nonces.make(KEY, START)
    nonces.use(store, nonce, START)
    with pytest.raises(AcmeError) as caught:
        nonces.use(store, nonce, START)
    assert caught.value.kind == "badNonce"
