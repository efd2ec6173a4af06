"""A tunnel on a Unix socket, where clients speak no TLS, to servers that want it."""

import psycopg
import pytest

from tests.fixtures.edge_process import eventually
from tests.fixtures.tunnel_process import run_client

pytestmark = pytest.mark.integration
WHO = "select current_user, ssl, client_dn from pg_stat_ssl where pid = pg_backend_pid()"


@pytest.fixture(scope="module")
def person(stack):
    return stack.person()


@pytest.fixture(scope="module")
def tunnel(stack, person):
    with stack.tunnel(person, stack.service(person, sslMode="verify-full"), "--socket") as made:
        yield made


@pytest.mark.parametrize("mode", ["verify-full", "verify-ca", "require"])
def test_the_tunnel_shows_the_certificate_in_the_clients_place(stack, person, mode):
    service = stack.service(person, sslMode=mode)
    with stack.tunnel(person, service, "--socket") as tunnel:
        assert "ssl" not in tunnel.conninfo
        assert tunnel.psql(WHO) == f"{person.name}|t|/CN={person.name}"
        assert person.ok("psql", service, "--", "-XAtqc", "select 1") == "1\n"


def test_a_query_is_cancelled(tunnel):
    with tunnel.connect() as session:
        session.pgconn.send_query(b"select pg_sleep(60)")
        session.cancel_safe()
        result = session.pgconn.get_result()
        assert b"canceling statement due to user request" in result.error_message
        while session.pgconn.get_result() is not None:
            pass
        assert session.execute("select 2").fetchone() == (2,)


def test_large_results_and_loads_arrive_whole(tunnel):
    with tunnel.connect() as session, session.cursor() as cursor:
        cursor.execute("create temp table t (n int, word text)")
        with cursor.copy("copy t from stdin") as load:
            for number in range(200_000):
                load.write_row((number, f"word {number} " + "x" * 40))
        counted = cursor.execute("select count(*), sum(n) from t").fetchone()
        with cursor.copy("copy (select * from t order by n) to stdout") as unload:
            rows = [line.split(b"\t") for line in b"".join(map(bytes, unload)).splitlines()]
        assert (len(rows), sum(int(row[0]) for row in rows)) == counted
        assert rows[-1][1].startswith(b"word 199999 ")


def test_pgbench_with_many_clients(tunnel):
    assert run_client("pgbench", "-i", "-q", "-s", 1, tunnel.conninfo).returncode == 0
    done = run_client("pgbench", "-S", "-c", 20, "-j", 2, "-t", 50, tunnel.conninfo)
    assert "number of transactions actually processed: 1000/1000" in done.stdout, done.stderr


def test_a_server_with_another_name_gets_nothing(stack, person):
    service = stack.service(person, sslMode="verify-full", serverName="other.test")
    with stack.tunnel(person, service, "--socket") as tunnel:
        said = tunnel.refused()
        assert "PostgreSQL did not prove that it is other.test: Hostname mismatch" in said
        assert "do not go on without knowing why" in said


def test_a_refusal_of_the_edge_is_read_by_the_client(stack):
    person = stack.person()
    with stack.tunnel(person, stack.service(person), "--socket") as tunnel:
        assert tunnel.psql("select 1") == "1"
        stack.site.api.post(f"/v1/users/{person.name}/block", {"reason": "test"})
        tunnel.says("your account is blocked")
        assert "pgward: your account is blocked" in tunnel.refused()


def test_sessions_leave_no_descriptor_behind(stack, person):
    with stack.tunnel(person, stack.service(person), "--socket") as tunnel:
        with tunnel.connect() as session:
            session.execute("select 1")
        before = tunnel.fds()
        for _ in range(20):
            with tunnel.connect() as session:
                session.execute("select 1")
        with pytest.raises(psycopg.OperationalError):
            tunnel.connect(dbname="none")
        eventually(lambda: tunnel.fds() <= before)
