"""The life of orders, authorizations and challenges as tables (RFC 8555 section 7.1.6)."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

_State = TypeVar("_State", bound=StrEnum)


class Order(StrEnum):
    """States of an order."""

    PENDING = "pending"
    READY = "ready"
    PROCESSING = "processing"
    VALID = "valid"
    INVALID = "invalid"


class Authorization(StrEnum):
    """States of an authorization."""

    PENDING = "pending"
    VALID = "valid"
    INVALID = "invalid"
    DEACTIVATED = "deactivated"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Challenge(StrEnum):
    """States of a challenge."""

    PENDING = "pending"
    PROCESSING = "processing"
    VALID = "valid"
    INVALID = "invalid"


class Account(StrEnum):
    """States of an account."""

    VALID = "valid"
    DEACTIVATED = "deactivated"  # by its client
    REVOKED = "revoked"  # by an administrator


ORDER: Mapping[Order, frozenset[Order]] = {
    Order.PENDING: frozenset({Order.READY, Order.INVALID}),
    Order.READY: frozenset({Order.PROCESSING, Order.INVALID}),
    Order.PROCESSING: frozenset({Order.VALID, Order.INVALID}),
    Order.VALID: frozenset(),
    Order.INVALID: frozenset(),
}
AUTHORIZATION: Mapping[Authorization, frozenset[Authorization]] = {
    Authorization.PENDING: frozenset(
        {
            Authorization.VALID,
            Authorization.INVALID,
            Authorization.DEACTIVATED,
            Authorization.EXPIRED,
        }
    ),
    Authorization.VALID: frozenset(
        {Authorization.DEACTIVATED, Authorization.EXPIRED, Authorization.REVOKED}
    ),
    Authorization.INVALID: frozenset(),
    Authorization.DEACTIVATED: frozenset(),
    Authorization.EXPIRED: frozenset(),
    Authorization.REVOKED: frozenset(),
}
CHALLENGE: Mapping[Challenge, frozenset[Challenge]] = {
    Challenge.PENDING: frozenset({Challenge.PROCESSING}),
    Challenge.PROCESSING: frozenset({Challenge.VALID, Challenge.INVALID}),
    Challenge.VALID: frozenset(),
    Challenge.INVALID: frozenset(),
}


def sources(table: Mapping[_State, frozenset[_State]], target: _State) -> tuple[str, ...]:
    """Return the states from which ``target`` may be reached, as the store writes them."""
    return tuple(state.value for state, targets in table.items() if target in targets)


def order_after(found: Iterable[str]) -> Order:
    """Return what becomes of a pending order whose authorizations are in these states."""
    states = set(found)
    if states <= {Authorization.VALID}:
        return Order.READY
    return (
        Order.PENDING if states <= {Authorization.VALID, Authorization.PENDING} else Order.INVALID
    )
