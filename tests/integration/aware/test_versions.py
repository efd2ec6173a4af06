"""An edge between PostgreSQL 11 to 18 and the libpq of each, by each way to log in."""

import sys
from collections.abc import Iterator

import psycopg
import pytest

from pgward.system.postgres import Cluster, temporary_directory
from tests.fixtures.ca import Person
from tests.fixtures.drivers import Trial
from tests.fixtures.postgres import VERSIONS, matrix_binaries, reachable
from tests.fixtures.stack import DATABASE, SERVER_NAME, Stack, enable_tls
from tests.integration.aware.test_completeness import straight
from tests.integration.test_tunnel_clients import cancelled

pytestmark = [pytest.mark.integration, pytest.mark.matrix]

SENDS_SNI = 14  # so an edge knows which service is meant, where the name leads to it
_HBA = """\
local all all trust
hostssl all +by_certificate all cert
host all +by_md5 all md5
host all +by_scram all scram-sha-256
hostssl all +by_password all password
host all +by_trust all trust
"""
_VERIFIED = {"sslMode": "verify-full", "serverName": SERVER_NAME}
WAYS = {
    "scram": ("by_scram", {"sslMode": "disable"}),
    "scram-plus": ("by_scram", _VERIFIED),
    "md5": ("by_md5", _VERIFIED),
    "clear": ("by_password", _VERIFIED),
    "none": ("by_trust", {"sslMode": "prefer", "auth": {"none": True}}),
    "certificate": (
        "by_certificate",
        _VERIFIED | {"user": {"fromPerson": True}, "auth": {"certificate": {}}},
    ),
}
_CANCEL = """\
import ctypes, select, sys
libpq = ctypes.CDLL(sys.argv[1])
for name in ("PQconnectdb", "PQexec", "PQgetResult", "PQgetCancel"):
    getattr(libpq, name).restype = ctypes.c_void_p
for name in ("PQerrorMessage", "PQresultErrorMessage", "PQgetvalue"):
    getattr(libpq, name).restype = ctypes.c_char_p
connection = ctypes.c_void_p(libpq.PQconnectdb(sys.argv[2].encode()))
if libpq.PQstatus(connection) != 0:
    sys.exit(libpq.PQerrorMessage(connection).decode())
libpq.PQsendQuery(connection, b"select pg_sleep(60)")
key, words = ctypes.c_void_p(libpq.PQgetCancel(connection)), ctypes.create_string_buffer(256)
for _ in range(20):  # a server does nothing about one that comes before the query has begun
    if not libpq.PQcancel(key, words, 256):
        sys.exit(words.value.decode())
    if select.select([libpq.PQsocket(connection)], [], [], 1)[0]:
        break
result = ctypes.c_void_p(libpq.PQgetResult(connection))
print(libpq.PQresultErrorMessage(result).decode())
while libpq.PQgetResult(connection):
    pass
again = ctypes.c_void_p(libpq.PQexec(connection, b"select 'and goes on'"))
print(libpq.PQgetvalue(again, 0, 0).decode())
libpq.PQfinish(connection)
"""


@pytest.fixture(scope="module")
def person(stack: Stack) -> Person:
    return stack.person()


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest, stack: Stack, person: Person) -> Iterator[Cluster]:
    """A server with a group of roles for each way, and a role for the person."""
    with temporary_directory() as directory:
        binaries = reachable(matrix_binaries(request.param), directory)
        cluster = Cluster(directory, binaries, settings={"max_prepared_transactions": "2"})
        cluster.init()
        (cluster.data_dir / "pg_hba.conf").write_text(_HBA)
        try:
            cluster.start()
            groups = dict.fromkeys(group for group, _ in WAYS.values())
            cluster.psql("; ".join(f"create role {group}" for group in groups))
            cluster.psql(f"""create role "{person.name}" login in role by_certificate""")
            cluster.psql(f"create database {DATABASE}")
            enable_tls(cluster, stack.site)
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(params=WAYS)
def session(
    request: pytest.FixtureRequest, stack: Stack, person: Person, server: Cluster
) -> Iterator[psycopg.Connection]:
    """A session through the edge, which the edge logs in by each way."""
    group, block = WAYS[request.param]
    upstream = {"host": "localhost", "port": server.port}
    block = block if "user" in block else block | {"database": {"force": DATABASE}}
    service = stack.aware(person, postgres=block, upstream=upstream)
    hashed = "md5" if request.param == "md5" else "scram-sha-256"
    server.psql(
        f"""set client_min_messages = error; set password_encryption = '{hashed}';
        create role "{service.role}" login password '{service.password}' in role {group}"""
    )
    with psycopg.connect(straight(person, stack.edge, service.name), autocommit=True) as made:
        found = made.execute("select current_user").fetchone()
        assert found == (person.name if "user" in block else service.role,)
        yield made


def test_a_session(session, server):
    assert session.info.server_version // 10_000 == server.version
    assert session.execute("select 1; select 2").fetchone() == (1,)  # a simple query
    found = session.execute("select %b::int, %t", [7, "é"], binary=True, prepare=True)
    assert found.fetchone() == (7, "é")
    with pytest.raises(psycopg.errors.DivisionByZero):
        session.execute("select 1 / 0")
    with session.pipeline():
        cursors = [session.execute("select %s::int", [i]) for i in range(200)]
        assert [each.fetchone() for each in cursors] == [(i,) for i in range(200)]
    session.execute("create temporary table t (i int); listen news")
    with session.cursor().copy("copy t from stdin") as copy:
        for i in range(1000):
            copy.write_row([i])
    with session.cursor().copy("copy t to stdout") as copy:
        assert sum(int(row[0]) for row in copy.rows()) == 499_500
    session.execute("notify news, 'heard'")
    assert [each.payload for each in session.notifies(timeout=20, stop_after=1)] == ["heard"]
    assert cancelled(session)
    assert session.execute("select 'and goes on'").fetchone() == ("and goes on",)


@pytest.fixture(scope="module")
def service(stack: Stack, person: Person) -> str:
    return stack.aware(person).name


def asked_to_cancel(trial: Trial, version: int, conninfo: str) -> list[str]:
    """Return what a session says that a libpq has cancelled a statement in."""
    library = matrix_binaries(version).parent / "lib"
    command = (sys.executable, trial.file("cancel.py", _CANCEL), library / "libpq.so.5", conninfo)
    return trial.run(*command, LD_LIBRARY_PATH=str(library)).splitlines()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("way", ["certificate", "token", "otp"])
def test_libpq_of_every_version(stack, person, service, trial, *, version, way):
    conninfo = straight(person, stack.edge, service)
    if way != "certificate":
        told = person.data(way, service)
        given = {"password": told["password"]} if "password" in told else {}
        conninfo = psycopg.conninfo.make_conninfo(told["uri"], **given)
    elif version < SENDS_SNI:
        with pytest.raises(AssertionError, match="cannot tell which service you want"):
            asked_to_cancel(trial, version, conninfo)
        return
    first, *_, last = asked_to_cancel(trial, version, conninfo)
    assert "canceling statement due to user request" in first
    assert last == "and goes on"
