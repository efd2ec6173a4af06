import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from pgward.ca.acme import identifiers, orders
from pgward.ca.acme.orders import NewOrder
from pgward.ca.store.schema_acme import acme_challenges, acme_nonces, acme_orders
from tests.fixtures.authority import START


def test_what_hangs_on_an_order_goes_with_it(store):
    new = NewOrder("acc", (identifiers.dns("a.test"),), None, False, None)
    with store.write() as transaction:
        made = orders.create(transaction, new, START)
        transaction.execute(sa.delete(acme_orders).where(acme_orders.c.id == made.id))
    with store.read() as connection:
        assert orders.authorizations(connection, made.id) == []
        assert connection.execute(sa.select(acme_challenges)).all() == []


def test_a_nonce_stands_there_once(store):
    row = {"nonce": "n", "expires_at": START}
    with store.write() as transaction:
        transaction.execute(sa.insert(acme_nonces).values(row))
        with pytest.raises(IntegrityError):
            transaction.execute(sa.insert(acme_nonces).values(row))
