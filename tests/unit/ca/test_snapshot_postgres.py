import json

from pgward.ca.resources.policy import PolicySpec
from tests.fixtures.aware_services import snapshot_block

POLICY = {"rules": [{"name": "all", "effect": "ALLOW", "condition": "true"}]}


def test_the_smallest_block_is_whole_and_names_the_secret_only():
    assert snapshot_block() == {
        "default": {
            "upstreams": [{"host": "db1.internal", "port": 5432}],
            "target_session_attrs": "any",
            "load_balance": False,
            "user": {"force": "app"},
            "database": {},
            "auth": {"password": {"from_secret": "orders-app"}},
            "ssl_mode": "verify-full",
            "ssl_root_cert": None,
            "server_name": None,
            "require_auth": None,
            "channel_binding": "prefer",
            "jump": None,
            "parameters": {"set": {}, "forbid": []},
            "application_name": "{user} via pgward: {application}",
            "recording": "none",
            "result_limit": 10485760,
            "protect_role": True,
        },
        "configs": {},
        "rules": [],
        "limits": {
            "statement_timeout": None,
            "idle_timeout": None,
            "idle_in_transaction_timeout": None,
            "session_timeout": None,
            "warn_before": 300,
        },
        "login": ["certificate", "otp", "token"],
        "reason_required": False,
        "audit": "full",
        "labels": {},
        "policies": [],
        "missing_policies": [],
    }


def test_each_configuration_is_whole():
    block = snapshot_block(
        {
            "user": None,
            "sslMode": "require",
            "configs": {"prod": {"user": {"fromPerson": True}, "auth": {"certificate": {}}}},
            "rules": [{"matchAny": True, "config": "prod"}],
        }
    )
    assert block["default"] is None
    prod = block["configs"]["prod"]
    assert (prod["user"], prod["auth"], prod["ssl_mode"]) == (
        {"from_person": True},
        {"certificate": {"minutes": 5}},
        "require",
    )
    assert block["rules"] == [{"match": None, "config": "prod"}]


def test_policies_come_along_and_missing_ones_are_named():
    policies = {"hours": PolicySpec.model_validate(POLICY)}
    block = snapshot_block({"policies": ["hours", "gone"], "policy": POLICY}, policies)
    assert [each["name"] for each in block["policies"]] == ["hours", "inline"]
    assert block["missing_policies"] == ["gone"]


def test_a_block_is_plain_data():
    assert json.loads(json.dumps(snapshot_block())) == snapshot_block()
