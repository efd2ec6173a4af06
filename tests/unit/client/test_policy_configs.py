from datetime import UTC, datetime

import pytest

from pgward.client.policy_configs import Choice, Looked, choose
from pgward.policy import cel
from pgward.policy.context import Connect, Context, ServiceFacts, User
from pgward.tunnel.edge.state_postgres import read_postgres
from pgward.tunnel.preface import RefusedError
from tests.fixtures.aware_services import snapshot_block

DBA, REPORT = "'dba' in ctx.user.groups", "ctx.request.postgres.connect.application_name == 'r'"
BROKEN = "ctx.service.labels.gone == 'x'"
WRITER = {"user": {"force": "loader"}, "upstreams": [{"host": "primary", "port": 5432}]}
READER = {"user": {"fromPerson": True, "allow": ["ro"]}, "database": {"default": "shop"}}
BLOCK = {
    "user": {"force": "reader"},
    "auth": {"password": {"fromSecret": "a"}},
    "configs": {"writer": WRITER, "own": READER},
    "rules": [
        {"match": DBA, "config": "writer"},
        {"match": REPORT, "config": "own"},
    ],
}
UPSTREAM = {"host": "db1.internal", "port": 5432}


def variables(groups=(), application=""):
    context = Context(
        User("ann", groups), ServiceFacts("orders"), Connect(application_name=application)
    )
    return cel.bind(context, datetime(2026, 11, 22, tzinfo=UTC))


def chosen(block=BLOCK, upstream=UPSTREAM, **facts) -> Choice:
    return choose(block, upstream, variables(**facts))


def test_the_first_rule_that_matches_chooses():
    found = chosen(groups=("dba",), application="r")
    assert found.name == "writer"
    assert found.looked == (
        Looked("writer", DBA, "chosen"),
        Looked("own", REPORT, "not asked: chosen already"),
    )
    assert found.told() == "config writer: primary:5432; user loader; database any"
    assert found.to_json() == {
        "name": "writer",
        "problem": None,
        "upstreams": WRITER["upstreams"],
        "user": {"force": "loader"},
        "database": None,
        "recording": None,
        "rules": [
            {"config": "writer", "match": DBA, "outcome": "chosen"},
            {"config": "own", "match": REPORT, "outcome": "not asked: chosen already"},
        ],
    }


def test_a_config_takes_the_rest_from_the_block():
    found = chosen(application="r")
    assert found.block["auth"] == BLOCK["auth"]
    assert found.told() == (
        "config own: db1.internal:5432; user the person's own or ro; database any (default shop)"
    )


def test_where_none_matches_it_is_the_blocks_own():
    found = chosen()
    assert (found.name, found.refusal) == (None, None)
    assert found.told() == (
        "the service's own configuration: db1.internal:5432; user reader; database any"
    )
    assert [each.what for each in found.looked] == ["does not match", "does not match"]


@pytest.mark.parametrize("left_out", ["user", "auth"])
def test_a_block_that_is_not_whole_is_for_nobody(left_out):
    block = {name: each for name, each in BLOCK.items() if name != left_out}
    found = chosen(block)
    assert found.refusal.reason == "none of the service's configurations is for you"
    assert (found.refusal.name, found.refusal.allowed) == ("configs", False)
    assert "user" not in found.to_json()


def test_a_rule_that_cannot_be_decided_lets_nobody_in():
    rules = [{"match": BROKEN, "config": "writer"}, {"matchAny": True, "config": "own"}]
    found = chosen({**BLOCK, "rules": rules})
    assert "rule 1 of the service's configurations cannot be decided" in found.problem
    assert found.looked[0].what.startswith("fails, so nobody gets in: ")
    assert found.looked[1] == Looked("own", None, "not asked: chosen already")


def test_one_that_matches_any_needs_no_condition():
    assert chosen({**BLOCK, "rules": [{"matchAny": True, "config": "own"}]}).name == "own"
    assert chosen({"user": {"force": "a"}}).told().endswith("user a; database any")


@pytest.mark.parametrize("groups", [(), ("dba",)])
@pytest.mark.parametrize("application", ["", "r"])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("first", [DBA, BROKEN])
def test_it_is_what_an_edge_chooses(groups, application, own, first):
    rules = [{"match": first, "config": "writer"}, {"match": REPORT, "config": "own"}]
    block = {**BLOCK, "rules": rules, **({} if own else {"user": None})}
    facts = variables(groups, application)
    found = choose(block, UPSTREAM, facts)
    try:
        wanted = read_postgres(snapshot_block(block)).choose(facts).name, None
    except RefusedError as error:
        wanted = None, error.message
    assert (found.name, found.problem) == wanted
