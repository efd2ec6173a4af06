import pytest
from pydantic import ValidationError

from pgward.ca.resources.service_auth import (
    Auth,
    Jump,
    SecretReference,
    ServiceAuth,
    at_odds,
    secrets_of,
)
from pgward.pgwire.demands import Demands

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
SSH = {"host": "jump", "user": "pg", "hostKey": KEY, "key": {"fromSecret": "jump-key"}}


def said(model, value) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"fromSecret": "orders-app"}, {"from_secret": "orders-app"}),
        ({"fromFile": "/etc/pgward/app"}, {"from_file": "/etc/pgward/app"}),
        ({"fromEnv": "PGWARD_UPSTREAM_APP"}, {"from_env": "PGWARD_UPSTREAM_APP"}),
        (
            {"fromVault": {"path": "apps/orders"}},
            {"from_vault": {"path": "apps/orders", "field": "password", "mount": "secret"}},
        ),
    ],
)
def test_a_secret_is_in_one_place(value, expected):
    assert SecretReference.model_validate(value).model_dump(exclude_none=True) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, "one of fromSecret"),
        ({"fromSecret": "a", "fromEnv": "PGWARD_UPSTREAM_A"}, "one of fromSecret"),
        ({"fromFile": "secrets/app"}, "no path of a file on the edges"),
        ({"fromFile": "/etc/../root/x"}, "no path of a file on the edges"),
        ({"fromEnv": "AWS_SECRET_ACCESS_KEY"}, "not a variable that edges give away"),
        ({"fromEnv": "PGWARD_UPSTREAM_"}, "not a variable that edges give away"),
        ({"fromVault": {"path": "/a"}}, "no path in a vault"),
        ({"fromVault": {"path": "a/../b"}}, "no path in a vault"),
        ({"fromVault": {"path": "a", "field": ""}}, "no field of a vault"),
        ({"value": "hunter2"}, "Extra inputs"),
    ],
)
def test_other_places_are_refused(value, expected):
    text = said(SecretReference, value)
    assert expected in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"hostKey": "ssh-ed25519 x"}, "not a public key of SSH"),
        ({"hostKey": "jump"}, "not a public key of SSH"),
        ({"user": "-oProxyCommand=x"}, "no account on a jump host"),
        ({"host": "a b"}, "is not a DNS name"),
    ],
)
def test_a_jump_host_is_named_with_its_key(change, expected):
    assert expected in said(Jump, {"ssh": SSH | change})


PASSWORD = {"password": {"fromSecret": "app"}}


@pytest.mark.parametrize(
    ("auth", "words", "binding", "has_tls", "expected"),
    [
        (PASSWORD, None, "prefer", False, None),
        (PASSWORD, ["scram-sha-256"], "require", True, None),
        (PASSWORD, ["password", "md5"], "prefer", False, None),
        (PASSWORD, ["none"], "prefer", True, "auth.password is never given"),
        (PASSWORD, ["!scram-sha-256"], "require", True, "needs scram-sha-256"),
        (PASSWORD, None, "require", False, "needs TLS, and sslMode is disable"),
        (PASSWORD, ["password"], "prefer", False, "in clear text only"),
        ({"certificate": {}}, ["!md5"], "prefer", True, None),
        ({"certificate": {}}, ["md5"], "prefer", True, "auth.certificate answers no method"),
        ({"certificate": {}}, None, "require", True, "needs auth.password, not auth.certificate"),
        ({"none": True}, ["!none"], "prefer", False, "auth.none answers no method"),
    ],
)
def test_demands_that_no_login_could_fulfil(auth, words, binding, has_tls, expected):
    found = at_odds(Auth.model_validate(auth), Demands.read(words, binding), has_tls=has_tls)
    assert found is None if expected is None else expected in str(found)


def test_the_secrets_of_the_ca_are_told():
    auth = Auth.model_validate({"password": {"fromSecret": "app"}})
    jump = Jump.model_validate({"ssh": SSH})
    assert list(secrets_of(auth, jump)) == ["app", "jump-key"]
    other = Auth.model_validate({"password": {"fromFile": "/x"}})
    assert list(secrets_of(other, None)) == []
    assert list(secrets_of(None, None)) == []


def test_a_password_of_a_grant_is_for_services_alone():
    given = {"password": {"fromGrant": True}}
    assert ServiceAuth.model_validate(given).is_from_grant
    assert not ServiceAuth.model_validate({"none": True}).is_from_grant
    assert "Extra inputs" in said(Auth, given)
    both = {"password": {"fromGrant": True, "fromSecret": "a"}}
    assert "fromVault, fromGrant" in said(ServiceAuth, both)
