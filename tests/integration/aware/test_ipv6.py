"""Everything by IPv6: clients, the edge, PostgreSQL behind it, and cancel requests between them."""

import socket

import psycopg
import pytest

from pgward.client.home import Home
from tests.fixtures.stack import SERVER_NAME
from tests.fixtures.waiting import eventually
from tests.integration.test_tunnel_clients import cancelled

pytestmark = pytest.mark.integration

INSIDE = "select host(inet_client_addr()), host(inet_server_addr())"


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def edge(stack):
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    return stack.new_edge(host="::1")


@pytest.fixture(scope="module")
def person(stack):
    return stack.person()


@pytest.fixture(scope="module")
def service(stack, person, edge):
    upstream = {"host": "::1", "port": stack.cluster.port}
    return stack.aware(person, edges=(edge,), upstream=upstream)


def check(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as session:
        assert session.execute(INSIDE).fetchone() == ("::1", "::1")
        assert cancelled(session)


def test_a_tunnel(stack, person, service):
    with stack.tunnel(person, service.name) as tunnel:
        check(tunnel.conninfo)


def test_bytes_only(stack, person, edge):
    upstream = {"host": "::1", "port": stack.cluster.port}
    tcp = stack.service(person, edges=(edge,), upstream=upstream, sslMode="disable")
    with stack.tunnel(person, tcp) as tunnel:
        check(tunnel.conninfo)


def test_a_certificate(person, service, edge):
    paths = Home(person.home).paths
    check(
        psycopg.conninfo.make_conninfo(
            host=f"{service.name}.edge.test",
            hostaddr="::1",
            port=edge.port,
            user=person.name,
            dbname="app",
            sslmode="verify-full",
            sslcert=paths.cert,
            sslkey=paths.key,
            sslrootcert=paths.ca,
        )
    )


def test_a_one_time_password(person, service):
    check(person.data("otp", service.name)["uri"])


def test_a_token(person, service):
    made = person.data("token", service.name)
    check(psycopg.conninfo.make_conninfo(made["uri"], password=made["password"]))
    (known,) = (each for each in person.data("tokens", "list") if each["id"] == made["id"])
    assert known["last_client"] == "::1"


def test_a_server_is_verified_by_its_name_at_an_address(stack, person, edge):
    block = {
        "user": {"fromPerson": True},
        "auth": {"certificate": {}},
        "sslMode": "verify-full",
        "serverName": SERVER_NAME,
    }
    upstream = {"host": "::1", "port": stack.cluster.port}
    service = stack.aware(person, edges=(edge,), postgres=block, upstream=upstream)
    with stack.tunnel(person, service.name) as tunnel:
        check(tunnel.conninfo)


def test_the_record_has_the_address(stack, person, service):
    with stack.tunnel(person, service.name) as tunnel:
        tunnel.psql("select 1")
    (said, *_) = stack.audit(action="session.open", actor=person.name)
    assert said["client"].startswith("[::1]:")


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.soak), 2])
def test_every_address_is_those_of_both_families(stack, workers):
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    edge = stack.new_edge("--workers", workers, host="::")
    somebody = stack.person()
    service = stack.aware(somebody, edges=(edge,))
    paths = Home(somebody.home).paths
    for hostaddr in ("127.0.0.1", "::1"):
        with psycopg.connect(
            host=f"{service.name}.edge.test",
            hostaddr=hostaddr,
            port=edge.port,
            user=somebody.name,
            dbname="app",
            sslmode="verify-full",
            sslcert=paths.cert,
            sslkey=paths.key,
            sslrootcert=paths.ca,
            autocommit=True,
        ) as session:
            assert cancelled(session)

    def said() -> set[str]:
        found = stack.audit(action="session.open", actor=somebody.name)
        return {each["client"].rpartition(":")[0] for each in found}

    eventually(lambda: said() == {"127.0.0.1", "[::1]"})
