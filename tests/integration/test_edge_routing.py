"""What an edge's one port understands: tunnels, libpq over TLS, direct TLS, other names."""

import contextlib
import socket
import ssl
import subprocess

import psycopg
import pytest

from pgward.client.home import Home
from pgward.pgwire.startup import gssenc_request, ssl_request
from tests.fixtures.edge_process import eventually
from tests.fixtures.tunnel_process import psql, run_client
from tests.integration.test_tunnel_clients import cancelled, startup

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def person(stack):
    return stack.person()


@pytest.fixture(scope="module")
def paths(person):
    return Home(person.home).paths


@pytest.fixture(scope="module")
def service(stack, person):
    return stack.service(person, sslMode="disable", name="orders")


@pytest.fixture(scope="module")
def edge(stack, person, service):
    """An edge with a default service besides the one that is asked for by name."""
    made = stack.new_edge("--default-service", "fallback")
    stack.service(person, edges=(made,), sslMode="disable", name="fallback")
    stack.service(person, edges=(made,), sslMode="disable", name=service)
    return made


@pytest.fixture(scope="module")
def conninfo(person, paths, edge):
    def make(host=None, **options):
        fields = {
            "host": host or f"{edge.directory.name}.test",
            "hostaddr": "127.0.0.1",
            "port": edge.port,
            "user": person.name,
            "dbname": "app",
            "sslmode": "verify-full",
            "sslcert": paths.cert,
            "sslkey": paths.key,
            "sslrootcert": paths.ca,
        } | options
        return psycopg.conninfo.make_conninfo(**fields)

    return make


@pytest.fixture(scope="module")
def opened(stack):
    """Tell to which services of the edge sessions were opened, from the CA's audit."""

    def services(person) -> set[str]:
        events = stack.audit(actor=person.name, action="session.open", outcome="ok")
        return {event["target"] for event in events}

    return services


def test_libpq_straight_to_the_edge_gets_the_default_service(conninfo, person, opened):
    assert psql(conninfo(), "select current_user") == person.name
    eventually(lambda: "fallback" in opened(person))


def test_an_edge_whose_default_is_not_there_yet_said_so(edge):
    edge.says("--default-service: no service 'fallback' is served here")


@pytest.mark.parametrize("mode", ["require", "verify-ca"])
def test_libpq_in_other_modes(conninfo, person, mode):
    assert psql(conninfo(sslmode=mode), "select current_user") == person.name


def test_a_wildcard_name_chooses_the_service(conninfo, person, opened, service):
    info = conninfo(f"{service}.edge.test")
    assert psql(info, "select current_user") == person.name
    eventually(lambda: service in opened(person))


def test_a_name_under_the_wildcard_without_a_service_is_denied(conninfo):
    done = run_client("psql", "-XAtq", "-d", conninfo("nowhere.edge.test"), "-c", "select 1")
    assert done.returncode == 2
    assert "pgward: the service does not exist or is not open to you" in done.stderr
    assert "pgward services" in done.stderr


def test_an_edge_without_a_default_says_what_to_do(stack, conninfo):
    info = conninfo(f"{stack.edge.directory.name}.test", port=stack.edge.port)
    done = run_client("psql", "-XAtq", "-d", info, "-c", "select 1")
    assert done.returncode == 2
    assert "this edge cannot tell which service you want" in done.stderr
    assert "connect to SERVICE.DOMAIN of this edge, or use pgward connect" in done.stderr


def test_direct_tls_with_alpn_postgresql(edge, person, paths):
    """What libpq 17's sslnegotiation=direct does, by OpenSSL."""
    command = ["openssl", "s_client", "-quiet", "-alpn", "postgresql", "-verify_return_error"]
    names = ["-servername", "orders.edge.test", "-verify_hostname", "orders.edge.test"]
    files = ["-cert", paths.cert, "-key", paths.key, "-CAfile", paths.ca, "-cert_chain", paths.cert]
    with subprocess.Popen(
        [*command, *names, *map(str, files), "-connect", f"127.0.0.1:{edge.port}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as client:
        client.stdin.write(startup(person.name))
        client.stdin.flush()
        answer = client.stdout.read(9)
        client.kill()
    assert answer == b"R\0\0\0\x08\0\0\0\0"  # AuthenticationOk


def test_direct_tls_without_alpn(edge, person, paths):
    with tls(edge, paths) as client:
        client.sendall(startup(person.name))
        assert client.recv(9).startswith(b"R\0\0\0\x08")


def test_a_gssenc_request_first(edge, person, paths):
    """What libpq with Kerberos credentials does before it asks for TLS."""
    raw = socket.create_connection(edge.address, 20)
    raw.sendall(gssenc_request())
    assert raw.recv(1) == b"N"
    raw.sendall(ssl_request())
    assert raw.recv(1) == b"S"
    with trusting(paths).wrap_socket(raw, server_hostname="orders.edge.test") as client:
        client.sendall(startup(person.name))
        assert client.recv(9).startswith(b"R\0\0\0\x08")


def test_bytes_sent_in_clear_behind_an_ssl_request_are_not_taken(edge):
    """A man in the middle must not be able to put bytes before the handshake (CVE-2021-23214)."""
    with socket.create_connection(edge.address, 20) as raw:
        raw.sendall(ssl_request() + startup("mallory"))
        assert raw.recv(1) == b"S"
        with contextlib.suppress(ConnectionResetError):
            assert raw.recv(4096).startswith(b"E")


def test_a_cancel_request_straight_through_the_edge(conninfo):
    """Encrypted, as libpq 17 does it; an older libpq sends it in clear, which no edge takes."""
    with psycopg.connect(conninfo(), autocommit=True) as session:
        assert cancelled(session)
        assert session.execute("select 1").fetchone() == (1,)


def test_plain_postgresql_is_told_to_use_tls(edge, person):
    info = f"host=127.0.0.1 port={edge.port} user={person.name} dbname=app sslmode=disable"
    done = run_client("psql", "-XAtq", "-d", info, "-c", "select 1")
    assert done.returncode == 2
    assert "pgward: this edge speaks TLS only" in done.stderr
    assert "sslmode=verify-full with your login certificate, or pgward connect" in done.stderr


def test_tls_1_2_is_refused(edge, paths):
    context = trusting(paths)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    raw = socket.create_connection(edge.address, 20)
    with raw, pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        context.wrap_socket(raw, server_hostname="orders.edge.test")


def test_no_session_ticket_is_given(edge, paths):
    """A resumed session would let in whom the edge no longer trusts."""
    with tls(edge, paths) as client:
        client.sendall(startup("nobody"))
        client.recv(1)
        assert client.session is None or not client.session.has_ticket


def test_pgbench_straight_to_the_edge(conninfo):
    done = run_client("pgbench", "-i", "-q", "-s", 1, conninfo())
    assert done.returncode == 0, done.stderr
    done = run_client("pgbench", "-S", "-c", 4, "-t", 50, conninfo())
    assert "number of transactions actually processed: 200/200" in done.stdout


def trusting(paths) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=paths.ca)
    context.load_cert_chain(paths.cert, paths.key)
    return context


def tls(edge, paths, name="orders.edge.test") -> ssl.SSLSocket:
    raw = socket.create_connection(edge.address, 20)
    return trusting(paths).wrap_socket(raw, server_hostname=name)
