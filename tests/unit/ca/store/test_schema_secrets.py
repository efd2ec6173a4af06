import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from pgward.ca.store import tables
from pgward.ca.store.schema_secrets import access_tokens, one_time_passwords, secret_keys, secrets
from tests.fixtures.authority import START


def test_they_are_among_the_tables_of_the_store():
    assert {secret_keys, secrets, one_time_passwords, access_tokens} <= set(tables.every())


def test_no_secret_is_without_the_key_that_opens_it(store):
    row = {
        "name": "db",
        "version": 1,
        "key_number": 7,
        "wrapped": b"w",
        "sealed": b"s",
        "created_at": START,
        "created_by": "root",
    }
    with pytest.raises(IntegrityError), store.write() as transaction:
        transaction.execute(sa.insert(secrets).values(row))
