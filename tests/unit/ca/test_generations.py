from dataclasses import replace
from datetime import timedelta

import pytest

from pgward.ca.generations import Generations, State
from pgward.ca.records import CaName
from pgward.ca.standing import Standing
from pgward.core.errors import NotFoundError
from tests.fixtures.authority import START

ROLE = CaName.USER_ISSUING


@pytest.fixture
def first(hierarchies):
    return Standing.of(hierarchies).generations


def with_next(known, state=State.NEXT, **changes):
    current = known.current(ROLE)
    second = replace(current, id="user-issuing-2", state=state, **changes)
    return Generations.of([second, *known.all])


def test_there_is_one_of_each_role_at_first(first):
    assert [each.id for each in first.all] == list(CaName)
    assert {each.state for each in first.all} == {State.CURRENT}


def test_the_current_one_comes_first(first):
    known = with_next(first)
    assert known.trusted_ids(ROLE) == ("user-issuing", "user-issuing-2")
    known = with_next(first, State.PREVIOUS)
    assert known.trusted_ids(ROLE) == ("user-issuing", "user-issuing-2")
    assert known.current(ROLE).id == "user-issuing"


def test_a_retired_one_is_not_trusted_and_its_list_goes_in_time(first):
    until = START + timedelta(hours=1)
    known = with_next(first, State.RETIRED, retired_at=START, crl_until=until)
    assert known.trusted_ids(ROLE) == ("user-issuing",)
    assert [each.id for each in known.retired(ROLE)] == ["user-issuing-2"]
    assert "user-issuing-2" in [each.id for each in known.with_lists(START)]
    assert "user-issuing-2" not in [each.id for each in known.with_lists(until)]


def test_an_id_is_never_used_again(first):
    assert first.next_id(ROLE) == "user-issuing-2"
    assert with_next(first, State.RETIRED).next_id(ROLE) == "user-issuing-3"
    assert Generations(()).next_id(ROLE) == "user-issuing"


def test_the_root_of_an_issuing_ca_is_found_by_its_signature(first):
    assert first.issuer_of(first.current(ROLE)).id == "user-root"
    strange = replace(first.current(ROLE), role=CaName.SERVER_ISSUING)
    with pytest.raises(NotFoundError, match="no root of user-issuing"):
        first.issuer_of(strange)


def test_what_is_not_there_is_told(first):
    with pytest.raises(NotFoundError, match="no CA 'x'"):
        first.get("x")
    with pytest.raises(NotFoundError, match="no current user-issuing"):
        Generations(()).current(ROLE)


def test_a_digest_changes_with_a_state(first):
    assert with_next(first).digest() != with_next(first, State.PREVIOUS).digest()
    assert first.digest() == first.digest()
