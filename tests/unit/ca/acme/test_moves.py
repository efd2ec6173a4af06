import pytest

from pgward.ca.acme import identifiers, moves, orders, states
from pgward.ca.acme.orders import NewOrder
from tests.fixtures.authority import START

Authorization, Order, Challenge = states.Authorization, states.Order, states.Challenge


@pytest.fixture
def made(store):
    names = (identifiers.dns("a.test"), identifiers.dns("b.test"))
    with store.write() as transaction:
        return orders.create(transaction, NewOrder("acc", names, None, False, None), START)


def _status(store, made):
    with store.read() as connection:
        return orders.find(connection, made.id).status


def _move(store, made, *targets):
    with store.write() as transaction:
        return [
            moves.move_authorization(transaction, each, target)
            for each, target in zip(made.authorization_ids, targets, strict=False)
        ]


def test_an_order_is_ready_when_all_its_authorizations_are_valid(store, made):
    assert _move(store, made, Authorization.VALID) == [True]
    assert _status(store, made) is Order.PENDING
    assert _move(store, made, Authorization.VALID, Authorization.VALID) == [False, True]
    assert _status(store, made) is Order.READY


@pytest.mark.parametrize("end", [Authorization.INVALID, Authorization.DEACTIVATED])
def test_an_order_ends_with_one_of_its_authorizations(store, made, end):
    _move(store, made, Authorization.VALID, end)
    assert _status(store, made) is Order.INVALID


def test_an_order_that_is_being_issued_stays_so(store, made):
    _move(store, made, Authorization.VALID, Authorization.VALID)
    with store.write() as transaction:
        assert moves.move_order(transaction, made.id, Order.PROCESSING, finalized_at=START)
        assert not moves.move_order(transaction, made.id, Order.PROCESSING)
    assert _move(store, made, Authorization.DEACTIVATED) == [True]
    assert _status(store, made) is Order.PROCESSING


def test_a_challenge_is_decided_once(store, made):
    with store.write() as transaction:
        connection = transaction.connection
        challenge = orders.challenges(connection, made.authorization_ids[0])[0].id
        found = [
            moves.move_challenge(transaction, challenge, target)
            for target in (
                *(Challenge.VALID, Challenge.PROCESSING, Challenge.PROCESSING),
                *(Challenge.INVALID, Challenge.VALID),
            )
        ]
    assert found == [False, True, False, True, False]


def test_what_was_left_open_ends(store, made):
    _move(store, made, Authorization.VALID)
    with store.write() as transaction:
        moves.expire(transaction, made.id)
    with store.read() as connection:
        found = orders.authorizations(connection, made.id)
    assert _status(store, made) is Order.INVALID
    assert {each.status for each in found} == {Authorization.EXPIRED}
