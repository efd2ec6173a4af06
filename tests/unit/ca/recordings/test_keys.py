import pytest

from pgward.ca.keys.sealing import Sealer, SealError
from pgward.ca.recordings import keys
from pgward.ca.store.schema_recordings import recording_keys
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
