"""LoginOut, and the messages of a session, against servers that nobody here wrote."""

import os
import select
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trustme

from pgward.pgwire import backend, frontend, startup
from pgward.pgwire.binding import end_point
from pgward.pgwire.demands import Demands
from pgward.pgwire.errors import LoginFailedError
from pgward.pgwire.framing import Framer
from pgward.pgwire.login_out import LoginOut
from pgward.system.postgres import Cluster, find_binaries, temporary_directory
from tests.fixtures.postgres import VERSIONS, matrix_binaries, reachable

PASSWORD = "Gr\u00fc\u00dfe\u00ad 'quoted'"  # SASLprep has work to do
HBA = """\
local all postgres trust
host all,replication trusted 127.0.0.1/32 trust
host all clear 127.0.0.1/32 password
host all hashed 127.0.0.1/32 md5
hostssl all certified 127.0.0.1/32 cert
host all all 127.0.0.1/32 scram-sha-256
"""
ROLES = f"""
create role trusted login replication; create role certified login;
create role clear login password '{PASSWORD.replace("'", "''")}';
create role salted login password '{PASSWORD.replace("'", "''")}';
set password_encryption = 'md5';
create role hashed login password '{PASSWORD.replace("'", "''")}';
"""
AUTHORITY = trustme.CA()


def write(cluster: Cluster, name: str, data: bytes) -> None:
    path = cluster.data_dir / name
    path.write_bytes(data)
    path.chmod(0o600)
    owner = cluster.data_dir.stat()
    os.chown(path, owner.st_uid, owner.st_gid)


OTHERS = [pytest.param(each, marks=pytest.mark.matrix) for each in VERSIONS if each != 18]


@pytest.fixture(scope="module", params=["newest", 18, *OTHERS])
def server(request) -> Iterator[Cluster]:
    with temporary_directory() as directory:
        wanted = request.param
        programs = (
            find_binaries() if wanted == "newest" else reachable(matrix_binaries(wanted), directory)
        )
        cluster = Cluster(directory, programs, settings={"ssl": "on", "ssl_ca_file": "ca.crt"})
        cluster.init()
        leaf = AUTHORITY.issue_cert("localhost", "127.0.0.1")
        write(cluster, "server.crt", b"".join(each.bytes() for each in leaf.cert_chain_pems))
        write(cluster, "server.key", leaf.private_key_pem.bytes())
        write(cluster, "ca.crt", AUTHORITY.cert_pem.bytes())
        write(cluster, "pg_hba.conf", HBA.encode())
        try:
            cluster.start().psql(ROLES)
            yield cluster
        finally:
            cluster.stop()


@contextmanager
def reached(cluster: Cluster, *, tls: bool, certificate: str | None = None):
    """Connect; give the socket and what ties a password to it."""
    with socket.create_connection((cluster.host, cluster.port), timeout=20) as plain:
        if not tls:
            yield plain, None
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        AUTHORITY.configure_trust(context)
        if certificate is not None:
            AUTHORITY.issue_cert("client.test", common_name=certificate).configure_cert(context)
        plain.sendall(startup.ssl_request())
        assert plain.recv(1) == b"S"
        with context.wrap_socket(plain, server_hostname="localhost") as secured:
            yield secured, end_point(secured.getpeercert(binary_form=True))


def log_in(stream: socket.socket, login: LoginOut) -> LoginOut:
    stream.sendall(login.begin())
    while not login.done:
        data = stream.recv(65536)
        if not data:
            raise login.ended()
        if answer := login.receive(data):
            stream.sendall(answer)
    return login


def login_of(user: str, stream, binding, **more) -> LoginOut:
    how = {
        "password": PASSWORD.encode(),
        "tls": "verified" if isinstance(stream, ssl.SSLSocket) else "none",
    } | more
    parameters = {"user": user, "database": "postgres", "application_name": "wire"}
    return log_in(stream, LoginOut(parameters, binding=binding, nonce="c" * 24, **how))


