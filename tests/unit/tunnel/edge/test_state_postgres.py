from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.ca.resources.policy import PolicySpec
from pgward.client.secrets.reference import SecretRef
from pgward.core.address import Address
from pgward.core.errors import PgwardError
from pgward.pgwire.demands import Demands
from pgward.policy import cel
from pgward.policy.context import Context, ServiceFacts, User
from pgward.tunnel.edge.state_postgres import (
    AccessPasswordAuth,
    CertificateAuth,
    Config,
    DatabaseRule,
    NoAuth,
    PasswordAuth,
    PostgresService,
    SshJump,
    TimeLimits,
    UserRule,
    read_postgres,
)
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.aware_services import snapshot_block

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
APP = PasswordAuth(SecretRef("secret", "orders-app"))
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
CHOSEN = {
    "configs": {"prod": {"user": {"force": "writer"}}, "night": {"user": {"force": "job"}}},
    "rules": [
        {"match": "'dba' in ctx.user.groups", "config": "prod"},
        {"match": "ctx.now.getHours() < 6", "config": "night"},
    ],
}
POLICY = {"rules": [{"name": "all", "effect": "ALLOW", "condition": "true"}]}


def variables(*groups, now=NOW):
    return cel.bind(Context(User("alice", groups), ServiceFacts("orders")), now)


def test_the_smallest_block_is_read_with_its_defaults():
    own = Config(None, (Address("db1.internal", 5432),), UserRule(force="app"), APP)
    assert read_postgres(snapshot_block()) == PostgresService(default=own)


def test_a_full_block_is_read():
    ssh = {"host": "jump", "user": "pg", "hostKey": KEY, "key": {"fromFile": "/etc/key"}}
    block = snapshot_block(
        {
            "upstreams": [{"host": "a"}, {"host": "b", "port": 6432}],
            "targetSessionAttrs": "prefer-standby",
            "loadBalance": True,
            "user": {"allow": ["ro", "rw"], "default": "ro"},
            "database": {"allow": ["orders"], "default": "orders"},
            "auth": {"certificate": {"minutes": 7}},
            "sslMode": "verify-ca",
            "sslRootCert": "system",
            "serverName": "db.example.com",
            "requireAuth": ["!password"],
            "jump": {"ssh": ssh},
            "parameters": {"set": {"TimeZone": "UTC"}, "forbid": ["Statement_Timeout"]},
            "applicationName": "{user}",
            "recording": "results",
            "resultLimit": "1MiB",
            "login": {"token": False},
            "reasonRequired": True,
            "policies": ["office-hours", "gone"],
            "policy": POLICY,
        },
        policies={"office-hours": PolicySpec.model_validate(POLICY)},
        upstream=None,
        labels={"env": "prod"},
        limits={"statementTimeout": "5m", "sessionTimeout": "8h", "warnBefore": "1m"},
    )
    found = read_postgres(block)
    assert found.default == Config(
        name=None,
        upstreams=(Address("a", 5432), Address("b", 6432)),
        user=UserRule(allow=frozenset({"ro", "rw"}), default="ro"),
        auth=CertificateAuth(7),
        database=DatabaseRule(allow=frozenset({"orders"}), default="orders"),
        target_session_attrs="prefer-standby",
        load_balance=True,
        ssl_mode="verify-ca",
        ssl_root_cert="system",
        server_name="db.example.com",
        demands=Demands.read(["!password"]),
        jump=SshJump(Address("jump", 22), "pg", KEY, SecretRef("file", "/etc/key")),
        set_parameters={"TimeZone": "UTC"},
        forbidden_parameters=frozenset({"statement_timeout"}),
        application_name="{user}",
        recording="results",
        result_limit=1 << 20,
    )
    assert found.limits == TimeLimits(statement=300, session=8 * 3600, warn_before=60)
    assert (found.login, found.reason_required) == ({"certificate", "otp"}, True)
    assert found.labels == {"env": "prod"}
    assert [each.name for each in found.policies] == ["office-hours", "inline"]
    assert found.missing_policies == ("gone",)


def test_the_role_is_protected_unless_the_service_says_otherwise():
    def read(**changes):
        block = snapshot_block(changes)
        return read_postgres(block).default.protect_role, block

    found, block = read()
    assert found
    assert not read(protectRole=False)[0]
    del block["default"]["protect_role"]  # as from an older CA
    assert read_postgres(block).default.protect_role


def test_what_a_login_insists_on_is_said_by_newer_cas():
    block = snapshot_block({"requireAuth": ["scram-sha-256"], "channelBinding": "require"})
    demands = Demands(frozenset({"scram-sha-256"}), "require")
    assert read_postgres(block).default.demands == demands
    del block["default"]["require_auth"], block["default"]["channel_binding"]
    assert read_postgres(block).default.demands == Demands()


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ({"none": True}, NoAuth()),
        ({"password": {"fromFile": "/x"}}, PasswordAuth(SecretRef("file", "/x"))),
        (
            {"password": {"fromEnv": "PGWARD_UPSTREAM_A"}},
            PasswordAuth(SecretRef("env", "PGWARD_UPSTREAM_A")),
        ),
        (
            {"password": {"fromVault": {"path": "apps/orders"}}},
            PasswordAuth(SecretRef("vault", "apps/orders", "password", "secret")),
        ),
    ],
)
def test_every_way_to_log_in_is_read(auth, expected):
    assert read_postgres(snapshot_block({"auth": auth})).default.auth == expected


