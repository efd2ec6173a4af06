import pytest

from pgward.ca.resources import kinds, service_postgres
from pgward.ca.resources.fields import FieldsError
from pgward.ca.resources.service_postgres import PostgresSpec, UserRule
from pgward.core.errors import InvalidInputError
from tests.fixtures.aware_services import MINIMAL, aware

PROD = {"user": {"force": "writer"}, "upstreams": [{"host": "prod1"}]}


def read(postgres=None, **spec):
    return kinds.read("Service", aware(postgres, **spec)).spec


def wrong(postgres=None, **spec) -> dict[str, str]:
    with pytest.raises(FieldsError) as caught:
        read(postgres, **spec)
    return {field.path: field.message for field in caught.value.fields}


def test_the_smallest_block_says_as_whom_and_how():
    spec = read().postgres
    assert (spec.user.force, spec.auth.password.from_secret) == ("app", "orders-app")
    assert (spec.login.certificate, spec.login.otp, spec.login.token) == (True, True, True)
    assert (spec.audit, spec.reason_required, spec.policies) == ("full", False, [])


def test_what_is_stored_can_be_applied_again():
    spec = read({"configs": {"prod": PROD}, "rules": [{"matchAny": True, "config": "prod"}]})
    stored = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert read(stored.pop("postgres"), **stored) == spec


@pytest.mark.parametrize(
    ("block", "path", "said"),
    [
        ({"user": {}}, "spec.postgres.user", "must have force, allow, fromPerson or fromGrant"),
        ({"user": {"force": "a", "default": "b"}}, "spec.postgres.user", "nobody has a choice"),
        ({"user": {"force": "{user}"}}, "spec.postgres.user.force", "fromPerson: true"),
        ({"user": {"force": "x" * 64}}, "spec.postgres.user.force", "no role's name"),
        ({"user": {"allow": []}}, "spec.postgres.user.allow", "at least 1 item"),
        ({"user": {"fromPerson": True, "default": "b"}}, "spec.postgres.user", "remove default"),
        ({"user": {"force": "a", "fromGrant": True}}, "spec.postgres.user", "nobody has a choice"),
        ({"user": {"force": "a", "stripDomain": "x.org"}}, "spec.postgres.user", "fromPerson"),
        ({"database": {}}, "spec.postgres.database", "must have force, allow or default"),
        ({"database": {"force": "ä" * 40}}, "spec.postgres.database.force", "at most 63 bytes"),
        ({"auth": {}}, "spec.postgres.auth", "one of password, certificate, none"),
        (
            {"auth": {"none": True, "certificate": {}}},
            "spec.postgres.auth",
            "one of password, certificate, none",
        ),
        ({"auth": {"none": False}}, "spec.postgres.auth.none", "must be true"),
        ({"sslMode": "allow"}, "spec.postgres.sslMode", "must be 'verify-full'"),
        ({"sslRootCert": "x"}, "spec.postgres.sslRootCert", "not certificates in PEM"),
        (
            {"sslMode": "require", "sslRootCert": "system"},
            "spec.postgres",
            "has sslRootCert, which sslMode: require does not look at",
        ),
        ({"serverName": "a b"}, "spec.postgres.serverName", "is not a DNS name"),
        ({"upstreams": []}, "spec.postgres.upstreams", "at least 1 item"),
        ({"targetSessionAttrs": "master"}, "spec.postgres.targetSessionAttrs", "'read-write'"),
        ({"parameters": {"set": {"a b": "1"}}}, "spec.postgres.parameters.set.a b", "no par"),
        ({"parameters": {"set": {"geqo": "\n"}}}, "spec.postgres.parameters.set.geqo", "control"),
        (
            {"parameters": {"set": {"application_name": "x"}}},
            "spec.postgres.parameters.set.application_name",
            "postgres.applicationName",
        ),
        ({"parameters": {"forbid": ["User"]}}, "spec.postgres.parameters.forbid[0]", "no param"),
        ({"applicationName": "{usr}"}, "spec.postgres.applicationName", "{usr} stands for nothing"),
        ({"applicationName": "x"}, "spec.postgres.applicationName", "must carry the person"),
        ({"recording": "all"}, "spec.postgres.recording", "must be 'none', 'statements' or"),
        ({"resultLimit": "10MB"}, "spec.postgres.resultLimit", "write 64KiB, 10MiB or 1GiB"),
        ({"resultLimit": "11GiB"}, "spec.postgres.resultLimit", "more than 10GiB"),
        (
            {"login": {"certificate": False, "otp": False, "token": False}},
            "spec.postgres.login",
            "lets nobody in",
        ),
        ({"sslmode": "require"}, "spec.postgres.sslmode", "did you mean sslMode?"),
        (
            {"configs": {"prod": {**PROD, "databse": {}}}},
            "spec.postgres.configs.prod.databse",
            "did you mean database?",
        ),
        (
            {"auth": {"certificate": {}}, "sslMode": "prefer"},
            "spec.postgres",
            "cannot be: auth.certificate needs TLS, and sslMode is prefer",
        ),
        (
            {"auth": {"none": True}, "requireAuth": ["scram-sha-256"]},
            "spec.postgres",
            "cannot be: auth.none answers no method, and requireAuth does not allow none",
        ),
        ({"requireAuth": ["gss"]}, "spec.postgres.requireAuth", "is no method that is spoken here"),
        ({"requireAuth": []}, "spec.postgres.requireAuth", "at least 1 item"),
        ({"requireAuth": "md5"}, "spec.postgres.requireAuth", "list"),
        ({"channelBinding": "yes"}, "spec.postgres.channelBinding", "must be 'disable', 'prefer'"),
        (
            {"auth": {"certificate": {"minutes": 16}}},
            "spec.postgres.auth.certificate.minutes",
            "15",
        ),
        (
            {"configs": {"prod": PROD}},
            "spec.postgres",
            "configs.prod is chosen by no rule",
        ),
        (
            {"configs": {"prod": PROD}, "rules": [{"matchAny": True, "config": "prd"}]},
            "spec.postgres",
            "rules[0] names no config: prd; did you mean prod?",
        ),
        (
            {"configs": {"prod": PROD}, "rules": [{"matchAny": True, "config": "prod"}] * 2},
            "spec.postgres",
            "rules[0] matches any, so none behind it is looked at",
        ),
        (
            {"rules": [{"matchAny": False, "config": "a"}]},
            "spec.postgres.rules[0].matchAny",
            "must be true",
        ),
        ({"rules": [{"config": "a"}]}, "spec.postgres.rules[0]", "match, or matchAny: true"),
        (
            {"rules": [{"match": "ctx.user.nme == 'a'", "config": "a"}]},
            "spec.postgres.rules[0].match",
            "did you mean ctx.user.name?",
        ),
        ({"policies": ["A b"]}, "spec.postgres.policies[0]", "cannot be a name"),
        ({"policy": {}}, "spec.postgres.policy", "says nothing"),
    ],
)
def test_wrong_fields_are_named(block, path, said):
    assert said in wrong(block)[path]