def ask(stream: socket.socket, *said: bytes) -> list[tuple[bytes, bytes]]:
    """Send messages; return the answers up to ReadyForQuery."""
    stream.sendall(b"".join(said))
    framer, found = Framer(1024 * 1024), []
    while not found or found[-1][0] != backend.READY:
        data = stream.recv(65536)
        assert data, "the server closed the connection"
        framer.feed(data)
        found += iter(framer.next, None)
    return found


@pytest.mark.parametrize(
    ("user", "tls", "method"),
    [
        ("trusted", False, "none"),
        ("trusted", True, "none"),
        ("clear", True, "password"),
        ("hashed", False, "md5"),
        ("hashed", True, "md5"),
        ("salted", False, "SCRAM-SHA-256"),
        ("salted", True, "SCRAM-SHA-256-PLUS"),
        ("certified", True, "none"),
    ],
)
def test_every_way_in(server, user, tls, method) -> None:
    with reached(server, tls=tls, certificate="certified") as (stream, binding):
        login = login_of(user, stream, binding)
        assert login.method == method
        assert login.parameters["server_version"].startswith(str(server.version))
        assert login.parameters["application_name"] == "wire"
        said = dict(ask(stream, frontend.query("select current_user")))
        assert backend.read_data_row(said[b"D"]) == (user.encode(),)


def test_scram_without_binding_over_tls(server) -> None:
    with reached(server, tls=True) as (stream, _):
        assert login_of("salted", stream, None).method == "SCRAM-SHA-256"


def test_channel_binding_is_required(server) -> None:
    with reached(server, tls=True) as (stream, binding):
        login = login_of("salted", stream, binding, demands=Demands(binding="require"))
        assert login.method == "SCRAM-SHA-256-PLUS"
    with (
        reached(server, tls=True) as (stream, binding),
        pytest.raises(LoginFailedError, match="channel binding is required"),
    ):
        login_of("clear", stream, binding, demands=Demands(binding="require"))


def test_another_connections_binding_is_refused(server) -> None:
    with (
        reached(server, tls=True) as (stream, _),
        pytest.raises(LoginFailedError, match="channel binding check failed"),
    ):
        login_of("salted", stream, bytes(32))


def test_clear_text_without_tls(server) -> None:
    with (
        reached(server, tls=False) as (stream, _),
        pytest.raises(LoginFailedError, match="clear text over a connection without TLS"),
    ):
        login_of("clear", stream, None)


@pytest.mark.parametrize("user", ["clear", "hashed", "salted", "nobody"])
def test_a_wrong_password(server, user) -> None:
    with reached(server, tls=True) as (stream, binding):
        with pytest.raises(LoginFailedError) as caught:
            login_of(user, stream, binding, password=b"hunter2")
        assert caught.value.sqlstate == "28P01"
        assert caught.value.fields["M"] == f'password authentication failed for user "{user}"'


def test_a_database_that_is_not_there(server) -> None:
    parameters = {"user": "trusted", "database": "nowhere"}
    login = LoginOut(parameters, password=None, tls="none", binding=None, nonce="abc")
    with (
        reached(server, tls=False) as (stream, _),
        pytest.raises(LoginFailedError, match="nowhere") as caught,
    ):
        log_in(stream, login)
    assert caught.value.sqlstate == "3D000"


def test_the_newest_protocol_and_its_long_keys_cancel(server) -> None:
    with reached(server, tls=False) as (stream, _):
        login = login_of("trusted", stream, None, minor=2)
        assert (login.minor, len(login.key[1])) == ((2, 32) if server.version >= 18 else (0, 4))
        stream.sendall(frontend.query("select pg_sleep(60)"))
        while not select.select([stream], [], [], 0.2)[0]:  # it may come before the query does
            with reached(server, tls=False) as (other, _):
                other.sendall(startup.cancel(*login.key))
                assert other.recv(1) == b""
        said = dict(ask(stream))
        assert backend.read_fields(said[b"E"])["C"] == "57014"


