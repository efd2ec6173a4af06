import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca import store as stores
from pgward.ca.acts import RefusedError
from pgward.ca.handles import one_time
from pgward.ca.handles.logins import Login
from pgward.ca.identity import directory, sessions
from pgward.ca.resources import stored as resources
from pgward.ca.store.schema_secrets import one_time_passwords
from pgward.core import handles
from pgward.core.errors import ConflictError, InvalidInputError, NotFoundError
from tests.fixtures.authority import START
from tests.fixtures.edge_services import aware

MINUTE = timedelta(minutes=1)
TOLD = r"^the login does not count \(unknown, used or expired\)$"


def create(world, service="orders", now=START):
    return world.write(lambda it: one_time.create(it, world.session, service, now=now))


def redeem(world, text, *, edge="e1", service=None, now=START):
    digest = one_time.digest(text)
    return world.write(lambda it: one_time.redeem(it, digest, edge=edge, service=service, now=now))


def refusal(world, text, **options):
    with pytest.raises(RefusedError, match=TOLD) as caught:
        redeem(world, text, **options)
    return caught.value.why


def test_it_tells_who_comes_once(world):
    text, expires_at = create(world)
    assert handles.read(text).text == text
    assert expires_at == START + 5 * MINUTE
    session = world.session
    ends = session.expires_at
    expected = Login("alice", "orders", session.id, ends, "password", ("totp",), "d1")
    assert redeem(world, text, service="orders") == expected
    assert refusal(world, text) == (
        "the one-time password was used already, at e1: alice for orders"
    )


def test_the_store_knows_only_a_hash(world):
    text, _ = create(world)
    row = world.read(lambda it: it.execute(sa.select(one_time_passwords)).one())
    assert text not in str(row)
    assert text.removeprefix("otp-") not in str(row)


def test_it_ends_after_five_minutes_whatever_the_clock_does(world):
    text, _ = create(world)
    expected = "the one-time password has expired: alice for orders"
    assert refusal(world, text, now=START + 5 * MINUTE) == expected
    assert refusal(world, text, now=START + 60 * MINUTE) == expected
    # A clock that was put back lets it in again for what was left, and no more than once.
    assert redeem(world, text, now=START - MINUTE).user == "alice"
    assert refusal(world, text, now=START - 2 * MINUTE).startswith("the one-time password was used")


def test_it_ends_with_its_login_session_at_the_latest(world):
    almost = world.session.expires_at - MINUTE
    text, expires_at = create(world, now=almost)
    assert expires_at == world.session.expires_at
    assert refusal(world, text, now=expires_at) == (
        "the one-time password has expired: alice for orders"
    )


def end_session(world):
    world.write(lambda it: sessions.end(it, "logout", now=START, user="alice"))


def block(world):
    world.write(lambda it: directory.block(it, "alice", reason="left", now=START))


def leave(world):
    world.write(lambda it: directory.change_groups(it, "alice", []))


def drop(world):
    world.write(lambda it: resources.delete(it, "Service", "orders", now=START, by="root"))


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (end_session, "the login session was ended: alice for orders"),
        (block, "the account is blocked, has ended or was removed: alice for orders"),
        (leave, "the service is for others now: alice for orders"),
        (drop, "the service is gone: alice for orders"),
        (
            lambda world: world.apply(aware(), edges=["e2"]),
            "this edge does not serve it: alice for orders",
        ),
        (
            lambda world: world.apply(aware(login={"otp": False})),
            "the service does not take these any more: alice for orders",
        ),
    ],
)
def test_what_happened_since_counts_and_does_not_use_it_up(world, act, why):
    text, _ = create(world)
    act(world)
    assert refusal(world, text) == why
    unused = sa.select(one_time_passwords.c.used_at)
    assert world.read(lambda it: it.execute(unused).scalar_one()) is None


def test_another_service_of_the_same_name_is_another_service(world):
    text, _ = create(world, now=START - MINUTE)
    assert refusal(world, text) == "the service is gone: alice for orders"


def test_it_is_for_one_service(world):
    world.apply(aware("stock"))
    text, _ = create(world)
    assert refusal(world, text, service="stock") == (
        "the one-time password is not for stock: alice for orders"
    )
    assert redeem(world, text, service="orders").service == "orders"


def test_a_guess_is_unknown(world):
    assert refusal(world, handles.new_one_time()) == "the one-time password is unknown"


def test_it_is_made_only_for_what_one_may_use(world):
    for name in ("none", "others"):
        with pytest.raises(NotFoundError, match=f"there is no service '{name}' for you"):
            create(world, name)
    world.apply(aware("others"), allow={"users": ["bob"]})
    with pytest.raises(NotFoundError, match="there is no service 'others' for you"):
        create(world, "others")
    with pytest.raises(InvalidInputError, match=r"^the service plain takes no one-time passwords$"):
        create(world, "plain")
    world.apply(aware("strict", login={"otp": False}))
    with pytest.raises(InvalidInputError):
        create(world, "strict")


def test_nobody_hoards_them(world):
    made = [create(world)[0] for _ in range(one_time.MOST)]
    with pytest.raises(ConflictError, match="you have 20 one-time passwords that are not used"):
        create(world)
    redeem(world, made[0])
    create(world)
    assert create(world, now=START + 5 * MINUTE)


def test_of_several_who_ask_at_once_one_wins(world, tmp_path):
    """Each asks by a store of its own, as replicas do."""
    text, _ = create(world)
    others = [stores.open_store(f"sqlite:///{tmp_path / 'ca.db'}") for _ in range(4)]
    ready = threading.Barrier(len(others))
    outcomes = []

    def ask(store, edge):
        ready.wait()
        try:
            with store.write() as transaction:
                one_time.redeem(
                    transaction, one_time.digest(text), edge=edge, service=None, now=START
                )
            outcomes.append(edge)
        except RefusedError as error:
            outcomes.append(error.why)

    threads = [
        threading.Thread(target=ask, args=(store, f"e{number}"))
        for number, store in enumerate(others)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for store in others:
        store.close()
    (winner,) = [each for each in outcomes if each.startswith("e")]
    lost = f"the one-time password was used already, at {winner}: alice for orders"
    assert sorted(outcomes) == sorted([winner, *[lost] * 3])
