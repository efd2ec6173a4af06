from dataclasses import replace

import pytest

from pgward.ca.acts import RefusedError
from pgward.ca.handles import access_passwords
from pgward.ca.handles.access_passwords import Grounds
from pgward.ca.handles.minting import Wanted
from pgward.ca.identity import directory
from tests.fixtures.authority import START
from tests.fixtures.edge_services import aware
from tests.fixtures.live_grants import give

ASKED = Wanted("orders", "alice", "jit_alice", None, None)
FROM_GRANT = {"user": {"fromGrant": True}, "auth": {"password": {"fromGrant": True}}}


def serve(world, postgres=FROM_GRANT, **spec):
    world.apply(aware(secret=None, **postgres), **{"integration": "shop-db", **spec})


@pytest.fixture
def granted(world):
    serve(world)
    own = {"user_name": "alice", "service": "orders", "role": "jit_alice"}
    give(world.store, START, **own)
    return world


def find(world, wanted=ASKED, **options):
    given = {"edge": "e1", "now": START, **options}
    return world.read(lambda it: access_passwords.find(it, wanted, **given))


def refusal(world, wanted=ASKED, **options):
    with pytest.raises(RefusedError, match=r"^no password is given$") as caught:
        find(world, wanted, **options)
    return caught.value.why


def test_a_grant_and_a_login_are_the_grounds(granted):
    expected = Grounds("alice", granted.session.id, "shop-db", "jit_alice")
    assert find(granted) == expected
    assert find(granted, replace(ASKED, session_id=granted.session.id)) == expected


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"service": "gone"}, "this edge serves no such service"),
        ({"role": "jit_bob"}, "the person has no such access role now"),
        ({"user": "bob"}, "the account is blocked, has ended or was removed"),
        ({"session_id": "0" * 32}, "the login session was ended"),
        ({"serial": "abc"}, "that is no login certificate of this person"),
    ],
)
def test_nobody_gets_what_is_anothers(granted, change, why):
    assert refusal(granted, replace(ASKED, **change)) == why


def test_it_ends_with_the_grant_and_with_the_person(granted):
    over = granted.session.expires_at
    assert refusal(granted, now=over) == "the person is not logged in"
    granted.write(lambda it: directory.block(it, "alice", reason="left", now=START))
    assert refusal(granted) == "the account is blocked, has ended or was removed"


def test_it_is_for_edges_that_serve_the_service(granted):
    serve(granted, edges=["e2"])
    assert refusal(granted) == "this edge serves no such service"


def test_a_service_of_another_kind_or_server_gives_none(granted):
    serve(granted, integration="other")
    assert refusal(granted) == "the access role is on another server"
    serve(granted, {})
    assert refusal(granted) == "the service does not log in by passwords of grants"
