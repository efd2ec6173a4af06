import pytest

from pgward.ca.handles.wishes import Wish
from pgward.core.errors import InvalidInputError
from tests.fixtures.authority import START
from tests.fixtures.edge_services import aware
from tests.fixtures.live_grants import give

CONFIGS = {
    "user": {"force": "reader"},
    "configs": {"own": {"user": {"fromPerson": True}, "database": {"force": "shop"}}},
    "rules": [{"match": "'dba' in ctx.user.groups", "config": "own"}],
}
CHOICE = {"user": {"allow": ["ro", "rw"], "default": "ro"}, "database": {"allow": ["a", "b"]}}


def check(world, wish: Wish, **postgres) -> None:
    """Have alice wish for something at a service."""
    world.apply(aware("wished", **postgres))
    world.read(lambda it: wish.check(it, "alice", "wished", START))


@pytest.mark.parametrize(
    ("wish", "block"),
    [
        (Wish(), {}),
        (Wish("app", "anything"), {}),
        (Wish(database="shop"), {"database": {"force": "shop"}}),
        (Wish(database="else"), {"database": {"default": "shop"}}),
        (Wish("rw", "b"), CHOICE),
        (Wish("reader"), CONFIGS),
        (Wish("alice", "shop"), CONFIGS),
        (Wish("reader", "else"), CONFIGS),
    ],
)
def test_what_some_configuration_gives_may_be_wished_for(world, wish, block):
    check(world, wish, **block)


@pytest.mark.parametrize(
    ("wish", "block", "message", "hint"),
    [
        (
            Wish("owner"),
            {},
            "everyone lands as app at wished, and not as 'owner'",
            "leave --role out",
        ),
        (
            Wish(database="stock"),
            {"database": {"force": "shop"}},
            "everyone lands in the database shop at wished, and not in 'stock'",
            "leave --database out",
        ),
        (Wish("owner"), CHOICE, "you cannot land as 'owner' at wished", "--role ro or rw"),
        (
            Wish(database="c"),
            CHOICE,
            "you cannot land in the database 'c' at wished",
            "--database a or b",
        ),
        (
            Wish("owner"),
            CONFIGS,
            "you cannot land as 'owner' at wished",
            "--role alice or reader",
        ),
    ],
)
def test_what_none_gives_is_refused_with_what_there_is(world, wish, block, message, hint):
    with pytest.raises(InvalidInputError) as caught:
        check(world, wish, **block)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_an_access_role_may_be_wished_for_while_there_is_a_grant(world):
    block = {"user": {"fromGrant": True, "allow": ["ro"]}}
    give(world.store, START, user_name="alice", service="wished", role="a_1")
    check(world, Wish("a_1"), **block)
    with pytest.raises(InvalidInputError) as caught:
        check(world, Wish("a_2"), **block)
    assert caught.value.hint == "--role a_1 or ro"
    with pytest.raises(InvalidInputError):
        check(world, Wish("a_1"), user={"allow": ["ro"]})
