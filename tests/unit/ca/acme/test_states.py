import pytest

from pgward.ca.acme import states
from pgward.ca.acme.states import Authorization, Challenge, Order


def test_every_state_has_its_row():
    assert set(states.ORDER) == set(Order)
    assert set(states.AUTHORIZATION) == set(Authorization)
    assert set(states.CHALLENGE) == set(Challenge)


def test_what_is_over_stays_over():
    assert {state for state, targets in states.ORDER.items() if not targets} == {
        Order.VALID,
        Order.INVALID,
    }
    assert {state for state, targets in states.CHALLENGE.items() if not targets} == {
        Challenge.VALID,
        Challenge.INVALID,
    }


def test_where_a_state_is_reached_from():
    assert states.sources(states.ORDER, Order.VALID) == ("processing",)
    assert states.sources(states.ORDER, Order.INVALID) == ("pending", "ready", "processing")
    assert states.sources(states.AUTHORIZATION, Authorization.VALID) == ("pending",)


@pytest.mark.parametrize(
    ("found", "after"),
    [
        (["valid", "valid"], Order.READY),
        (["valid", "pending"], Order.PENDING),
        (["pending", "invalid"], Order.INVALID),
        (["valid", "deactivated"], Order.INVALID),
        (["expired"], Order.INVALID),
    ],
)
def test_an_order_follows_its_authorizations(found, after):
    assert states.order_after(found) is after
