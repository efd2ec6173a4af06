from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.resources import kinds
from pgward.ca.resources.fields import FieldsError
from pgward.client import manifest
from pgward.policy.reading import SpecError, read_spec

EXAMPLES = [
    document.value
    for document in manifest.read_path(Path("examples/policies"))
    if document.kind == "Policy"
]
DBA = "'dba' in ctx.user.groups"
RULE = {"name": "dba", "effect": "ALLOW", "condition": DBA}


def by_authority(spec):
    body = {"kind": "Policy", "metadata": {"name": "p"}, "spec": spec}
    return kinds.read("Policy", body).spec.policy("p")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each["metadata"]["name"])
def test_both_readings_come_to_the_same(example):
    assert read_spec("p", example["spec"]) == by_authority(example["spec"])


@pytest.mark.parametrize(
    "spec",
    [
        {"rules": [RULE | {"condition": {"any": [DBA, {"none": [{"matchAny": True}]}]}}]},
        {"rules": [RULE | {"priority": -3, "on": "statement", "reason": "no"}]},
        {"connect": {"default": "DENY"}},
        {"statements": {"default": "DENY", "unparsed": "ALLOW"}},
    ],
)
def test_both_readings_know_all_fields(spec):
    assert read_spec("p", spec) == by_authority(spec)


def _deep(levels):
    condition = "true"
    for _ in range(levels):
        condition = {"all": [condition]}
    return condition


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (None, "must be an object"),
        ({}, "says nothing: give rules, or a default"),
        ({"rules": []}, "says nothing: give rules, or a default"),
        ({"rules": {}}, "rules must be a list"),
        ({"rule": []}, "rule is not a field; did you mean rules?"),
        (
            {"rules": [RULE], "audit": 1},
            "audit is not a field; known are rules, connect, statements",
        ),
        ({"connect": {}}, "connect.default is missing"),
        ({"connect": {"default": "MAYBE"}}, "connect.default must be 'ALLOW' or 'DENY'"),
        ({"statements": {"defualt": "DENY"}}, "statements.defualt is not a field; did you mean"),
        ({"rules": [RULE, RULE]}, "has two rules called 'dba'"),
        ({"rules": ["true"]}, "rules[0] must be an object"),
        ({"rules": [RULE | {"effect": None}]}, "rules[0].effect is missing"),
        ({"rules": [RULE | {"name": 1}]}, "rules[0].name must be a text"),
        ({"rules": [RULE | {"priority": "1"}]}, "rules[0].priority must be a whole number"),
        ({"rules": [RULE | {"priority": True}]}, "rules[0].priority must be a whole number"),
        ({"rules": [RULE | {"on": "copy"}]}, "rules[0].on must be 'connect' or 'statement'"),
        ({"rules": [RULE | {"condition": None}]}, "rules[0].condition is missing"),
        ({"rules": [RULE | {"condition": {}}]}, "rules[0].condition must have exactly one of"),
        ({"rules": [RULE | {"condition": {"any": []}}]}, "rules[0].condition.any must be a list"),
        ({"rules": [RULE | {"condition": {"matchAny": False}}]}, "matchAny must be true"),
        ({"rules": [RULE | {"condition": _deep(5)}]}, "is nested deeper than 4"),
        (
            {"rules": [RULE | {"condition": {"any": ["true", "ctx.usr == ''"]}}]},
            "rules[0].condition.any[1] is not valid: line 1, column 4: undeclared reference",
        ),
        (
            {"rules": [RULE | {"condition": "ctx.request.postgres.statement.reads"}]},
            "(only rules with `on: statement` know it)",
        ),
    ],
)
def test_both_readings_refuse_what_is_wrong(spec, said):
    with pytest.raises(SpecError) as caught:
        read_spec("p", spec)
    assert said in caught.value.message
    with pytest.raises(FieldsError):
        by_authority(spec)


WORDS = "rules connect statements default unparsed name effect condition any all match"
_leaves = st.sampled_from([None, True, 1, "ALLOW", "DENY", "true", DBA, "x"])
_values = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS.split()), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(_values)
def test_anything_is_read_or_refused(value):
    try:
        read_spec("p", value)
    except SpecError:
        return
    assert isinstance(value, dict)
