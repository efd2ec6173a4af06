import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core.errors import InvalidInputError
from pgward.policy.context import On
from pgward.policy.model import Condition, Effect, How, Policy, Rule, from_snapshot, to_snapshot

MATCH = Condition(How.MATCH, "ctx.session.mfa")
NESTED = Condition(How.ANY, of=(MATCH, Condition(How.NONE, of=(MATCH,))))
RULE = Rule("r", Effect.DENY, NESTED, On.STATEMENT, 5, "not today")
POLICY = Policy("p", (RULE,), connect=Effect.ALLOW, unparsed=Effect.DENY)


def test_the_form_for_edges():
    match = {"match": "ctx.session.mfa"}
    assert to_snapshot(POLICY) == {
        "name": "p",
        "rules": [
            {
                "name": "r",
                "effect": "DENY",
                "on": "statement",
                "priority": 5,
                "condition": {"any": [match, {"none": [match]}]},
                "reason": "not today",
            }
        ],
        "defaults": {"connect": "ALLOW", "unparsed": "DENY"},
    }


@pytest.mark.parametrize("policy", [POLICY, Policy("empty"), Policy("q", (RULE, RULE))])
def test_it_survives_the_way_to_the_edge(policy):
    assert from_snapshot(json.loads(json.dumps(to_snapshot(policy)))) == policy


def test_expressions_are_found_with_their_place():
    assert list(NESTED.matches()) == [
        ("condition.any[0].match", "ctx.session.mfa"),
        ("condition.any[1].none[0].match", "ctx.session.mfa"),
    ]


def _with(**change):
    form = to_snapshot(POLICY)
    return form | {"rules": [form["rules"][0] | change]}


DEEP = {"match": "true"}
for _ in range(6):
    DEEP = {"all": [DEEP]}


@pytest.mark.parametrize(
    "form",
    [
        None,
        [],
        {},
        to_snapshot(POLICY) | {"more": 1},
        to_snapshot(POLICY) | {"name": 1},
        to_snapshot(POLICY) | {"rules": {}},
        to_snapshot(POLICY) | {"defaults": {"connect": "MAYBE"}},
        to_snapshot(POLICY) | {"defaults": {"copy": "DENY"}},
        _with(effect="allow"),
        _with(on="copy"),
        _with(priority="1"),
        _with(priority=True),
        _with(until="2027"),
        _with(condition={}),
        _with(condition={"match": "true", "any": []}),
        _with(condition={"xor": []}),
        _with(condition={"any": []}),
        _with(condition=DEEP),
        _with(reason=None),
    ],
)
def test_what_is_not_understood_is_refused(form):
    with pytest.raises(InvalidInputError, match="not understood"):
        from_snapshot(form)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "rules", "defaults", "any", "match"]), inner)
    ),
    max_leaves=12,
)


@given(_json)
def test_anything_else_is_refused_in_one_way(value):
    try:
        from_snapshot(value)
    except InvalidInputError:
        return
    assert set(value) == {"name", "rules", "defaults"}
