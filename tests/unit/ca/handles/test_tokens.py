from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.acts import RefusedError
from pgward.ca.handles import tokens
from pgward.ca.handles.tokens import Listed
from pgward.ca.identity import directory, sessions
from pgward.ca.store.schema_secrets import access_tokens
from pgward.core import handles
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError
from tests.fixtures.authority import START
from tests.fixtures.edge_services import aware

HOUR = timedelta(hours=1)


def create(world, service="orders", *, hours=8, now=START):
    lifetime = hours * HOUR
    return world.write(
        lambda it: tokens.create(it, world.session, service, lifetime=lifetime, now=now)
    )


def find(world, token_id, *, edge="e1", now=START):
    return world.read(lambda it: tokens.find(it, token_id, edge=edge, now=now))


def refusal(world, token_id, **options):
    with pytest.raises(RefusedError, match=r"^the login does not count") as caught:
        find(world, token_id, **options)
    return caught.value.why


def test_an_edge_learns_whose_it_is_and_what_checks_its_secret(world):
    made = create(world)
    assert handles.read(f"app~{made.id}").text == made.id
    assert made.secret.startswith("pgt1.")
    found = find(world, made.id)
    assert (found.login.user, found.login.service) == ("alice", "orders")
    assert found.verifier.startswith("SCRAM-SHA-256$4096:")
    assert found.expires_at == made.expires_at == START + 8 * HOUR
    row = world.read(lambda it: it.execute(sa.select(access_tokens)).one())
    assert made.secret not in f"{row}{made!r}{found!r}"
    assert found.verifier not in repr(found)


def test_two_of_the_same_person_have_nothing_in_common(world):
    one, other = create(world), create(world)
    assert one.id != other.id
    assert one.secret != other.secret
    assert find(world, one.id).verifier != find(world, other.id).verifier


def test_it_ends_in_its_time_and_with_its_login_session(world):
    made = create(world, hours=2)
    assert refusal(world, made.id, now=START + 2 * HOUR) == (
        "the token has expired: alice for orders"
    )
    long = create(world, hours=100)
    assert long.expires_at == world.session.expires_at
    world.write(lambda it: sessions.end(it, "logout", now=START, user="alice"))
    assert refusal(world, long.id) == "the login session was ended: alice for orders"


def test_who_is_blocked_comes_by_none(world):
    made = create(world)
    world.write(lambda it: directory.block(it, "alice", reason="left", now=START))
    assert refusal(world, made.id).startswith("the account is blocked")


def test_an_edge_that_does_not_serve_it_learns_nothing(world):
    made = create(world)
    world.apply(aware(), edges=["e2"])
    assert refusal(world, made.id) == "this edge does not serve it: alice for orders"
    assert find(world, made.id, edge="e2").login.user == "alice"
    world.apply(aware(login={"token": False}))
    assert refusal(world, made.id).startswith("the service does not take these")


def test_a_guess_is_unknown(world):
    assert refusal(world, handles.new_token_id()) == "the token is unknown"


def test_it_is_revoked_by_its_owner(world):
    made = create(world)
    with pytest.raises(NotFoundError):
        world.write(lambda it: tokens.revoke(it, "bob", made.id, now=START, by="bob"))

    def revoke(transaction):
        tokens.revoke(transaction, "alice", made.id, now=START, by="alice")
        return transaction.has_changed

    assert world.write(revoke)
    assert refusal(world, made.id) == "the token was revoked: alice for orders"
    assert world.read(lambda it: tokens.living(it, "alice", START)) == []
    with pytest.raises(NotFoundError, match="there is no token"):
        world.write(revoke)


def test_its_owner_sees_when_and_from_where_it_was_used(world):
    made = create(world)
    found = find(world, made.id)
    assert not tokens.is_seen_lately(found, START)
    world.write(lambda it: tokens.seen(it, found, "192.0.2.1", START))
    again = find(world, made.id)
    assert tokens.is_seen_lately(again, START + timedelta(seconds=59))
    assert not tokens.is_seen_lately(again, START + timedelta(seconds=61))
    ends = START + 8 * HOUR
    expected = Listed(made.id, "orders", START, ends, START, "192.0.2.1")
    assert world.read(lambda it: tokens.living(it, "alice", START)) == [expected]
    assert world.read(lambda it: tokens.living(it, "alice", ends)) == []


def test_it_is_made_only_for_what_one_may_use_and_not_without_end(world):
    with pytest.raises(NotFoundError):
        create(world, "none")
    with pytest.raises(InvalidInputError, match=r"^the service plain takes no tokens$"):
        create(world, "plain")
    for _ in range(tokens.MOST):
        create(world)
    with pytest.raises(ConflictError, match="you have 50 tokens"):
        create(world)
