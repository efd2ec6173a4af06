"""Sessions of an edge that speaks PostgreSQL, by every way in; the clients are psql and psycopg."""

from contextlib import closing

import psycopg
import pytest

from pgward.client.home import Home
from tests.fixtures.edge_process import eventually
from tests.fixtures.tunnel_process import psql, run_client
from tests.integration.test_tunnel_clients import cancelled

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def person(stack):
    return stack.person()


@pytest.fixture(scope="module")
def paths(person):
    return Home(person.home).paths


@pytest.fixture(scope="module")
def service(stack, person):
    return stack.aware(person)


@pytest.fixture(scope="module")
def straight(stack, person, paths, service):
    """Connection settings of a client with a login certificate and no tunnel."""

    def make(**options):
        fields = {
            "host": f"{service.name}.edge.test",
            "hostaddr": "127.0.0.1",
            "port": stack.edge.port,
            "user": person.name,
            "dbname": "anything",
            "sslmode": "verify-full",
            "sslcert": paths.cert,
            "sslkey": paths.key,
            "sslrootcert": paths.ca,
        } | options
        return psycopg.conninfo.make_conninfo(**fields)

    return make


WHO = "select session_user, current_database(), current_setting('application_name')"


def test_a_client_with_a_certificate_lands_where_the_service_says(straight, service, person):
    with psycopg.connect(straight(application_name="report")) as connection:
        found = connection.execute(WHO).fetchone()
    assert found == (service.role, "app", f"{person.name} via pgward: report")


def test_psql_through_a_tunnel(stack, person, service):
    with stack.tunnel(person, service.name) as tunnel:
        for _ in range(2):  # one after the other on one link
            assert tunnel.psql(WHO).startswith(f"{service.role}|app|{person.name} via pgward: ")


def test_a_one_time_password_is_good_once(person, service):
    made = person.data("otp", service.name)
    assert "otp-" in made["uri"]
    found = psql(made["uri"], WHO)
    assert found.startswith(f"{service.role}|app|{person.name} via pgward: ")
    again = run_client("psql", "-XAtq", "-d", made["uri"], "-c", "select 1")
    assert again.returncode == 2
    assert "that one-time password is not known here, was used, or is too old" in again.stderr
    assert "pgward otp SERVICE gives another" in again.stderr


def test_a_token_is_a_user_name_and_a_password(person, service):
    made = person.data("token", service.name)
    for _ in range(2):
        with psycopg.connect(made["uri"], password=made["password"]) as connection:
            assert connection.execute("select session_user").fetchone() == (service.role,)
    with psycopg.connect(
        made["uri"], password=made["password"], channel_binding="require"
    ) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="that token is not known here"):
        psycopg.connect(made["uri"], password="wrong")


def test_a_query_is_cancelled_straight_and_through_a_tunnel(stack, straight, person, service):
    with psycopg.connect(straight(), autocommit=True) as session:
        assert cancelled(session)
        assert session.execute("select 1").fetchone() == (1,)
        own = session.info.backend_pid
        inside = session.execute("select pg_backend_pid()").fetchone()[0]
    assert own == inside
    with (
        stack.tunnel(person, service.name) as tunnel,
        psycopg.connect(tunnel.conninfo, autocommit=True) as session,
    ):
        assert cancelled(session)
        assert session.execute("select 1").fetchone() == (1,)


def test_who_may_not_is_told_so_and_no_more(stack, straight):
    stranger = stack.person()
    paths = Home(stranger.home).paths
    conninfo = straight(user=stranger.name, sslcert=paths.cert, sslkey=paths.key)
    with pytest.raises(psycopg.OperationalError, match="does not exist or is not open to you"):
        psycopg.connect(conninfo)
    with pytest.raises(psycopg.OperationalError, match="a one-time password or a token"):
        psycopg.connect(straight(sslcert="none", sslkey="none"))


def test_a_wrong_secret_is_the_administrators_affair(stack, person, straight):
    service = stack.aware(person)
    stack.site.admin.ok("secret", "rotate", service.name, stdin="another")
    host = f"{service.name}.edge.test"
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(straight(host=host))
    assert "the database does not let the edge in" in str(caught.value)
    assert service.role not in str(caught.value)
    stack.site.admin.ok("secret", "rotate", service.name, stdin=service.password)

    def lets_in() -> bool:  # a secret that was looked at a moment ago is not asked for again
        try:
            psycopg.connect(straight(host=host)).close()
        except psycopg.OperationalError:
            return False
        return True

    eventually(lets_in, what="the secret that is right again was never used")


@pytest.mark.parametrize("mode", [pytest.param("disable", marks=pytest.mark.soak), "prefer"])
def test_through_a_tunnel_a_refusal_is_told_whatever_the_client_asks_first(stack, mode):
    person = stack.person()
    service = stack.aware(person, limits={"maxConnectionsPerUser": 1})
    with stack.tunnel(person, service.name) as tunnel:
        conninfo = psycopg.conninfo.make_conninfo(tunnel.conninfo, sslmode=mode)
        with psycopg.connect(conninfo):
            with pytest.raises(psycopg.OperationalError, match="you use 1 of 1 connections"):
                psycopg.connect(conninfo)
            done = run_client("psql", "-XAtq", "-d", conninfo, "-c", "select 1")
            assert "you use 1 of 1 connections" in done.stderr


def busy(connection: psycopg.Connection) -> None:
    while True:
        connection.execute("select pg_sleep(0.05)")


def test_a_blocked_person_is_told_why_and_cut(stack, straight):
    person = stack.person()
    service = stack.aware(person)
    paths = Home(person.home).paths
    conninfo = straight(
        host=f"{service.name}.edge.test", user=person.name, sslcert=paths.cert, sslkey=paths.key
    )
    with psycopg.connect(conninfo, autocommit=True) as connection:
        stack.site.admin.ok("user", "block", person.name)
        with pytest.raises(psycopg.OperationalError, match="your account is blocked") as caught:
            busy(connection)
    assert caught.value.sqlstate == "57P01"


def test_what_a_blocked_person_has_running_is_ended_at_postgresql(stack, straight):
    person = stack.person()
    service = stack.aware(person)
    paths = Home(person.home).paths
    conninfo = straight(
        host=f"{service.name}.edge.test", user=person.name, sslcert=paths.cert, sslkey=paths.key
    )

    def running() -> str:
        return stack.cluster.psql(
            f"select count(*) from pg_stat_activity where usename = '{service.role}'"
            " and state = 'active' and query like '%pg_sleep(600)%'"
        ).strip()

    with closing(psycopg.connect(conninfo, autocommit=True)) as connection:
        connection.pgconn.send_query(b"select pg_sleep(600)")
        eventually(lambda: running() == "1", what="the statement never ran")
        stack.site.admin.ok("user", "block", person.name)
        eventually(lambda: running() == "0", what="the statement goes on")
