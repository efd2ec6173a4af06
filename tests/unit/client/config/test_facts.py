from dataclasses import replace
from pathlib import Path

import pytest

from pgward.client.config.catalogue import FORMATS
from pgward.client.config.facts import Facts
from pgward.client.identity import IdentityPaths
from pgward.client.services import EdgeInfo, ServiceInfo
from pgward.core.address import Address
from pgward.core.errors import InvalidInputError

PATHS = IdentityPaths(Path("/h/login.crt"), Path("/h/login.key"), Path("/h/ca.crt"))
SERVICE = ServiceInfo("orders", "", "tcp", "db1.internal", "app", "verify-full", ())


def tunnel(service=SERVICE, *, user="alice", paths=PATHS) -> Facts:
    return Facts.tunnel(service, 15432, user, paths)


def test_through_a_tunnel_the_servers_own_name_stays():
    assert tunnel().to_json() == {
        "service": "orders",
        "host": "db1.internal",
        "hostaddr": "127.0.0.1",
        "port": 15432,
        "user": "alice",
        "database": "app",
        "sslmode": "verify-full",
        "sslcert": "/h/login.crt",
        "sslkey": "/h/login.key",
        "sslrootcert": "/h/ca.crt",
        "sslkey_der": "/h/login.pk8",
        "pkcs12": "/h/login.p12",
    }


@pytest.mark.parametrize(
    ("mode", "needed"),
    [
        ("disable", set()),
        ("require", {"sslcert", "sslkey", "sslkey_der", "pkcs12"}),
        ("verify-ca", {"sslcert", "sslkey", "sslrootcert", "sslkey_der", "pkcs12"}),
    ],
)
def test_files_that_nobody_needs_are_not_named(mode, needed):
    found = tunnel(replace(SERVICE, ssl_mode=mode)).to_json()
    files = {"sslcert", "sslkey", "sslrootcert", "sslkey_der", "pkcs12"}
    assert {name for name in files if found[name] is not None} == needed


def test_without_a_database_it_is_the_users():
    assert tunnel(replace(SERVICE, database=None)).database == "alice"


@pytest.mark.parametrize(
    ("host", "name", "address"),
    [
        (None, "db1.internal", None),
        ("db1.internal", "db1.internal", None),
        ("DB1.example.com", "db1.example.com", None),
        ("10.0.0.7", "db1.internal", "10.0.0.7"),
        ("fd00::7", "db1.internal", "fd00::7"),
    ],
)
def test_the_native_way_is_to_the_server_itself_or_where_it_was_said_to_be(host, name, address):
    found = Facts.native(SERVICE, host, 5432, "alice", PATHS)
    assert (found.host, found.address, found.port) == (name, address, 5432)
    assert found.target == (address or name)


@pytest.mark.parametrize(
    ("mode", "native"),
    [
        ("disable", "verify-full"),
        ("prefer", "verify-full"),
        ("require", "require"),
        ("verify-ca", "verify-ca"),
    ],
)
def test_a_mode_for_inside_the_tunnel_is_none_for_the_native_way(mode, native):
    service = replace(SERVICE, ssl_mode=mode)
    assert tunnel(service).sslmode == mode
    assert Facts.native(service, None, 5432, "alice", PATHS).sslmode == native


@pytest.mark.parametrize(
    ("mode", "tls", "chain", "name"),
    [
        ("disable", False, False, False),
        ("require", True, False, False),
        ("verify-ca", True, True, False),
        ("verify-full", True, True, True),
    ],
)
def test_what_a_mode_means(mode, tls, chain, name):
    found = replace(tunnel(), sslmode=mode)
    assert (found.tls, found.verifies, found.verifies_name) == (tls, chain, name)


@pytest.mark.parametrize(
    "lie",
    [
        {"name": "orders]\nhost=evil"},
        {"name": "../orders"},
        {"name": "Orders"},
        {"server_name": "/tmp"},
        {"server_name": "@evil"},
        {"server_name": "db1,evil.example"},
        {"server_name": "db1\nhostaddr=10.6.6.6"},
        {"server_name": "db1 hostaddr=10.6.6.6"},
        {"server_name": ""},
        {"database": "app\n[other]\nhost=evil"},
        {"database": "app\0"},
        {"database": "app\u202e"},
        {"database": "app\u2028evil()"},
        {"database": "x" * 64},
        {"ssl_mode": "verify-full sslrootcert=/tmp/evil"},
        {"ssl_mode": "VERIFY-FULL"},
    ],
)
def test_what_a_ca_that_lies_says_is_written_nowhere(lie):
    service = replace(SERVICE, **lie)
    with pytest.raises(InvalidInputError):
        tunnel(service)
    if "ssl_mode" in lie or "server_name" not in lie:
        with pytest.raises(InvalidInputError):
            Facts.native(service, None, 5432, "alice", PATHS)


