from datetime import timedelta

import pytest

from pgward.ca.log.head_signer import HeadSigner
from pgward.ca.store import log, log_heads
from pgward.ca.store.log import LogEntry
from pgward.core.errors import UnavailableError
from pgward.pki import keys, merkle, tree_head
from pgward.pki.log_entry import EntryType
from tests.fixtures.authority import START

MINUTE = timedelta(minutes=1)


def grow(store, count=1) -> None:
    with store.write() as transaction:
        log.append(transaction, [LogEntry(EntryType.CERTIFICATE, "ab", b"entry")] * count)


def signed(store) -> list[tuple[int, int]]:
    with store.read() as connection:
        return [(each.number, each.head.size) for each in log_heads.every(connection)]


def test_the_first_head_is_signed_when_it_is_asked_for(heads, log_key):
    found = heads.newest()
    assert (found.number, found.head.size, found.head.root) == (1, 0, merkle.EMPTY_ROOT)
    assert tree_head.verify(found.jws, log_key.public_key()) == found.head
    assert heads.newest() == found
    assert tree_head.load_key(heads.public_key) == log_key.public_key()


def test_a_head_is_signed_when_the_log_grew_and_the_last_one_is_old(store, heads, clock):
    grow(store)
    heads.newest()
    clock.move(seconds=59)
    grow(store)
    heads.sign_if_due(MINUTE)
    assert signed(store) == [(1, 1)]
    clock.move(seconds=1)
    heads.sign_if_due(MINUTE)
    clock.move(seconds=61)
    heads.sign_if_due(MINUTE)  # it did not grow
    assert signed(store) == [(1, 1), (2, 2)]


def test_a_log_that_stands_still_is_signed_once_a_day(store, heads, clock):
    heads.newest()
    clock.move(hours=23)
    heads.sign_if_due(MINUTE)
    clock.move(hours=1)
    heads.sign_if_due(MINUTE)
    assert signed(store) == [(1, 0), (2, 0)]


def test_a_head_is_signed_at_once_for_who_needs_it(store, heads):
    heads.newest()
    grow(store, 3)
    assert heads.covering(0).head.size == 0
    assert heads.covering(2).head.size == 3
    assert heads.covering(3).number == 2


def test_a_clock_that_is_put_back_stops_no_heads_and_turns_no_time(store, heads, clock):
    clock.move(hours=1)
    heads.newest()
    clock.move(hours=-1)
    grow(store)
    found = heads.sign_if_due(MINUTE)
    assert (found.head.size, found.head.time) == (1, START + timedelta(hours=1))


def test_a_second_key_signs_nothing(store, heads, clock):
    heads.newest()
    other = HeadSigner(store, keys.generate(), clock)
    with pytest.raises(UnavailableError, match="signed with another key, of log") as told:
        other.sign()
    assert "keys/log.key" in told.value.hint
    assert signed(store) == [(1, 0)]


def test_heads_are_found_by_size(store, heads):
    heads.newest()
    grow(store)
    second = heads.sign()
    with store.read() as connection:
        assert log_heads.at_size(connection, 1) == second
        assert log_heads.at_size(connection, 2) is None
        assert log_heads.newest(connection) == second
