from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.acts import RefusedError
from pgward.ca.handles import minting
from pgward.ca.handles.minting import Grounds, Wanted
from pgward.ca.identity import directory, sessions
from pgward.ca.store.schema import certificates
from tests.fixtures.authority import START
from tests.fixtures.edge_services import aware
from tests.fixtures.live_grants import give
from tests.fixtures.sessions import new_session

HOUR = timedelta(hours=1)
ASKED = Wanted("orders", "alice", "app", None, None)


@pytest.fixture(autouse=True)
def minted(world):
    world.apply(aware(secret=None))


def find(world, wanted=ASKED, *, edge="e1", now=START):
    return world.read(lambda it: minting.find(it, wanted, edge=edge, now=now))


def refusal(world, wanted=ASKED, **options):
    with pytest.raises(RefusedError, match=r"^no certificate is minted$") as caught:
        find(world, wanted, **options)
    return caught.value.why


def grounds(world, session=None):
    session = session or world.session
    return Grounds("alice", session.id, session.expires_at, timedelta(minutes=5))


def test_the_login_session_is_the_ground(world):
    assert find(world) == grounds(world)
    assert find(world, replace(ASKED, session_id=world.session.id)) == grounds(world)
    assert find(world, replace(ASKED, user="ALICE")) == grounds(world)


def test_without_a_name_it_is_the_newest(world):
    later, _ = world.write(
        lambda it: sessions.start(it, new_session(world.session.user), now=START + HOUR)
    )
    assert find(world, now=START + HOUR) == grounds(world, later)
    assert find(world, replace(ASKED, session_id=world.session.id)) == grounds(world)


def certificate(world, serial="abc", **values):
    row = {
        "serial": serial,
        "ca": "user-issuing",
        "kind": "person",
        "subject": "alice",
        "state": "issued",
        "dns": [],
        "ips": [],
        "session_id": world.session.id,
        "key_sha256": "0" * 64,
        "not_before": START,
        "not_after": START + HOUR,
        "created_at": START,
    }
    world.write(lambda it: it.execute(sa.insert(certificates).values(row | values)))


def test_a_login_certificate_tells_of_its_session(world):
    certificate(world)
    asked = replace(ASKED, serial="abc")
    assert find(world, asked) == grounds(world)
    certificate(world, "other", subject="bob")
    certificate(world, "machine", kind="edge")
    certificate(world, "minted", kind="minted")
    for serial in ("other", "machine", "minted", "none"):
        assert refusal(world, replace(ASKED, serial=serial)) == (
            "that is no login certificate of this person"
        )
    certificate(world, "bad", state="revoked", revoked_at=START)
    assert refusal(world, replace(ASKED, serial="bad")) == "the certificate is revoked"
    world.write(lambda it: sessions.end(it, "logout", now=START, user="alice"))
    assert refusal(world, asked) == "the login session was ended"


def test_who_is_not_logged_in_gets_none(world):
    assert refusal(world, now=world.session.expires_at) == "the person is not logged in"
    someone = replace(ASKED, session_id="0" * 32)
    assert refusal(world, someone) == "the login session was ended"


def test_another_persons_session_is_no_ground(world):
    world.write(
        lambda it: directory.add(it, directory.NewUser("bob", groups=["dba"]), now=START, by="root")
    )
    asked = replace(ASKED, user="bob", session_id=world.session.id)
    assert refusal(world, asked) == "the login session was ended"


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (
            lambda world: world.write(
                lambda it: directory.block(it, "alice", reason="left", now=START)
            ),
            "the account is blocked, has ended or was removed",
        ),
        (
            lambda world: world.write(lambda it: directory.change_groups(it, "alice", [])),
            "the service is not for this person",
        ),
        (
            lambda world: world.apply(aware(secret=None), edges=["e2"]),
            "this edge serves no such service",
        ),
        (lambda world: world.apply(aware()), "the service does not log in by certificates"),
    ],
)
def test_what_an_edge_may_not_do_is_refused(world, act, why):
    act(world)
    assert refusal(world) == why


@pytest.mark.parametrize(
    ("user", "roles", "others"),
    [
        ({"force": "app"}, ["app"], ["postgres", "alice", ""]),
        ({"allow": ["ro", "rw"], "default": "guest"}, ["ro", "rw", "guest"], ["alice", "app"]),
        ({"allow": ["ro"], "fromPerson": True}, ["ro", "alice"], ["bob", "ALICE"]),
        ({"fromPerson": True, "stripDomain": "example.com"}, [], ["alice", "app"]),
    ],
)
def test_an_edge_gets_one_for_roles_of_the_service_only(world, user, roles, others):
    world.apply(aware(secret=None, user=user))
    for role in roles:
        assert find(world, replace(ASKED, role=role)) == grounds(world)
    for role in others:
        why = refusal(world, replace(ASKED, role=role))
        assert why == "the service lets this person not be that role"


def test_a_role_of_a_configuration_with_a_password_gets_none(world):
    reader = {"user": {"force": "reader"}, "auth": {"password": {"fromSecret": "db"}}}
    other = {"user": {"force": "admin"}}
    rules = [{"match": "true", "config": "reader"}, {"matchAny": True, "config": "other"}]
    world.apply(aware(secret=None, configs={"reader": reader, "other": other}, rules=rules))
    assert find(world, replace(ASKED, role="admin")) == grounds(world)
    assert refusal(world, replace(ASKED, role="reader")).endswith("not be that role")


def test_a_service_of_another_mode_or_none_mints_nothing(world):
    assert refusal(world, replace(ASKED, service="plain")) == (
        "the service does not log in by certificates"
    )
    assert refusal(world, replace(ASKED, service="none")) == "this edge serves no such service"
    assert refusal(world, replace(ASKED, user="nobody")).startswith("the account is blocked")


# --- by a grant ---------------------------------------------------------------------------


@pytest.fixture
def by_grant(world):
    """Have alice use a service by a grant of three minutes alone, as the role a_1."""
    world.apply(aware(secret=None, user={"fromGrant": True, "allow": ["ro"]}), allow={})
    ends = START + timedelta(minutes=3)
    give(world.store, START, user_name="alice", service="orders", role="a_1", ends_at=ends)


@pytest.mark.usefixtures("by_grant")
def test_it_is_for_the_access_role_no_longer_than_the_grant(world):
    found = find(world, replace(ASKED, role="a_1"))
    assert found == replace(grounds(world), lifetime=timedelta(minutes=3))
    assert find(world, replace(ASKED, role="ro")).lifetime == timedelta(minutes=3)
    assert refusal(world, replace(ASKED, role="a_2")) == (
        "the service lets this person not be that role"
    )
    late = START + timedelta(minutes=3)
    assert refusal(world, replace(ASKED, role="a_1"), now=late) == (
        "the service is not for this person"
    )


@pytest.mark.usefixtures("by_grant")
def test_who_may_come_anyhow_is_a_role_of_the_service_for_as_long_as_it_says(world):
    world.apply(
        aware(secret=None, user={"fromGrant": True, "allow": ["ro"]}), allow={"users": ["alice"]}
    )
    assert find(world, replace(ASKED, role="ro")).lifetime == timedelta(minutes=5)
    assert find(world, replace(ASKED, role="a_1")).lifetime == timedelta(minutes=3)
    late = START + timedelta(minutes=3)
    assert refusal(world, replace(ASKED, role="a_1"), now=late) == (
        "the service lets this person not be that role"
    )
