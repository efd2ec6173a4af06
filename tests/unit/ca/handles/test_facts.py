from dataclasses import replace
from datetime import timedelta

import pytest

from pgward.ca.handles.facts import Asked, LoginFacts, find
from pgward.core.errors import DeniedError
from tests.fixtures.authority import START
from tests.fixtures.edge_services import aware
from tests.fixtures.live_grants import give

NOW = START + timedelta(minutes=1)


def ask(world, edge="e1", **changed) -> LoginFacts:
    asked = replace(Asked("orders", "alice", session_id=world.session.id), **changed)
    return world.read(lambda connection: find(connection, asked, edge=edge, now=NOW))


def test_a_login_session_says_its_factors(world):
    found = ask(world)
    assert found.factors == ("totp",)
    # A device that the store does not know is none.
    assert (found.device_id, found.device_approved) == (None, False)


def test_names_are_alike_in_any_case_and_sessions_are_the_persons_own(world):
    assert ask(world, user="ALICE").factors == ("totp",)
    with pytest.raises(DeniedError):
        ask(world, user="root")  # who may not use the service


@pytest.mark.parametrize("changed", [{"session_id": "x"}, {"session_id": None, "serial": "1f"}])
def test_a_login_that_is_not_known_has_no_facts(world, changed):
    assert ask(world, **changed) == LoginFacts()


def test_who_has_a_grant_is_told_of(world):
    with pytest.raises(DeniedError):
        ask(world, user="root")
    give(world.store, NOW, user_name="root", service="orders")
    assert ask(world, user="root").factors == ()


@pytest.mark.parametrize("changed", [{"service": "nowhere"}, {"user": "nobody"}])
def test_an_edge_hears_of_its_own_services_people_only(world, changed):
    with pytest.raises(DeniedError):
        ask(world, **changed)
    world.apply(aware(), edges=["e9"])
    with pytest.raises(DeniedError):
        ask(world)