def test_all_secrets_that_may_be_needed_are_known():
    ssh = {"host": "jump", "user": "pg", "hostKey": KEY, "key": {"fromSecret": "jump-key"}}
    found = read_postgres(snapshot_block(CHOSEN | {"jump": {"ssh": ssh}}))
    assert found.secrets() == {SecretRef("secret", "orders-app"), SecretRef("secret", "jump-key")}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("default", "upstreams"), []),
        (("default", "upstreams"), [{"host": "a", "port": 70000}]),
        (("default", "user"), {}),
        (("default", "user"), {"force": 3}),
        (("default", "auth"), {}),
        (("default", "auth"), {"none": "yes"}),
        (("default", "auth"), {"kerberos": {}}),
        (("default", "auth"), {"password": {"from_moon": "x"}}),
        (("default", "auth"), {"password": {}}),
        (("default", "ssl_mode"), "allow"),
        (("default", "target_session_attrs"), "master"),
        (("default", "recording"), "video"),
        (("default", "result_limit"), float("inf")),
        (("default", "parameters"), None),
        (("default", "jump"), {"socks": {}}),
        (("login",), ["psychic"]),
        (("rules",), [{"match": None, "config": "gone"}]),
        (("rules",), [{"match": "ctx.moon", "config": "gone"}]),
        (("limits",), {}),
        (("policies",), [{"name": "x"}]),
    ],
)
def test_a_block_that_is_not_understood_is_refused(place, value):
    block = deepcopy(snapshot_block())
    inner = block
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError, PgwardError)):
        read_postgres(block)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(max_examples=50)
@given(st.data())
def test_whatever_stands_in_a_block_is_read_or_refused(data):
    block = snapshot_block(CHOSEN)
    inner = block
    while isinstance(inner, dict) and inner:
        name = data.draw(st.sampled_from(sorted(inner)))
        if not isinstance(inner[name], dict) or data.draw(st.booleans()):
            inner[name] = data.draw(JSON)
            break
        inner = inner[name]
    with suppress(KeyError, TypeError, ValueError, AttributeError, PgwardError):
        read_postgres(block)


# --- choosing -----------------------------------------------------------------------------


def test_the_first_rule_that_matches_decides():
    found = read_postgres(snapshot_block(CHOSEN))
    night = datetime(2026, 11, 21, 3, tzinfo=UTC)
    chosen = [
        found.choose(variables("dba", now=night)).name,
        found.choose(variables(now=night)).name,
        found.choose(variables()).name,
    ]
    assert chosen == ["prod", "night", None]


def test_who_matches_none_gets_nothing_where_the_block_is_not_whole():
    found = read_postgres(snapshot_block(CHOSEN | {"user": None}))
    with pytest.raises(RefusedError) as caught:
        found.choose(variables())
    assert caught.value.reason == Reason.DENIED
    assert caught.value.message == "none of the service's configurations is for you"


def test_a_rule_that_cannot_be_decided_is_not_passed_over():
    rules = [{"match": "ctx.service.labels['env'] == 'dev'", "config": "prod"}]
    configs = {"prod": {"user": {"force": "writer"}}}
    found = read_postgres(snapshot_block({"configs": configs, "rules": rules}))
    with pytest.raises(RefusedError, match="rule 1 of the service's configurations cannot be"):
        found.choose(variables())


def test_any_connection_may_match():
    rules = [{"matchAny": True, "config": "prod"}]
    configs = {"prod": {"user": {"force": "writer"}}}
    found = read_postgres(snapshot_block({"configs": configs, "rules": rules}))
    assert found.choose(variables()).user.force == "writer"


def test_a_policy_that_does_not_exist_lets_nobody_in():
    read_postgres(snapshot_block()).check_policies()
    with pytest.raises(RefusedError, match="the service's policy gone does not exist"):
        read_postgres(snapshot_block({"policies": ["gone"]})).check_policies()


def test_people_land_by_their_grants_where_the_service_says_so():
    found = read_postgres(snapshot_block({"user": {"fromGrant": True}}))
    assert found.default.user == UserRule(from_grant=True)


def test_an_access_role_has_a_password_of_its_own():
    block = snapshot_block({})
    block["default"] |= {"auth": {"password": {"from_grant": True}}, "user": {"from_grant": True}}
    found = read_postgres(block)
    assert found.default.auth == AccessPasswordAuth()
    assert found.secrets() == frozenset()
