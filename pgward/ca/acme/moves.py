"""Changes of state in the store, each only as the tables of ``states`` allow."""

from typing import Any

import sqlalchemy as sa

from pgward.ca.acme import orders, states
from pgward.ca.store import Transaction
from pgward.ca.store.schema_acme import acme_authorizations, acme_challenges, acme_orders


def move_order(
    transaction: Transaction, order_id: str, target: states.Order, **values: Any
) -> bool:
    """Change an order's state if the table allows it; tell whether it did."""
    columns = acme_orders.c
    moved = (
        sa.update(acme_orders)
        .where(columns.id == order_id, columns.status.in_(states.sources(states.ORDER, target)))
        .values(status=target.value, **values)
    )
    return transaction.execute(moved).rowcount == 1


def move_authorization(
    transaction: Transaction, authorization_id: str, target: states.Authorization
) -> bool:
    """Change an authorization's state if the table allows it, and its order's with it."""
    columns = acme_authorizations.c
    allowed = states.sources(states.AUTHORIZATION, target)
    moved = (
        sa.update(acme_authorizations)
        .where(columns.id == authorization_id, columns.status.in_(allowed))
        .values(status=target.value)
    )
    if transaction.execute(moved).rowcount != 1:
        return False
    own = sa.select(columns.order_id).where(columns.id == authorization_id)
    _settle(transaction, transaction.execute(own).scalar_one())
    return True


def move_challenge(
    transaction: Transaction, challenge_id: str, target: states.Challenge, **values: Any
) -> bool:
    """Change a challenge's state if the table allows it; tell whether it did."""
    columns = acme_challenges.c
    moved = (
        sa.update(acme_challenges)
        .where(
            columns.id == challenge_id,
            columns.status.in_(states.sources(states.CHALLENGE, target)),
        )
        .values(status=target.value, **values)
    )
    return transaction.execute(moved).rowcount == 1


def expire(transaction: Transaction, order_id: str) -> None:
    """End what was left open too long."""
    open_ones = (states.Order.PENDING.value, states.Order.READY.value)
    transaction.execute(
        sa.update(acme_orders)
        .where(acme_orders.c.id == order_id, acme_orders.c.status.in_(open_ones))
        .values(status=states.Order.INVALID.value)
    )
    allowed = states.sources(states.AUTHORIZATION, states.Authorization.EXPIRED)
    transaction.execute(
        sa.update(acme_authorizations)
        .where(
            acme_authorizations.c.order_id == order_id, acme_authorizations.c.status.in_(allowed)
        )
        .values(status=states.Authorization.EXPIRED.value)
    )


def _settle(transaction: Transaction, order_id: str) -> None:
    """Have an order that waits follow its authorizations; one that is past that stays."""
    connection = transaction.connection
    order = orders.find(connection, order_id)
    if order is None or order.status not in (states.Order.PENDING, states.Order.READY):
        return
    found = orders.authorizations(connection, order_id)
    after = states.order_after(each.status for each in found)
    if after is not states.Order.PENDING:
        move_order(transaction, order_id, after)
