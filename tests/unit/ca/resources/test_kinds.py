import pytest

from pgward.ca.resources import kinds
from pgward.ca.resources.fields import FieldsError
from pgward.core.errors import NotFoundError
from tests.fixtures.aware_services import aware
from tests.fixtures.ca_service import service

FULL = service(
    mode="tcp",
    serverName="DB1.internal",
    sslMode="verify-ca",
    database="orders",
    allow={"groups": ["dba"], "users": ["Alice"]},
    limits={"maxConnections": 200, "maxConnectionsPerUser": 50},
    edges=["e1"],
)


def _wrong(body):
    with pytest.raises(FieldsError) as caught:
        kinds.read("Service", body)
    return {field.path: field.message for field in caught.value.fields}


def test_a_full_service_is_read():
    spec = kinds.read("Service", FULL).spec
    assert (spec.server_name, spec.ssl_mode, spec.limits.max_connections) == (
        "db1.internal",
        "verify-ca",
        200,
    )
    assert spec.is_on("e1")
    assert not spec.is_on("e2")


def test_what_is_left_out_has_its_default():
    spec = kinds.read("Service", service(upstream={"host": "::1"})).spec
    assert (spec.mode, spec.ssl_mode, spec.upstream.port, spec.edges) == (
        "tcp",
        "verify-full",
        5432,
        None,
    )
    assert spec.is_on("any")


@pytest.mark.parametrize(
    ("user", "groups", "expected"),
    [
        ("ALICE", (), True),
        ("bob", ("dba",), True),
        ("bob", ("other",), False),
        ("dba", (), False),
    ],
)
def test_who_may_use_a_service(user, groups, expected):
    assert kinds.read("Service", FULL).spec.is_for(user, groups) is expected


@pytest.mark.parametrize(
    ("change", "path", "said"),
    [
        ({"upstream": {"host": "a b"}}, "spec.upstream.host", "is not a DNS name"),
        ({"upstream": {"host": "x", "port": 0}}, "spec.upstream.port", "at least 1"),
        ({"upstream": {"host": "x", "port": "5432"}}, "spec.upstream.port", "whole number"),
        ({"mode": "postgre"}, "spec.mode", "must be 'tcp' or 'postgres'"),
        ({"allow": {"users": ["a", "b,c"]}}, "spec.allow.users[1]", "cannot be a user name"),
        ({"allow": {"groups": "dba"}}, "spec.allow.groups", "must be a list"),
        ({"allow": None}, "spec.allow", "must be an object"),
        ({"limits": {"maxConections": 5}}, "spec.limits.maxConections", "mean maxConnections?"),
        ({"limits": {"max_connections": 5}}, "spec.limits.max_connections", "maxConnections?"),
        ({"limits": {"idleTimeout": 90}}, "spec.limits.idleTimeout", "(write 90s, 30m, 12h or 7d)"),
        ({"limits": {"idleTimeout": True}}, "spec.limits.idleTimeout", "must be a text"),
        ({"edges": []}, "spec.edges", "at least 1 item"),
        ({"database": "a\nb"}, "spec.database", "printable"),
    ],
)
def test_wrong_fields_are_named(change, path, said):
    assert said in _wrong(service(**change))[path]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"kind": "is missing", "metadata": "is missing", "spec": "is missing"}),
        (service() | {"kind": "Sevrice"}, {"kind": "must be 'Service'"}),
        (service() | {"metadata": {}}, {"metadata.name": "is missing"}),
        ([], {"": "must be an object"}),
        (None, {"": "must be an object"}),
    ],
)
def test_wrong_documents_are_refused(body, expected):
    assert _wrong(body) == expected


def test_kinds_are_known_by_what_people_write():
    assert {kinds.canonical(text) for text in ("Service", "service", "services")} == {"Service"}
    assert {kinds.canonical(text) for text in ("Policy", "policy", "policies")} == {"Policy"}
    with pytest.raises(NotFoundError, match="no kind 'grant'"):
        kinds.canonical("grant")


def test_browsers_need_an_edge_that_reads_and_takes_certificates():
    assert _wrong(service(webClient={})) == {
        "spec.webClient": "needs mode: postgres, where the edge reads each statement"
    }
    spec = kinds.read("Service", aware(webClient={"export": True})).spec
    assert spec.web_client == kinds.WebClient(export=True)
    assert (
        "postgres.login.certificate is false"
        in (_wrong(aware({"login": {"certificate": False}}, webClient={}))["spec.webClient"])
    )
