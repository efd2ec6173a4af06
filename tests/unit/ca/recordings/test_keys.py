from datetime import timedelta

import pytest

from pgward.ca.keys.sealing import Sealer, SealError
from pgward.ca.recordings import keys
from pgward.ca.store.schema_recordings import recording_keys
from pgward.pki.age_keys import Recipient
from tests.fixtures.ca_service import SEALER


def test_one_is_made_when_it_is_needed_and_stays(store, clock):
    with store.read() as connection:
        assert keys.recipient(connection) is None
    text = keys.ensure(store, SEALER, clock)
    assert text.startswith("age1")
    assert keys.ensure(store, SEALER, clock) == text
    with store.read() as connection:
        assert keys.recipient(connection) == text
        identity = keys.identity_of(connection, SEALER, text)
        (sealed,) = connection.execute(recording_keys.select()).mappings().all()
    assert str(identity.recipient) == text
    assert identity.text().encode() not in sealed["sealed"]


def test_another_authority_cannot_open_it(store, clock):
    text = keys.ensure(store, SEALER, clock)
    with store.read() as connection:
        with pytest.raises(SealError):
            keys.identity_of(connection, Sealer(b"x" * 32), text)
        with pytest.raises(SealError, match="not in the store"):
            keys.identity_of(connection, SEALER, "age1nobody")


def test_a_new_key_is_used_and_the_one_before_opens_what_it_locked(store, clock):
    first = keys.ensure(store, SEALER, clock)
    locked = Recipient.parse(first).encrypt(b"what was said")
    with store.write() as transaction:
        done = keys.rotate(transaction, SEALER, now=clock.now())
        assert transaction.has_changed
    assert done.before == first
    assert keys.ensure(store, SEALER, clock) == done.recipient != first
    with store.read() as connection:
        for text in (first, done.recipient):
            assert str(keys.identity_of(connection, SEALER, text).recipient) == text
        assert keys.identity_of(connection, SEALER, first).decrypt(locked) == b"what was said"


def test_the_newest_is_used_also_where_the_clock_was_put_back(store, clock):
    keys.ensure(store, SEALER, clock)
    for days in (0, -1):
        with store.write() as transaction:
            done = keys.rotate(transaction, SEALER, now=clock.now() + timedelta(days=days))
            assert keys.recipient(transaction.connection) == done.recipient


def test_the_first_key_may_be_made_by_rotating(store, clock):
    with store.write() as transaction:
        done = keys.rotate(transaction, SEALER, now=clock.now())
    assert done.before is None
    assert keys.ensure(store, SEALER, clock) == done.recipient
