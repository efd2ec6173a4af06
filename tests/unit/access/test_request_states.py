import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.access import request_states
from pgward.access.request_states import ENDED, ENDING, GRANTS, REQUESTS
from pgward.core.errors import ConflictError


@pytest.mark.parametrize(
    ("act", "expected"),
    [("approve", "approved"), ("deny", "denied"), ("cancel", "cancelled"), ("lapse", "lapsed")],
)
def test_a_request_is_decided_once(act, expected):
    assert request_states.request_after("pending", act) == expected
    for again in ("approve", "deny", "cancel", "lapse"):
        with pytest.raises(ConflictError, match=f"is {expected} already"):
            request_states.request_after(expected, again)


@given(st.lists(st.sampled_from(["activate", "end", "finish"])))
def test_whatever_is_reported_a_grant_never_comes_back(acts):
    state, seen = "pending", []
    for act in acts:
        state = request_states.grant_after(state, act)
        seen.append(state)
    order = ["pending", "active", ENDING, ENDED]
    places = [order.index(each) for each in seen]
    assert places == sorted(places)


def test_every_state_that_is_reached_is_in_its_table():
    for table in (REQUESTS, GRANTS):
        assert {after for acts in table.values() for after in acts.values()} <= table.keys()
