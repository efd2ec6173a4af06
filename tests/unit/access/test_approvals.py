from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.access.approvals import (
    Approval,
    Demand,
    are_fulfilled,
    demands,
    is_unanswerable,
    may_decide,
)
from pgward.access.people import People, Person

DBA, OWNERS = People.of(groups=["dba"]), People.of(groups=["owners"])
DORA, OTTO = Person("dora", frozenset({"dba"})), Person("otto", frozenset({"owners"}))
BOTH = Person("both", frozenset({"dba", "owners"}))


def test_owners_are_put_in():
    found = demands(
        [Approval(DBA, integration_owner=True, count=2), Approval(resource_owner=True)],
        OWNERS,
        [People.of(["bea"]), People()],
    )
    # What nobody owns is the integration's owner's.
    assert found == (Demand(DBA | OWNERS, 2), Demand(People.of(["bea"])), Demand(OWNERS))


def test_a_demand_that_names_nobody_is_seen():
    assert is_unanswerable(demands([Approval(resource_owner=True)], People(), [People()]))
    assert not is_unanswerable(demands([Approval(DBA)], People(), []))


def test_nobody_decides_about_their_own():
    assert may_decide([Demand(DBA)], "ann", DORA)
    assert not may_decide([Demand(DBA)], "DORA", DORA)
    assert not may_decide([Demand(DBA)], "ann", OTTO)
    assert not are_fulfilled([Demand(DBA)], "Dora", [DORA])


@pytest.mark.parametrize(
    ("needed", "said_yes", "expected"),
    [
        ([], [], True),
        ([Demand(DBA)], [], False),
        ([Demand(DBA)], [DORA], True),
        ([Demand(DBA)], [OTTO], False),
        ([Demand(DBA, 2)], [DORA], False),
        ([Demand(DBA, 2)], [DORA, DORA], False),
        ([Demand(DBA, 2)], [DORA, BOTH], True),
        ([Demand(DBA), Demand(OWNERS)], [BOTH], False),
        ([Demand(DBA), Demand(OWNERS)], [BOTH, OTTO], True),
        ([Demand(DBA), Demand(OWNERS)], [BOTH, DORA], True),
        ([Demand(DBA), Demand(OWNERS)], [DORA, OTTO], True),
    ],
)
def test_each_yes_counts_for_one_demand(needed, said_yes, expected):
    for order in permutations(said_yes):
        assert are_fulfilled(needed, "ann", order) is expected


GROUPS = st.frozensets(st.sampled_from("abc"), max_size=3)


@given(
    st.lists(st.tuples(GROUPS, st.integers(1, 2)), max_size=3),
    st.lists(GROUPS, max_size=5),
)
def test_it_is_fulfilled_exactly_if_people_can_be_put_in_places(needed, people):
    asked = [Demand(People(groups=groups), count) for groups, count in needed]
    said = [Person(f"p{number}", groups) for number, groups in enumerate(people)]
    places = [each.people for each in asked for _ in range(each.count)]
    tried = permutations(said, len(places)) if len(places) <= len(said) else []
    expected = any(
        all(place.names(person) for place, person in zip(places, order, strict=True))
        for order in tried
    )
    assert are_fulfilled(asked, "ann", said) is expected