@pytest.mark.parametrize("host", ["/tmp", "a b", "a,b", "a\nb"])
def test_a_host_is_one_name_or_address(host):
    with pytest.raises(InvalidInputError):
        Facts.native(SERVICE, host, 5432, "alice", PATHS)


def test_a_user_of_no_form_is_refused():
    with pytest.raises(InvalidInputError, match="cannot be a user name"):
        tunnel(user="alice dbname=x")


@pytest.mark.parametrize("name", ["a\nb", "\udcff"])
def test_a_home_that_no_client_takes_is_refused(name):
    paths = IdentityPaths(Path(name, "login.crt"), PATHS.key, PATHS.ca)
    with pytest.raises(InvalidInputError, match="no client takes the path") as error:
        tunnel(paths=paths)
    assert error.value.hint == "set PGWARD_HOME to a plain path"


# --- where the edge speaks PostgreSQL -----------------------------------------------------

AWARE = ServiceInfo("orders", "", "postgres", "orders", "app", "disable", ())


def test_through_a_tunnel_to_an_edge_that_speaks_postgresql_there_is_no_tls_inside():
    found = tunnel(AWARE)
    assert (found.host, found.address, found.sslmode) == ("orders", "127.0.0.1", "disable")


@pytest.mark.parametrize("host", [None, "10.0.0.7"])
def test_there_is_no_native_way_past_an_edge_that_speaks_postgresql(host):
    with pytest.raises(InvalidInputError) as caught:
        Facts.native(AWARE, host, 5432, "alice", PATHS)
    assert caught.value.message == "orders is reached through an edge only (mode: postgres)"
    assert caught.value.hint == "leave --native out, or --host orders.DOMAIN of the edge"


def test_an_edge_that_speaks_postgresql_is_reached_by_its_name_for_the_service():
    found = Facts.native(AWARE, "orders.edge.example.com", 6432, "alice", PATHS)
    assert (found.host, found.address, found.sslmode) == (
        "orders.edge.example.com",
        None,
        "verify-full",
    )


EDGE = EdgeInfo("e1", Address("edge.example.com", 6432), "edge.example.com")


def by_password(edge=EDGE, *, user="tk-abc", database=None) -> Facts:
    return Facts.by_password(AWARE, edge, user, database, "/h/ca.crt")


@pytest.mark.parametrize(
    ("edge", "host", "address", "mode"),
    [
        (EDGE, "edge.example.com", None, "verify-full"),
        (
            replace(EDGE, address=Address("10.0.0.7", 6432)),
            *("edge.example.com", "10.0.0.7", "verify-full"),
        ),
        (
            replace(EDGE, address=Address("lb.example.com", 6432)),
            *("lb.example.com", None, "verify-ca"),
        ),
    ],
)
def test_with_a_token_the_edge_is_verified_and_no_certificate_shown(edge, host, address, mode):
    found = by_password(edge)
    assert (found.host, found.address, found.port, found.sslmode) == (host, address, 6432, mode)
    assert (found.has_password, found.shows_certificate) == (True, False)
    shown = found.to_json()
    assert (shown["sslcert"], shown["sslkey"], shown["pkcs12"]) == (None, None, None)
    assert (shown["sslrootcert"], shown["user"], shown["database"]) == (
        "/h/ca.crt",
        "tk-abc",
        "app",
    )


@pytest.mark.parametrize("user", ["", "a\nb", "x" * 201])
def test_a_strange_name_of_a_token_is_refused(user):
    with pytest.raises(InvalidInputError):
        by_password(user=user)


@pytest.mark.parametrize("name", FORMATS)
def test_no_client_is_told_of_a_certificate_that_is_not_there(name):
    text = FORMATS[name].render(by_password(database="other"))
    for word in (
        "sslcert",
        "sslkey",
        "load_cert_chain",
        "SSL Key",
        "get cert",
        "KeyPair",
        "SSLKEY=",
    ):
        assert word not in text
    assert "other" in text
    if text.startswith("import"):
        compile(text, name, "exec")
