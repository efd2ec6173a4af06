import pytest

from pgward.ca import own_explanation
from pgward.ca.identity import sessions
from pgward.ca.own_explanation import Asked
from pgward.core.errors import NotFoundError
from pgward.policy.context import Connect
from pgward.policy.role_guard import RoleGuard
from pgward.policy.statements import classify
from tests.fixtures.aware_services import aware
from tests.fixtures.live_grants import give


@pytest.fixture
def ask(api, admin, alice):
    """Apply a service, and ask as alice what becomes of her."""

    def ask(block, sql="", method="certificate", role="", **spec):
        allow = {"allow": {"users": ["alice"]}}
        body = aware(block, **(allow | spec))
        changed = admin.call("PUT", "/v1/resources/service/orders", body)
        assert changed.status_code == 200, changed.text
        asked = Asked("orders", Connect(role), method, "", "127.0.0.1", classify(sql.encode()))
        with api.store.read() as connection:
            login = sessions.find(connection, alice.token, api.clock.now())
            assert login is not None
            return own_explanation.answer(connection, login, asked, api.clock.now())

    return ask


def rule(condition, effect="ALLOW"):
    return {"policy": {"rules": [{"name": "r", "effect": effect, "condition": condition}]}}


def test_what_is_known_of_the_login_is_looked_at(ask):
    assert ask(rule("'alice' == ctx.user.name")).connection.name == "inline/r"
    assert not ask(rule("ctx.session.mfa")).connection.allowed
    assert ask(rule("ctx.device.id != ''")).connection.allowed
    assert ask(rule("ctx.device.trusted")).connection.allowed
    assert not ask(rule("ctx.device.posture.disk == 'open'")).connection.allowed
    assert ask(rule("ctx.session.client == '127.0.0.1'")).connection.allowed


def test_what_the_service_says_itself_comes_first(ask):
    closed = ask({"login": {"certificate": False}})
    assert (closed.connection.allowed, closed.connection.name) == (False, "login")
    assert ask({"login": {"certificate": False}}, method="otp").connection.allowed
    with pytest.raises(NotFoundError, match="no service 'orders' for you"):
        ask({}, allow={"users": ["bob"]})


def test_what_one_was_granted_is_looked_at(ask, api):
    writing = rule("'writing' in ctx.user.grants")
    with pytest.raises(NotFoundError):
        ask(writing, allow={"users": ["bob"]})
    give(api.store, api.clock.now(), user_name="alice", service="orders", names=["writing"])
    assert ask(writing, allow={"users": ["bob"]}).connection.allowed
    assert not ask(rule("'x' in ctx.user.grants"), allow={"users": ["bob"]}).connection.allowed


def test_a_policy_that_is_gone_lets_nobody_in(ask):
    found = ask({"policies": ["gone"]}, "select 1")
    assert [each.name for each in (found.connection, *found.statements)] == ["policies"] * 2
    assert "gone" in found.connection.reason


def test_the_role_that_is_kept(ask):
    assert ask({}).guard == RoleGuard("app")
    assert ask({"protectRole": False}).guard is None
    chosen = {"user": {"allow": ["ro", "rw"]}}
    assert ask(chosen, role="rw").guard == RoleGuard("rw")


def test_of_whom_no_configuration_is_for_is_told_so(ask):
    config = {"own": {"user": {"fromPerson": True}}}
    rules = [{"match": "ctx.user.name == 'bob'", "config": "own"}]
    found = ask({"user": None, "configs": config, "rules": rules})
    assert (found.connection.allowed, found.connection.name) == (False, "configs")
    assert ask({"configs": config, "rules": rules}).connection.allowed
