import pytest
import sqlalchemy as sa

from pgward.ca.keys.sealing import Sealer, SealError
from pgward.ca.secrets import kept, store_keys
from pgward.ca.secrets.store_keys import Rotated
from pgward.ca.store.schema_secrets import secret_keys, secrets
from tests.fixtures.authority import START
from tests.fixtures.ca_service import SEALER

BY = {"now": START, "by": "root"}


def numbers(store) -> list[int]:
    with store.read() as connection:
        return list(connection.execute(sa.select(secret_keys.c.number)).scalars())


def test_the_first_key_is_made_when_it_is_needed(store):
    with store.read() as connection:
        assert store_keys.newest(connection) is None
        assert store_keys.made_at(connection) is None
    with store.write() as transaction:
        first = store_keys.current(transaction, SEALER, **BY)
        assert store_keys.current(transaction, SEALER, **BY) == first
    with store.read() as connection:
        assert store_keys.get(connection, SEALER, 1) == first
        assert store_keys.made_at(connection) == START
        sealed = connection.execute(sa.select(secret_keys.c.sealed)).scalar_one()
    assert first.data not in sealed


def test_a_key_opens_with_this_authoritys_seal_only(store):
    with store.write() as transaction:
        store_keys.current(transaction, SEALER, **BY)
    with store.read() as connection:
        with pytest.raises(SealError):
            store_keys.get(connection, Sealer(b"x" * 32), 1)
        with pytest.raises(SealError, match="is not in the store"):
            store_keys.get(connection, SEALER, 2)


def test_rotation_wraps_all_and_forgets_the_key_before(store):
    with store.write() as transaction:
        for name in ("one", "two"):
            kept.create(transaction, SEALER, name, name.encode(), **BY)
    with store.read() as connection:
        before = connection.execute(sa.select(secrets.c.name, secrets.c.sealed)).all()
        wrapped = set(connection.execute(sa.select(secrets.c.wrapped)).scalars())
    with store.write() as transaction:
        assert store_keys.rotate(transaction, SEALER, **BY) == Rotated(2, 2)
    assert numbers(store) == [2]
    with store.read() as connection:
        assert connection.execute(sa.select(secrets.c.name, secrets.c.sealed)).all() == before
        assert not wrapped & set(connection.execute(sa.select(secrets.c.wrapped)).scalars())
        assert kept.read(connection, SEALER, "one").value == b"one"


def test_what_cannot_be_opened_stops_a_rotation_whole(store):
    with store.write() as transaction:
        for name in ("one", "two"):
            kept.create(transaction, SEALER, name, name.encode(), **BY)
        transaction.execute(
            sa.update(secrets).where(secrets.c.name == "two").values(wrapped=b"x" * 60)
        )
    with pytest.raises(SealError), store.write() as transaction:
        store_keys.rotate(transaction, SEALER, **BY)
    assert numbers(store) == [1]
    with store.read() as connection:
        assert kept.read(connection, SEALER, "one").value == b"one"


def test_a_number_is_never_used_again(store):
    for expected in (1, 2, 3):
        with store.write() as transaction:
            assert store_keys.rotate(transaction, SEALER, **BY) == Rotated(expected, 0)
