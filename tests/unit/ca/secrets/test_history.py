from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.secrets import history, kept, store_keys
from pgward.ca.secrets.history import KEPT_FOR, MOST, Version
from pgward.ca.store import purge
from pgward.ca.store.schema_accounts import secret_versions
from pgward.core.errors import ConflictError, NotFoundError
from tests.fixtures.authority import START
from tests.fixtures.ca_service import SEALER

BY = {"now": START, "by": "root"}
LATER = START + timedelta(hours=1)


@pytest.fixture
def secret(store):
    with store.write() as transaction:
        kept.create(transaction, SEALER, "db", b"one", **BY)
    return store


def rotate(store, value, now=LATER):
    with store.write() as transaction:
        return kept.rotate(transaction, SEALER, "db", value, now=now, by="dba")


def propose(store, value=b"next"):
    with store.write() as transaction:
        return history.propose(transaction, SEALER, "db", value, now=LATER, by="system")


def versions(store, now=LATER):
    with store.read() as connection:
        return [(each.version, each.state) for each in history.listing(connection, "db", now)]


def value(store):
    with store.read() as connection:
        return kept.read(connection, SEALER, "db").value


def test_a_former_value_is_kept_for_some_time(secret):
    rotate(secret, b"two")
    with secret.read() as connection:
        assert history.listing(connection, "db", LATER) == [
            Version(2, "current", LATER, "dba"),
            Version(1, "former", START, "root", LATER + KEPT_FOR),
        ]
        assert history.former(connection, SEALER, "db", 1, LATER) == b"one"
        with pytest.raises(NotFoundError, match="no former version 1"):
            history.former(connection, SEALER, "db", 1, LATER + KEPT_FOR)
        with pytest.raises(NotFoundError, match="there is no secret"):
            history.listing(connection, "none", LATER)
    assert versions(secret, LATER + KEPT_FOR) == [(2, "current")]
    purge.purge(secret, LATER + KEPT_FOR + purge.KEPT + timedelta(seconds=1))
    with secret.read() as connection:
        assert connection.execute(sa.select(secret_versions)).all() == []


def test_so_many_former_values_are_kept(secret):
    for number in range(MOST + 3):
        rotate(secret, b"%d" % number)
    assert len(versions(secret)) == MOST + 1


def test_a_former_value_is_recovered_as_a_new_version(secret):
    rotate(secret, b"two")
    with secret.write() as transaction:
        assert kept.recover(transaction, SEALER, "db", 1, now=LATER, by="dba") == 3
        assert transaction.has_changed
    assert value(secret) == b"one"
    assert versions(secret) == [(3, "current"), (2, "former"), (1, "former")]
    with secret.write() as transaction, pytest.raises(NotFoundError):
        kept.recover(transaction, SEALER, "db", 3, now=LATER, by="dba")


def test_a_value_to_come_is_used_when_it_is_promoted(secret):
    assert propose(secret) == 2
    assert value(secret) == b"one"
    assert versions(secret) == [(2, "pending"), (1, "current")]
    with secret.write() as transaction:
        assert history.pending(transaction.connection, SEALER, "db", 2) == b"next"
        assert not transaction.has_changed
        history.promote(transaction, "db", 2, now=LATER, by="system")
        assert transaction.has_changed
    assert value(secret) == b"next"
    assert versions(secret) == [(2, "current"), (1, "former")]


def test_one_value_is_to_come_at_a_time_and_no_number_is_used_twice(secret):
    assert propose(secret) == 2
    assert propose(secret, b"other") == 3
    assert versions(secret) == [(3, "pending"), (1, "current")]


def test_a_value_by_hand_takes_the_place_of_one_to_come(secret):
    propose(secret)
    assert rotate(secret, b"by hand") == 3
    with secret.write() as transaction, pytest.raises(ConflictError, match="another value"):
        history.promote(transaction, "db", 2, now=LATER, by="system")
    assert value(secret) == b"by hand"
    with secret.read() as connection, pytest.raises(NotFoundError, match="to come"):
        history.pending(connection, SEALER, "db", 2)


def test_all_of_a_secret_goes_with_it(secret):
    rotate(secret, b"two")
    propose(secret)
    with secret.write() as transaction:
        kept.remove(transaction, "db")
    with secret.write() as transaction:
        kept.create(transaction, SEALER, "db", b"new", **BY)
    assert versions(secret) == [(1, "current")]


def test_a_new_store_key_wraps_them_too(secret):
    rotate(secret, b"two")
    propose(secret)
    with secret.write() as transaction:
        assert store_keys.rotate(transaction, SEALER, **BY).secrets == 1
    with secret.read() as connection:
        assert history.former(connection, SEALER, "db", 1, LATER) == b"one"
        assert history.pending(connection, SEALER, "db", 3) == b"next"
