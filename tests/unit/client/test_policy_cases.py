"""Cases of a PolicyTest, decided."""

from datetime import UTC, datetime

import pytest

from pgward.client import policy_cases
from pgward.client.manifest import Document
from pgward.client.policy_cases import Result
from pgward.client.policy_sources import Sources
from pgward.policy.cases import read_test
from pgward.policy.reading import SpecError

NOW = datetime(2026, 11, 23, tzinfo=UTC)
RULE = {"name": "dba", "effect": "ALLOW", "condition": "'dba' in ctx.user.groups"}
POLICY = {"kind": "Policy", "metadata": {"name": "p"}, "spec": {"rules": [RULE]}}
SERVICE = {
    "kind": "Service",
    "metadata": {"name": "s"},
    "spec": {"postgres": {"policies": ["p"], "reasonRequired": True}},
}
SOURCES = Sources([Document("f", each, 1, {}) for each in (POLICY, SERVICE)])
ANN = {"name": "a dba", "user": {"name": "ann", "groups": ["dba"]}, "expect": "ALLOW"}
BOB = {"name": "bob", "user": "bob", "expect": "ALLOW"}


@pytest.mark.parametrize("about", [{}, {"policies": ["p"]}])
def test_each_case_is_compared_with_what_it_expects(about):
    test = read_test({**about, "cases": [ANN, BOB]})
    ruled = policy_cases.subject(test, SOURCES)
    found = list(policy_cases.results(ruled, policy_cases.read(test, ruled, NOW)))
    assert found == [
        Result("a dba", None),
        Result("bob", "expected ALLOW, but denied by the default of policy p"),
    ]


def test_a_service_says_something_itself():
    test = read_test({"service": "s", "cases": [ANN]})
    ruled = policy_cases.subject(test, SOURCES)
    assert ruled.facts.name == "s"
    (found,) = policy_cases.results(ruled, policy_cases.read(test, ruled, NOW))
    assert found.problem == "expected ALLOW, but denied by reasonRequired of the service"


def test_a_rule_that_is_nowhere_is_told():
    test = read_test({"cases": [ANN | {"rule": "dbb"}]})
    ruled = policy_cases.subject(test, SOURCES)
    with pytest.raises(SpecError, match="did you mean"):
        policy_cases.read(test, ruled, NOW)
