"""Rules tried out on somebody, with all that the authority knows of them."""

import pytest

from pgward.ca import explanation
from pgward.ca.explanation import Question
from pgward.core.errors import InvalidInputError, NotFoundError
from tests.fixtures.aware_services import aware
from tests.fixtures.live_grants import give


def rule(condition, effect="ALLOW"):
    return {"policy": {"rules": [{"name": "r", "effect": effect, "condition": condition}]}}


@pytest.fixture
def ask(api, admin, alice):  # noqa: ARG001 - alice is there, with a device
    """Apply a service, and ask what becomes of alice."""

    def ask(block=None, spec=None, **question):
        if block is not None:
            body = aware(block, **({"allow": {"users": ["alice"]}} | (spec or {})))
            changed = admin.call("PUT", "/v1/resources/service/orders", body)
            assert changed.status_code == 200, changed.text
        with api.store.read() as connection:
            asked = Question(**{"user": "alice", "service": "orders"} | question)
            return explanation.explain(connection, asked, api.clock.now())

    return ask


def decision(found):
    return found.answers.connection.decision


def test_what_is_known_of_somebody_is_taken_unless_it_is_said(ask):
    assert decision(ask(rule("'dba' in ctx.user.groups"))).allowed
    assert not decision(ask(groups=["readers"])).allowed
    assert ask(user="ALICE").user.name == "alice"
    assert ask(rule("ctx.user.email == 'a@b.c'"), email="a@b.c").answers.connection.decision.allowed


def test_grants_are_those_that_are_live_unless_they_are_said(ask, api):
    writing = rule("'writing' in ctx.user.grants")
    assert not decision(ask(writing)).allowed
    give(api.store, api.clock.now(), user_name="alice", service="orders", names=["writing"])
    assert ask().user.grants == ("writing",)
    assert decision(ask()).allowed
    assert not decision(ask(grants=[])).allowed


def test_a_device_says_what_it_has_said(ask, alice):
    ask(rule("ctx.device.trusted && ctx.device.id != ''"))
    which = alice.call("GET", "/v1/me/devices").json()["devices"][0]["id"]
    assert decision(ask(device=which)).allowed
    assert not decision(ask()).allowed
    with pytest.raises(NotFoundError, match="has no device"):
        ask(device="nothing")


def test_facts_are_those_of_a_case(ask):
    ask(rule("ctx.session.client == '10.0.0.7' && ctx.session.mfa"))
    assert decision(ask(facts={"session": {"client": "10.0.0.7", "mfa": True}})).allowed
    with pytest.raises(InvalidInputError, match=r"session\.client is no IP address"):
        ask(facts={"session": {"client": "here"}})


def test_drafts_stand_in_place_of_what_is_stored(ask, admin):
    ask(rule("false"))
    draft = aware(rule("true"), allow={"users": ["alice"]})
    assert decision(ask(drafts=[draft])).allowed
    assert not decision(ask()).allowed
    policy = {"kind": "Policy", "metadata": {"name": "p"}}
    allowed = policy | {"spec": {"connect": {"default": "ALLOW"}}}
    assert decision(ask(policies=["p"], drafts=[allowed])).allowed
    with pytest.raises(NotFoundError):
        ask(policies=["p"])
    with pytest.raises(InvalidInputError, match="spec says nothing"):
        ask(drafts=[policy | {"spec": {}}])
    with pytest.raises(InvalidInputError, match="a Service or a Policy"):
        ask(drafts=[{"kind": "User"}])
    with pytest.raises(InvalidInputError, match="a Service or a Policy"):
        ask(drafts=[7])
    assert admin.call("GET", "/v1/resources/policy/p").status_code == 404


def test_somebody_new_needs_groups(ask):
    ask(rule("'dba' in ctx.user.groups"), {"allow": {"groups": ["dba"]}})
    with pytest.raises(NotFoundError, match="no user 'zoe'"):
        ask(user="zoe")
    assert decision(ask(user="zoe", groups=["dba"])).allowed


RULE = {"name": "dba", "effect": "ALLOW", "condition": "'dba' in ctx.user.groups"}
POLICY = {"kind": "Policy", "metadata": {"name": "p"}, "spec": {"rules": [RULE]}}
CASE = {"name": "one", "user": {"name": "x", "groups": ["dba"]}, "expect": "DENY"}


def cases(**spec):
    return {"kind": "PolicyTest", "metadata": {"name": "t"}, "spec": {"cases": [CASE], **spec}}


def test_cases_are_decided_by_drafts_and_by_what_is_stored(api, admin):
    def decided(*documents):
        with api.store.read() as connection:
            found = explanation.decide_cases(connection, documents, api.clock.now())
        return [(test.name, of.name, of.problem) for test in found for of in test.results]

    denied = "expected DENY, but allowed by rule dba of policy p"
    assert decided(cases(), POLICY) == [("t", "one", denied)]
    with pytest.raises(NotFoundError):
        decided(cases(policies=["p"]))
    assert admin.call("PUT", "/v1/resources/policy/p", POLICY).status_code == 200
    assert decided(cases(policies=["p"])) == [("t", "one", denied)]
    with pytest.raises(InvalidInputError, match=r"documents\[0\]\.spec tests no policy"):
        decided(cases())
    with pytest.raises(InvalidInputError, match=r"documents\[1\]\.spec\.cases is|cases must"):
        decided(POLICY, cases(cases=[]))
    with pytest.raises(InvalidInputError, match="no PolicyTest"):
        decided(POLICY)
    with pytest.raises(InvalidInputError, match="no PolicyTest"):
        decided(7)
