from datetime import UTC, datetime

import pytest

from pgward.client.policy_sources import Ruled
from pgward.policy import cel
from pgward.policy.context import Connect, Context, ServiceFacts, Session, User
from pgward.policy.rules import Decision
from pgward.tunnel.edge.landing import landing
from pgward.tunnel.edge.state_postgres import read_postgres
from pgward.tunnel.preface import RefusedError
from tests.fixtures.aware_services import snapshot_block

NOW = datetime(2026, 11, 22, tzinfo=UTC)
UPSTREAM = {"host": "db1.internal", "port": 5432}
BLOCK = {"user": {"force": "app"}, "auth": {"password": {"fromSecret": "a"}}}


def context(person="ann", user="", database="", reason="", grants=()):
    connect = Connect(user=user, database=database)
    return Context(
        User(person, grants=grants), ServiceFacts("orders"), connect, session=Session(reason=reason)
    )


def refusal(block, **asked) -> Decision | None:
    ruled = Ruled(ServiceFacts("orders"), (), {"upstream": UPSTREAM, "postgres": BLOCK | block})
    return ruled.unlanded(context(**asked), NOW)


def test_who_lands_is_not_refused():
    assert refusal({}, user="postgres", database="postgres") is None
    assert refusal({"database": {"allow": ["shop"], "default": "shop"}}) is None


@pytest.mark.parametrize(
    ("block", "asked", "rule", "reason"),
    [
        ({"reasonRequired": True}, {}, "reasonRequired", "this service asks why you connect"),
        ({"user": {"allow": ["a"]}}, {"user": "b"}, "user", "you may not connect as the user 'b'"),
        (
            {"database": {"allow": ["shop"]}},
            {"database": "dev"},
            "database",
            "you may not connect to the database 'dev'",
        ),
    ],
)
def test_who_does_not_is_told_why(block, asked, rule, reason):
    assert refusal(block, **asked) == Decision(allowed=False, rule=rule, reason=reason)


def test_who_says_why_is_let_in():
    assert refusal({"reasonRequired": True}, reason="TICKET-7") is None


@pytest.mark.parametrize(
    "role",
    [
        {"force": "app"},
        {"allow": ["app", "ro"], "default": "ro"},
        {"allow": ["app", "ro"]},
        {"fromPerson": True},
        {"fromPerson": True, "allow": ["ro"]},
        {"fromPerson": True, "stripDomain": "example.com"},
        {"fromPerson": True, "stripDomain": "example.com", "allow": ["ro"]},
        {"fromGrant": True},
        {"fromGrant": True, "allow": ["ro"], "default": "ro"},
    ],
)
@pytest.mark.parametrize(
    "place",
    [
        None,
        {"force": "shop"},
        {"default": "shop"},
        {"allow": ["shop", "ro"], "default": "shop"},
        {"allow": ["shop", "ro"]},
    ],
)
@pytest.mark.parametrize("person", ["ann", "ann@example.com"])
@pytest.mark.parametrize("grants", [(), ("shop-reading",)])
def test_it_is_what_an_edge_says(role, place, person, grants):
    block = BLOCK | {"user": role} | ({} if place is None else {"database": place})
    for user in ("", "ann", "ann@example.com", "app", "ro", "postgres"):
        for database in ("", "shop", "ro", "ann", "dev"):
            found = refusal(block, person=person, user=user, database=database, grants=grants)
            asked = {"user": user, "database": database}
            said = edge_says(block, asked, person, person if grants else None)
            assert (found and found.reason.split(" (")[0]) == said


def edge_says(block, asked, person, granted) -> str | None:
    config = read_postgres(snapshot_block(block)).choose(cel.bind(context(person, **asked), NOW))
    try:
        landing(config, asked, person, granted=granted)
    except RefusedError as error:
        return error.message
    return None
