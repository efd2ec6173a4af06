import pytest

from pgward.ca.resources import kinds
from pgward.ca.resources.fields import FieldsError
from pgward.policy.context import On
from pgward.policy.model import Condition, Effect, How, Policy, Rule, from_snapshot

DBA = "'dba' in ctx.user.groups"
RULE = {"name": "dba", "effect": "ALLOW", "condition": DBA}


def read(**spec):
    body = {"kind": "Policy", "metadata": {"name": "p1"}, "spec": spec}
    return kinds.read("Policy", body).spec


def wrong(**spec):
    with pytest.raises(FieldsError) as caught:
        read(**spec)
    return {field.path: field.message for field in caught.value.fields}


def wrong_rule(**change):
    return wrong(rules=[RULE | change])


def test_a_full_policy_is_read():
    nested = {"any": [DBA, {"none": ["ctx.session.mfa", {"all": [{"matchAny": True}]}]}]}
    kind = "ctx.request.postgres.statement.kind == 'DELETE'"
    rules = [
        {"name": "r1", "effect": "ALLOW", "condition": nested, "priority": -5},
        {
            "name": "r2",
            "effect": "DENY",
            "on": "statement",
            "condition": {"match": kind},
            "reason": "no deletes",
        },
    ]
    statements = {"default": "DENY", "unparsed": "ALLOW"}
    spec = read(rules=rules, connect={"default": "ALLOW"}, statements=statements)
    everybody = Condition(How.ALL, of=(Condition(How.MATCH, "true"),))
    none = Condition(How.NONE, of=(Condition(How.MATCH, "ctx.session.mfa"), everybody))
    expected = Policy(
        "p1",
        (
            Rule(
                "r1",
                Effect.ALLOW,
                Condition(How.ANY, of=(Condition(How.MATCH, DBA), none)),
                priority=-5,
            ),
            Rule(
                "r2",
                Effect.DENY,
                Condition(How.MATCH, kind),
                on=On.STATEMENT,
                reason="no deletes",
            ),
        ),
        connect=Effect.ALLOW,
        statements=Effect.DENY,
        unparsed=Effect.ALLOW,
    )
    assert spec.policy("p1") == expected
    assert from_snapshot(spec.to_snapshot("p1")) == expected


def test_what_is_stored_can_be_read_again():
    spec = read(rules=[RULE])
    stored = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert stored["rules"][0]["condition"] == {"match": DBA}
    assert read(**stored) == spec


@pytest.mark.parametrize(
    ("change", "path", "said"),
    [
        ({"effect": "allow"}, "spec.rules[0].effect", "must be 'ALLOW' or 'DENY'"),
        ({"condition": "ctx.usr.name == ''"}, "spec.rules[0].condition.match", "ctx.user.name?"),
        ({"condition": "ctx.user.name"}, "spec.rules[0].condition.match", "of type string"),
        (
            {"condition": {"any": ["true", "1 +"]}},
            "spec.rules[0].condition.any[1].match",
            "line 1, column 4",
        ),
        ({"condition": {}}, "spec.rules[0].condition", "exactly one of"),
        ({"condition": {"any": []}}, "spec.rules[0].condition.any", "at least 1"),
        ({"condition": {"match": "true", "all": ["true"]}}, "spec.rules[0].condition", "exactly"),
        ({"condition": {"matchAny": False}}, "spec.rules[0].condition.matchAny", "must be true"),
        ({"condition": {"anny": ["true"]}}, "spec.rules[0].condition.anny", "did you mean any"),
        ({"priority": 1001}, "spec.rules[0].priority", "at most 1000"),
        ({"reason": "no\nway"}, "spec.rules[0].reason", "one line"),
        ({"on": "query"}, "spec.rules[0].on", "'connect' or 'statement'"),
        ({"efect": "DENY"}, "spec.rules[0].efect", "did you mean effect?"),
    ],
)
def test_wrong_fields_of_a_rule_are_named(change, path, said):
    assert said in wrong_rule(**change)[path]


def test_a_rule_on_connections_cannot_look_at_statements():
    said = wrong_rule(condition={"any": ["ctx.request.postgres.statement.reads"]})
    assert said == {
        "spec.rules[0]": "has a wrong condition.any[0].match: line 1, column 31: undeclared"
        " reference to 'ctx.request.postgres.statement.reads'"
        " (only rules with `on: statement` know it)"
    }


def test_conditions_are_not_nested_without_end():
    deep = "true"
    for _ in range(5):
        deep = {"all": [deep]}
    assert wrong_rule(condition=deep) == {
        "spec.rules[0]": "has a condition that is nested deeper than 4"
    }


def test_a_policy_says_something_once():
    assert wrong() == {"spec": "says nothing: give rules, or a default"}
    assert wrong(rules=[RULE, RULE]) == {"spec": "has two rules called 'dba'"}


def test_a_policy_is_bounded():
    many = [RULE | {"name": f"r{n}", "condition": {"any": ["true"] * 50}} for n in range(11)]
    assert wrong(rules=many) == {"spec": "has more than 500 expressions"}
