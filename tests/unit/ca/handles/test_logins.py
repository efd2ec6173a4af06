from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.acts import RefusedError
from pgward.ca.handles import logins, tokens
from pgward.ca.identity import directory, sessions
from pgward.ca.store.schema import login_sessions
from pgward.core.errors import NotFoundError
from tests.fixtures.authority import START
from tests.fixtures.edge_services import aware
from tests.fixtures.live_grants import give

HOUR = timedelta(hours=1)


def over(world, *, session_ids=None, token_ids=(), now=START):
    asked = [world.session.id] if session_ids is None else session_ids
    return world.read(lambda it: logins.over(it, asked, token_ids, now))


def test_what_goes_on_is_not_over_not_even_when_its_time_is(world):
    assert over(world) == {}
    assert over(world, now=START + 1000 * HOUR) == {}


def test_what_was_ended_is_over(world):
    world.write(lambda it: sessions.end(it, "logout", now=START, user="alice"))
    assert over(world) == {world.session.id: "the login session was ended"}


def test_of_who_is_gone_everything_is_over(world):
    world.write(lambda it: directory.block(it, "alice", reason="left", now=START))
    gone = "the account is blocked, has ended or was removed"
    assert over(world) == {world.session.id: gone}
    world.write(lambda it: directory.unblock(it, "alice"))
    assert over(world) == {}


def test_what_is_not_known_any_more_is_over(world):
    world.write(lambda it: it.execute(sa.delete(login_sessions)))
    unknown = "it is not known any more"
    asked = [world.session.id, "x"]
    assert over(world, session_ids=asked, token_ids=["tk-x"]) == dict.fromkeys(
        [*asked, "tk-x"], unknown
    )


def test_a_token_is_over_when_it_was_revoked_and_not_by_time(world):
    made = world.write(
        lambda it: tokens.create(it, world.session, "orders", lifetime=HOUR, now=START)
    )
    assert over(world, token_ids=[made.id], now=START + 2 * HOUR) == {}
    world.write(lambda it: tokens.revoke(it, "alice", made.id, now=START, by="root"))
    assert over(world, token_ids=[made.id]) == {made.id: "the token was revoked"}


def test_by_a_grant_one_may_ask_and_come_until_it_ends(world):
    world.apply(aware(), allow={"users": ["bob"]})

    def offered(now=START):
        world.read(lambda it: logins.check_offered(it, world.session.user, "orders", "otp", now))

    def comes(now):
        claim = logins.Claim("alice", "orders", world.session.id, START)
        return world.read(lambda it: logins.check(it, claim, edge="e1", way="otp", now=now))

    with pytest.raises(NotFoundError):
        offered()
    give(world.store, START, user_name="alice", service="orders")
    offered()
    assert comes(START).user == "alice"
    with pytest.raises(RefusedError) as caught:
        comes(START + HOUR)
    assert caught.value.why == "the service is for others now: alice for orders"
    with pytest.raises(NotFoundError):
        offered(START + HOUR)