@pytest.mark.parametrize(
    ("spec", "path", "said"),
    [
        ({"sslMode": "require"}, "spec.sslMode", "in mode: postgres edges do: postgres.sslMode"),
        ({"serverName": "db1"}, "spec.serverName", "edges do: postgres.serverName"),
        ({"limits": {"idleTimeout": "5"}}, "spec.limits.idleTimeout", "write 90s, 30m"),
    ],
)
def test_what_clients_check_is_not_said_in_mode_postgres(spec, path, said):
    assert said in wrong(None, **spec)[path]


@pytest.mark.parametrize(
    ("spec", "path", "said"),
    [
        ({"postgres": MINIMAL}, "spec.postgres", "needs mode: postgres"),
        ({"upstream": None}, "spec.upstream", "is missing"),
        (
            {"limits": {"maxConnections": 5, "warnBefore": "1m"}},
            "spec.limits",
            "has warnBefore, which only mode: postgres can keep",
        ),
        ({"mode": "postgres"}, "spec.postgres", "is missing"),
    ],
)
def test_what_is_of_one_mode_is_not_said_in_the_other(spec, path, said):
    body = aware()
    body["spec"] = {k: v for k, v in body["spec"].items() if k not in ("mode", "postgres")} | spec
    with pytest.raises(FieldsError) as caught:
        kinds.read("Service", body)
    assert said in {field.path: field.message for field in caught.value.fields}[path]


def test_servers_are_named_in_one_place():
    both = {"upstreams": [{"host": "db2"}]}
    assert wrong(both)["spec.postgres"].startswith("has upstreams, and the service has upstream")
    assert read(both, upstream=None).upstreams()[0].host == "db2"
    assert wrong(None, upstream=None)["spec.postgres"] == "has no upstream"


def test_a_config_takes_from_the_block_what_it_does_not_say():
    block = {
        "serverName": "db.example.com",
        "sslMode": "verify-ca",
        "database": {"force": "orders"},
        "configs": {"prod": PROD, "reader": {"user": {"force": "reader"}}},
        "rules": [
            {"match": "'dba' in ctx.user.groups", "config": "prod"},
            {"matchAny": True, "config": "reader"},
        ],
    }
    spec = read(block)
    configs = spec.postgres.whole(spec.upstream)
    prod, reader = configs["prod"], configs["reader"]
    assert (prod.user.force, prod.database.force, prod.ssl_mode) == (
        "writer",
        "orders",
        "verify-ca",
    )
    assert [each.host for each in prod.upstreams] == ["prod1"]
    assert prod.server_name is None  # that was another server's
    assert (reader.user.force, reader.server_name) == ("reader", "db.example.com")
    assert [each.host for each in reader.upstreams] == ["db1.internal"]
    assert [each.host for each in spec.upstreams()] == ["db1.internal", "prod1"]
    assert spec.server_names() == {"db.example.com"}