def test_options_of_the_protocol_that_no_server_knows(server) -> None:
    parameters = {"user": "trusted", "database": "postgres", "_pq_.none": "1"}
    made = LoginOut(parameters, password=None, tls="none", binding=None, nonce="abc")
    with reached(server, tls=False) as (stream, _):
        assert log_in(stream, made).unrecognised == ("_pq_.none",)


def test_what_a_session_says_is_understood(server) -> None:
    """Every message of the extended query, a function, a COPY each way, a notification."""
    with reached(server, tls=False) as (stream, _):
        login = login_of("trusted", stream, None)
        extended = ask(
            stream,
            frontend.parse("s", "select $1::int4, $2::text", [23]),
            frontend.describe(frontend.STATEMENT, "s"),
            frontend.bind("p", "s", [b"\0\0\0\7", None], formats=[1, 0], result_formats=[1]),
            frontend.describe(frontend.PORTAL, "p"),
            frontend.execute("p", 1),
            frontend.close(frontend.PORTAL, "p"),
            frontend.flush(),
            frontend.sync(),
        )
        assert b"".join(kind for kind, _ in extended) == b"1tT2TDs3Z"
        said = dict(extended)
        assert backend.read_parameter_description(said[b"t"]) == (23, 25)
        columns = backend.read_row_description(said[b"T"])
        assert [(each.name, each.type, each.format) for each in columns] == [
            ("int4", 23, 1),
            ("text", 25, 1),
        ]
        assert backend.read_data_row(said[b"D"]) == (b"\0\0\0\7", None)
        oid = int(backend.read_data_row(dict(ask(stream, frontend.query(LENGTH)))[b"D"])[0])
        called = dict(ask(stream, frontend.function_call(oid, [b"four"])))
        assert backend.read_function_result(called[b"V"]) == b"4"
        heard = dict(ask(stream, frontend.query("listen l; notify l, 'hello'")))
        assert backend.read_notification(heard[b"A"]) == (login.key[0], "l", "hello")
        out = dict(ask(stream, frontend.query("copy (select 1, 2) to stdout")))
        assert (backend.read_copy_response(out[b"H"]), out[b"d"]) == ((0, (0, 0)), b"1\t2\n")
        given = ask(
            stream,
            frontend.query("create temp table t (a int, b text); copy t from stdin"),
            frontend.copy_data(b"1\ttwo\n3\t"),
            frontend.copy_data(b"four\n"),
            frontend.copy_done(),
        )
        tags = [backend.read_command_complete(body) for kind, body in given if kind == b"C"]
        assert tags == ["CREATE TABLE", "COPY 2"]
        failed = dict(
            ask(stream, frontend.query("copy t from stdin"), frontend.copy_fail("disk full"))
        )
        assert "disk full" in backend.read_fields(failed[b"E"])["M"]
        stream.sendall(frontend.terminate())
        assert stream.recv(1) == b""


def test_replication_copies_both_ways(server) -> None:
    parameters = {"user": "trusted", "replication": "true"}
    login = LoginOut(parameters, password=None, tls="none", binding=None, nonce="abc")
    with reached(server, tls=False) as (stream, _):
        log_in(stream, login)
        said = dict(ask(stream, frontend.query("IDENTIFY_SYSTEM")))
        place = backend.read_data_row(said[b"D"])[2].decode()
        begin = frontend.query(f"START_REPLICATION PHYSICAL {place}")
        said = dict(ask(stream, begin, frontend.copy_done()))
        assert backend.read_copy_response(said[backend.COPY_BOTH]) == (0, ())
        assert said[backend.COPY_DONE] == b""


LENGTH = "select oid from pg_proc where proname = 'length' and proargtypes = '25'"


def test_an_error_has_the_fields_that_the_manual_names(server) -> None:
    with reached(server, tls=False) as (stream, _):
        login_of("trusted", stream, None)
        ask(stream, frontend.query("create temp table t (a int primary key)"))
        said = dict(ask(stream, frontend.query("insert into t values (1), (1)")))
        found = backend.read_fields(said[b"E"])
        assert (found["C"], found["t"], found["n"]) == ("23505", "t", "t_pkey")
        assert set(found) <= {"S", "V", "C", "M", *backend.FIELDS.values()}
