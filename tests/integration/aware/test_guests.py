"""Guests at an edge: what ends them; and secrets and certificates that the edge logs in with."""

import psycopg
import pytest

from pgward.client.home import Home
from pgward.core import handles
from tests.fixtures.stack import SERVER_NAME

pytestmark = pytest.mark.integration
LONG = 400  # times 50 ms


@pytest.fixture
def person(stack):
    return stack.person()


@pytest.fixture
def service(stack, person):
    return stack.aware(person)


def with_otp(person, service) -> psycopg.Connection:
    return psycopg.connect(person.data("otp", service.name)["uri"], autocommit=True)


def with_token(person, service) -> tuple[psycopg.Connection, str]:
    made = person.data("token", service.name)
    connection = psycopg.connect(made["uri"], password=made["password"], autocommit=True)
    return connection, made["id"]


def end_of(connection: psycopg.Connection) -> psycopg.OperationalError:
    """Return how a session is ended within some seconds."""
    with pytest.raises(psycopg.OperationalError) as caught:
        _busy(connection)
    return caught.value


def _busy(connection: psycopg.Connection) -> None:
    for _ in range(LONG):
        connection.execute("select pg_sleep(0.05)")


def test_a_token_that_is_revoked_cuts_what_runs_on_it_and_nothing_else(person, service):
    connection, token = with_token(person, service)
    with with_otp(person, service) as other:
        person.ok("tokens", "revoke", token)
        assert end_of(connection).sqlstate == "57P01"
        assert other.execute("select 1").fetchone() == (1,)


@pytest.mark.soak
def test_who_logs_out_is_cut_whichever_way_in_it_was(person, service):
    by_token, _ = with_token(person, service)
    by_otp = with_otp(person, service)
    person.ok("logout")
    assert {end_of(each).sqlstate for each in (by_token, by_otp)} == {"57P01"}


def test_who_is_blocked_is_cut_and_comes_by_nothing(stack, person, service):
    uri = person.data("otp", service.name)["uri"]
    connection, _ = with_token(person, service)
    stack.site.admin.ok("user", "block", person.name)
    assert end_of(connection).sqlstate == "57P01"
    with pytest.raises(psycopg.OperationalError, match="that one-time password is not known here"):
        psycopg.connect(uri)


def test_a_secret_is_rotated_without_anybody_noticing(stack, person, service):
    with with_otp(person, service) as before:
        stack.site.admin.ok("secret", "rotate", service.name, stdin="the next one")
        with with_otp(person, service) as between:
            assert between.execute("select 1").fetchone() == (1,)
        stack.cluster.psql(f"""alter role "{service.role}" password 'the next one'""")
        with with_otp(person, service) as after:
            assert after.execute("select session_user").fetchone() == (service.role,)
        assert before.execute("select session_user").fetchone() == (service.role,)


@pytest.mark.soak
def test_an_edge_that_does_not_serve_it_uses_no_one_time_password_up(stack, person, service):
    stranger = stack.new_edge()
    stack.aware(person, edges=(stranger,))
    uri = person.data("otp", service.name)["uri"]
    mine, other = f":{stack.edge.port}/", f":{stranger.port}/"
    elsewhere = uri.replace(mine, other).replace(
        f"@{stack.edge.directory.name}.", f"@{stranger.directory.name}."
    )
    with pytest.raises(psycopg.OperationalError, match="that one-time password is not known here"):
        psycopg.connect(elsewhere)
    stranger.close()
    with psycopg.connect(uri) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_one_time_password_is_in_no_log_and_no_file(stack, person, service):
    uri = person.data("otp", service.name)["uri"]
    user = psycopg.conninfo.conninfo_to_dict(uri)["user"]
    secret = handles.read(user).text
    with psycopg.connect(uri) as connection:
        connection.execute("select 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(uri)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(uri.replace(secret, secret[:-1]))
    needle = secret[:-1].encode()
    places = [*stack.site.directory.rglob("*"), *stack.edge.directory.rglob("*")]
    found = [path for path in places if path.is_file() and needle in path.read_bytes()]
    assert found == []
    assert secret[:-1] not in stack.cluster.log_tail(100_000)
    assert secret[:-1] not in repr(stack.audit())


def test_postgresql_sees_the_person_in_a_certificate_that_the_edge_has_minted(stack, person):
    block = {
        "user": {"fromPerson": True},
        "auth": {"certificate": {}},
        "sslMode": "verify-full",
        "serverName": SERVER_NAME,
    }
    service = stack.aware(person, postgres=block)
    seen = "select session_user, client_dn from pg_stat_ssl where pid = pg_backend_pid()"
    expected = (person.name, f"/CN={person.name}")
    with with_otp(person, service) as connection:
        assert connection.execute(seen).fetchone() == expected
    paths = Home(person.home).paths
    by_certificate = {
        "host": f"{service.name}.edge.test",
        "hostaddr": "127.0.0.1",
        "port": stack.edge.port,
        "user": person.name,
        "sslmode": "verify-full",
        "sslcert": str(paths.cert),
        "sslkey": str(paths.key),
        "sslrootcert": str(paths.ca),
    }
    for _ in range(3):
        with psycopg.connect(**by_certificate) as connection:
            assert connection.execute(seen).fetchone() == expected
    minted = [each for each in stack.audit(action="certificate.mint") if service.name in str(each)]
    # One for each login session that a connection rests on, and not for each connection.
    assert len(minted) == 2
    assert {each["details"]["user"] for each in minted} == {person.name}
    kinds = {each["kind"] for each in person.data("certificates")}
    assert kinds == {"person", "minted"}
