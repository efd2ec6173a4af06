"""The whole reasoning about one question."""

from datetime import UTC, datetime

import pytest

from pgward.client import policy_answers
from pgward.client.policy_sources import Ruled
from pgward.policy.cases import read_asked
from pgward.policy.context import ServiceFacts
from pgward.policy.reading import read_spec

NOW = datetime(2026, 11, 23, tzinfo=UTC)
POLICY = read_spec(
    "p",
    {
        "rules": [
            {"name": "dba", "effect": "ALLOW", "condition": "'dba' in ctx.user.groups"},
            {
                "name": "reads",
                "effect": "ALLOW",
                "on": "statement",
                "condition": "ctx.request.postgres.statement.reads",
            },
        ],
        "statements": {"default": "DENY"},
    },
)
UPSTREAM = {"host": "db", "port": 5432}
BLOCK = {"user": {"force": "app"}, "auth": {"none": True}, "protectRole": False}


def answers(spec=None, sql="", **fields):
    asked = read_asked({"user": {"name": "ann", "groups": ["dba"]}, **fields}, now=NOW)
    found = {"postgres": BLOCK, "upstream": UPSTREAM} if spec is None else spec
    ruled = Ruled(ServiceFacts("orders"), (POLICY,), found)
    return policy_answers.answers(ruled, asked, sql)


def test_the_connection_and_each_statement_are_explained():
    found = answers(sql="select 1; delete from t")
    assert [each.decision.allowed for each in found.every] == [True, True, False]
    assert found.connection.rules[0].because == (("'dba' in ctx.user.groups", "true"),)
    assert found.is_ruled
    assert found.choice is None
    shown = found.to_json()
    assert shown["connection"]["config"] is None
    assert [each["allowed"] for each in shown["statements"]] == [True, False]


def test_what_the_service_says_itself_keeps_people_out():
    spec = {"postgres": {**BLOCK, "reasonRequired": True}, "upstream": UPSTREAM}
    found = answers(spec)
    assert (found.connection.decision.allowed, found.connection.decision.rule) == (
        False,
        "reasonRequired",
    )
    assert found.connection.rules  # the policies would have let them in


@pytest.mark.parametrize(("group", "config"), [("dba", "main"), ("other", None)])
def test_the_configuration_is_chosen_where_there_are_several(group, config):
    rules = [{"match": f"'{group}' in ctx.user.groups", "config": "main"}]
    spec = {"postgres": {"rules": rules, "configs": {"main": {**BLOCK, "upstreams": [UPSTREAM]}}}}
    found = answers(spec)
    assert found.choice is not None
    assert found.choice.name == config
    assert found.connection.decision.allowed is (config is not None)
    assert found.to_json()["connection"]["config"]["name"] == config


def test_nothing_is_said_of_statements_where_none_is_seen():
    found = answers({"mode": "tcp", "upstream": UPSTREAM}, sql="drop table t")
    assert (found.is_ruled, found.statements) == (False, ())
