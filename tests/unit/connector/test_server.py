from contextlib import contextmanager

import psycopg
import pytest

from pgward.client.secrets.provider import SecretAwayError
from pgward.connector import server as module
from pgward.connector.assignment import ServerSettings
from pgward.connector.conninfo import Credentials
from pgward.connector.lock import HeldError
from pgward.connector.server import PostgresServer, StandbyError
from pgward.core.errors import DeniedError, InvalidInputError, UnavailableError
from tests.fixtures.connectors import settings_fields
from tests.fixtures.waiting import eventually

pytestmark = pytest.mark.integration


class Logins:
    """Gives passwords in turn, the last without end."""

    def __init__(self, *passwords):
        self.passwords = list(passwords)
        self.fresh = []

    @contextmanager
    def credentials(self, _settings, *, fresh=False):
        self.fresh.append(fresh)
        found = self.passwords.pop(0) if len(self.passwords) > 1 else (*self.passwords, None)[0]
        if isinstance(found, Exception):
            raise found
        yield Credentials(password=found)


def opened(cluster, logins=None, connector="c1", **changes):
    own = {"host": str(cluster.socket_dir), "port": cluster.port, "user": "postgres"}
    fields = settings_fields(**own | changes)
    return PostgresServer("shop-db", connector, ServerSettings.read(fields), logins or Logins())


def test_sessions_begin_as_provisioning_wants_them(database_server):
    server = opened(database_server, user="settled")
    database_server.psql("create role settled superuser login")
    database_server.psql("alter role settled set search_path = public")
    database_server.psql("alter role settled set default_transaction_read_only = on")
    with server.connect() as connection:
        found = connection.execute(
            "select current_setting('search_path'), current_setting('statement_timeout'),"
            " current_setting('lock_timeout'), current_setting('transaction_read_only'),"
            " current_setting('application_name'), current_database()"
        ).fetchone()
        assert connection.autocommit
    assert found == ("pg_catalog", "30s", "5s", "off", "pgward connector c1", "postgres")
    assert server.version == database_server.version
    with server.connect("template1") as connection:
        assert connection.info.dbname == "template1"


def holds(server):
    """Hold it: PostgreSQL takes a moment to see that a session has ended."""
    try:
        server.hold()
    except HeldError:
        return False
    return True


def test_one_connector_at_a_time_works_a_server(database_server):
    first, second = opened(database_server), opened(database_server, connector="c2")
    try:
        first.hold()
        first.hold()
        with pytest.raises(HeldError):
            second.hold()
        assert (first.takes, second.takes) == (1, 0)
        first.close()
        eventually(lambda: holds(second))
        second.hold()
        assert second.takes == 1
    finally:
        first.close()
        second.close()


def test_a_server_that_hung_up_is_lost_until_it_is_held_again(database_server):
    server = opened(database_server)
    try:
        assert not server.is_lost()
        server.hold()
        assert not server.is_lost()
        other = server.connect()
        other.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where application_name = 'pgward connector c1' and pid <> pg_backend_pid()"
        )
        other.close()
        assert server.is_lost()
        with server._lock:
            assert not server.is_lost()
        with pytest.raises(UnavailableError):
            server.hold()
        assert not server.is_lost()
        server.hold()
        assert (server.is_lost(), server.takes) == (False, 2)
    finally:
        server.close()


@pytest.mark.soak
def test_a_server_that_was_restarted_is_held_again(pg):
    server = opened(pg)
    try:
        server.hold()
        pg.stop()
        with pytest.raises(UnavailableError):
            server.hold()
        with pytest.raises(UnavailableError, match="cannot be used"):
            server.hold()
        pg.start()
        again = opened(pg)
        again.hold()
        again.close()
    finally:
        server.close()


def with_password(cluster, role):
    cluster.psql(f"create role {role} login password 'new'")
    hba = cluster.data_dir / "pg_hba.conf"
    hba.write_text(f"local all {role} scram-sha-256\n" + hba.read_text())
    cluster.reload()


def test_a_password_that_was_rotated_is_asked_for_anew(database_server):
    with_password(database_server, "worker")
    logins = Logins("old", "new")
    with opened(database_server, logins, user="worker").connect() as connection:
        assert connection.info.user == "worker"
    assert logins.fresh == [False, True]


def test_a_wrong_password_is_refused_in_the_servers_words_without_it(database_server):
    with_password(database_server, "another")
    with pytest.raises(DeniedError, match=r"refuses another: .*authentication failed") as caught:
        opened(database_server, Logins("canary-Zx81"), user="another").connect()
    assert "canary" not in f"{caught.value} {caught.value.hint}"


def test_an_account_that_may_not_come_at_all_is_denied(database_server):
    database_server.psql("create role shut nologin")
    with pytest.raises(DeniedError, match='role "shut" is not permitted to log in'):
        opened(database_server).log_in("shut", "any")


@pytest.mark.parametrize(
    ("words", "raised"),
    [
        ("FATAL: connection requires a valid client certificate", DeniedError),
        ('FATAL: no pg_hba.conf entry for host "::1", user "app", no encryption', DeniedError),
        ('FATAL: pg_hba.conf rejects connection for host "::1"', DeniedError),
        ('FATAL: Peer authentication failed for user "app"', DeniedError),
        ("FATAL: the database system is starting up", UnavailableError),
        ("FATAL: sorry, too many clients already", UnavailableError),
    ],
)
def test_what_will_never_let_an_account_in_is_no_absence(monkeypatch, words, raised):
    def refuse(*_args, **_parameters):
        raise psycopg.OperationalError(f"connection failed: {words}")

    monkeypatch.setattr(module.WatchedConnection, "connect", refuse)
    settings = ServerSettings.read(settings_fields(host="127.0.0.1"))
    with pytest.raises(raised, match=words[:15]):
        PostgresServer("shop-db", "c1", settings, Logins()).log_in("app", "any")


def test_a_server_that_is_away_costs_no_second_secret(tmp_path):
    logins = Logins("x")
    fields = settings_fields(host=str(tmp_path))
    server = PostgresServer("shop-db", "c1", ServerSettings.read(fields), logins)
    with pytest.raises(UnavailableError, match="cannot be used"):
        server.connect()
    assert logins.fresh == [False]


def test_a_secret_that_cannot_be_had_is_told_as_it_is(database_server):
    with pytest.raises(SecretAwayError, match="the CA is away"):
        opened(database_server, Logins(SecretAwayError("the CA is away"))).connect()


@pytest.mark.soak
def test_a_standby_is_left_alone(pg):
    pg.stop()
    (pg.data_dir / "standby.signal").touch()
    pg.start()
    server = opened(pg)
    with pytest.raises(StandbyError, match="is a standby"):
        server.hold()
    server.close()


def test_a_server_that_is_too_old_is_told_so(database_server, monkeypatch):
    monkeypatch.setattr(module, "OLDEST", 99)
    with pytest.raises(InvalidInputError, match="is too old, 99 is the oldest"):
        opened(database_server).connect()


def test_a_name_that_is_not_found_is_told():
    fields = settings_fields(host="no.such.host.invalid", server_name="x", ssl_mode="verify-full")
    server = PostgresServer("shop-db", "c1", ServerSettings.read(fields), Logins())
    with pytest.raises(UnavailableError, match=r"the host no\.such\.host\.invalid is not found"):
        server.connect()


def test_what_a_driver_says_is_one_line():
    assert module.said(psycopg.Error("a\n  b\n")) == "a b"
    assert module.said(psycopg.Error()) == "Error"