def test_a_block_may_leave_to_its_configs_what_they_all_say():
    rules = [{"match": "'dba' in ctx.user.groups", "config": "prod"}]
    block = {"user": None, "configs": {"prod": PROD}, "rules": rules}
    spec = read(block, upstream=None)
    assert set(spec.postgres.whole(None)) == {"prod"}
    without = {"configs": {"prod": {"sslMode": "require"}}, "rules": rules, "user": None}
    assert wrong(without)["spec.postgres"] == "configs.prod has no user"


def test_a_conflict_of_what_is_inherited_is_found():
    block = {
        "sslMode": "disable",
        "configs": {"prod": {"auth": {"certificate": {}}}},
        "rules": [{"matchAny": True, "config": "prod"}],
    }
    assert wrong(block)["spec.postgres"] == (
        "configs.prod cannot be: auth.certificate needs TLS, and sslMode is disable"
    )


def test_it_is_told_which_secrets_and_certificates_are_needed():
    key = {"fromSecret": "jump-key"}
    host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl x"
    ssh = {"host": "jump", "user": "pg", "hostKey": host_key, "key": key}
    block = {
        "jump": {"ssh": ssh},
        "configs": {"prod": {"auth": {"certificate": {"minutes": 10}}}},
        "rules": [{"matchAny": True, "config": "prod"}],
    }
    spec = read(block).postgres
    assert spec.secrets() == {"orders-app", "jump-key"}
    assert spec.minted_minutes() == 10
    assert spec.jump.ssh.host_key == host_key.removesuffix(" x")
    assert PostgresSpec.model_validate(MINIMAL).minted_minutes() is None


@pytest.mark.parametrize(
    ("postgres", "spec", "expected"),
    [
        ({"database": {"force": "orders"}}, {}, "orders"),
        ({"database": {"default": "orders"}}, {}, "orders"),
        ({"database": {"allow": ["a", "b"]}}, {}, None),
        ({"database": {"force": "orders"}}, {"database": "shown"}, "shown"),
        ({}, {}, None),
    ],
)
def test_clients_open_the_database_in_which_people_land(postgres, spec, expected):
    assert read(postgres, **spec).opened() == expected


def test_clients_speak_no_tls_of_their_own_in_mode_postgres():
    assert read().client_ssl_mode == "disable"


@pytest.mark.parametrize(
    ("text", "expected"), [("64KiB", 65536), ("10MiB", 10 << 20), ("1GiB", 1 << 30)]
)
def test_sizes(text, expected):
    assert service_postgres.size(text) == expected


@pytest.mark.parametrize("text", ["", "0KiB", "1", "1 MiB", "MiB", "-1MiB"])
def test_wrong_sizes(text):
    with pytest.raises(InvalidInputError):
        service_postgres.size(text)


def test_an_access_role_is_the_persons_as_long_as_there_is_a_grant():
    rule = UserRule.model_validate({"fromGrant": True, "allow": ["ro"]})
    assert rule.lets_be("a_1", "ann", "a_1")
    assert rule.lets_be("ro", "ann")
    assert not rule.lets_be("a_1", "ann")
    assert not rule.lets_be("a_2", "ann", "a_1")
    other = UserRule.model_validate({"allow": ["ro"]})
    assert not other.lets_be("a_1", "ann", "a_1")


BY_GRANT = {"user": {"fromGrant": True}, "auth": {"password": {"fromGrant": True}}}


def test_who_lands_otherwise_has_no_password_of_a_grant():
    needs = "auth.password.fromGrant needs user.fromGrant and nothing besides"
    assert read(BY_GRANT, integration="shop-db").postgres.has_passwords_of_grants()
    assert not read().postgres.has_passwords_of_grants()
    for user in ({"fromGrant": True, "default": "ro"}, {"force": "app"}, {"fromPerson": True}):
        found = wrong(BY_GRANT | {"user": user}, integration="shop-db")
        assert found["spec.postgres"] == f"cannot be: {needs}"
    assert wrong(BY_GRANT)["spec.postgres"].endswith("needs integration in the service")


def test_a_config_of_its_own_is_for_those_who_need_no_grant():
    dba = {"user": {"force": "dba"}, "auth": {"password": {"fromSecret": "dba"}}}
    rules = [{"match": "'dba' in ctx.user.groups", "config": "dba"}]
    block = BY_GRANT | {"configs": {"dba": dba}, "rules": rules}
    assert read(block, integration="shop-db").postgres.has_passwords_of_grants()
