"""Each message that the doctor translates comes from a real psql and a real PostgreSQL here."""

import shutil
import socket
import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest

from pgward.doctor import messages
from pgward.system.postgres import Cluster, temporary_directory
from tests.fixtures.material import SERVER, SmallCa, dates, psql, signed_crl

pytestmark = pytest.mark.integration

HBA = """\
local all all trust
hostssl all reader 127.0.0.1/32 scram-sha-256
hostssl postgres,other all 127.0.0.1/32 cert
"""


class Database:
    """A PostgreSQL that checks certificates and lists, and people with certificates for it."""

    def __init__(self, cluster: Cluster, directory) -> None:
        self.cluster = cluster
        self.directory = directory
        self.ca = SmallCa()
        self.tls = cluster.directory / "tls"
        self.tls.mkdir()
        material = self.ca.current()
        for name, data in (
            ("server.crt", material.certificate),
            ("server.key", material.key),
            ("users.crt", material.user_ca),
        ):
            self.put(name, data)
        self.lists()
        (cluster.data_dir / "pg_hba.conf").write_text(HBA)
        for setting, name in (
            ("ssl_cert_file", "server.crt"),
            ("ssl_key_file", "server.key"),
            ("ssl_ca_file", "users.crt"),
            ("ssl_crl_file", "lists.crl"),
        ):
            cluster.psql(f"alter system set {setting} = '{self.tls / name}'")
        cluster.psql("alter system set ssl = on")
        cluster.reload()
        for role in ("alice login", "reader login password 'x'", "sleeper nologin"):
            cluster.psql(f"create role {role}")
        self.alice = self.ca.person(directory / "alice", "alice")

    def put(self, name: str, data: bytes) -> None:
        path = self.tls / name
        path.write_bytes(data)
        path.chmod(0o600)
        if self.cluster.account is not None:
            shutil.chown(path, self.cluster.account.uid, self.cluster.account.gid)
            shutil.chown(self.tls, self.cluster.account.uid, self.cluster.account.gid)

    def lists(self) -> None:
        self.put("lists.crl", self.ca.crls())

    @contextmanager
    def server(self, file: str, data: bytes):
        """Another file of the server's for a while."""
        before = (self.tls / file).read_bytes()
        self.put(file, data)
        self.cluster.reload()
        yield
        self.put(file, before)
        self.cluster.reload()

    def says(self, login=None, *, user: str = "alice", **more: str) -> str:
        """What psql prints when it is not let in."""
        environment = {key: more.pop(key) for key in list(more) if key.isupper()}
        port = int(more.pop("port", self.cluster.port))
        done = psql((login or self.alice).conninfo(port, user, **more), **environment)
        assert done.returncode == 2, done.stdout
        return done.stderr


@pytest.fixture(scope="module")
def database(pg_bin, tmp_path_factory):
    with temporary_directory() as directory, Cluster(directory, pg_bin) as cluster:
        yield Database(cluster, tmp_path_factory.mktemp("people"))


def name_of(said: str) -> str:
    meaning = messages.translate(said)
    assert meaning is not None, said
    return meaning.name


def test_with_everything_in_order_alice_gets_in(database):
    assert psql(database.alice.conninfo(database.cluster.port, "alice")).stdout == "alice\n"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"user": "mallory"}, "wrong_user"),
        ({"user": "reader"}, "password_wanted"),
        ({"dbname": "template1"}, "no_hba_entry"),
        ({"dbname": "template1", "sslmode": "disable"}, "hba_needs_tls"),
        ({"dbname": "other"}, "no_database"),
        ({"sslcert": "/nowhere", "sslkey": ""}, "certificate_required"),
        ({"sslrootcert": "/nowhere"}, "root_missing"),
        ({"host": "db9.test"}, "wrong_host"),
        ({"channel_binding": "require"}, "channel_binding"),
        ({"host": "db9.invalid", "hostaddr": ""}, "no_host"),
        ({"service": "gone"}, "no_service"),
        ({"port": "1"}, "refused"),
        ({"sslcert": "", "sslkey": "", "gssencmode": "require"}, "gss"),
    ],
)
def test_what_psql_says(database, more, expected):
    assert name_of(database.says(**more)) == expected


def test_a_user_who_may_not_log_in(database):
    sleeper = database.ca.person(database.directory / "sleeper", "sleeper")
    assert name_of(database.says(sleeper, user="sleeper")) == "no_login"


def test_a_user_whom_postgresql_does_not_know(database):
    bob = database.ca.person(database.directory / "bob", "bob")
    assert name_of(database.says(bob, user="bob")) == "no_role"


def test_a_key_that_others_may_read(database):
    open_key = database.directory / "open.key"
    shutil.copy(database.alice.key, open_key)
    open_key.chmod(0o644)
    assert name_of(database.says(sslkey=str(open_key))) == "key_permissions"


def test_a_key_of_another_certificate(database):
    other = database.ca.person(database.directory / "another", "alice")
    assert name_of(database.says(sslkey=str(other.key))) == "key_mismatch"


def test_another_ca_s_certificate(database):
    stranger = SmallCa().person(database.directory / "stranger", "alice")
    stranger.root.write_bytes(database.alice.root.read_bytes())
    assert name_of(database.says(stranger)) == "unknown_ca"


def test_a_list_that_is_missing_is_called_an_unknown_ca(database):
    now = dates()["end"] - timedelta(days=30)
    only_root = signed_crl(database.ca.users.root, (), now, dates()["end"])
    with database.server("lists.crl", only_root):
        assert name_of(database.says()) == "unknown_ca"


def test_a_list_that_has_expired_is_called_an_expired_certificate(database):
    begin = dates()["start"]
    end = begin + timedelta(hours=1)
    old = b"".join(
        signed_crl(ca, (), begin, end) for ca in (database.ca.users.root, database.ca.users.issuing)
    )
    with database.server("lists.crl", old):
        assert name_of(database.says()) == "certificate_expired"


def test_a_revoked_certificate(database):
    eve = database.ca.person(database.directory / "eve", "alice")
    database.ca.revoked.append(eve.leaf.serial_number)
    database.lists()
    database.cluster.reload()
    assert name_of(database.says(eve)) == "certificate_revoked"


def test_an_expired_certificate(database):
    begin = dates()["start"]
    late = database.ca.person(
        database.directory / "late", "alice", start=begin, end=begin + timedelta(hours=1)
    )
    assert name_of(database.says(late)) == "certificate_expired"


def test_a_certificate_for_servers(database):
    server = database.ca.person(database.directory / "server", "alice", eku=SERVER)
    assert name_of(database.says(server)) == "wrong_purpose"


def test_roots_of_another_ca(database):
    other = database.directory / "other-root.crt"
    other.write_bytes(SmallCa().server_root)
    assert name_of(database.says(sslrootcert=str(other))) in {"verify_failed", "self_signed"}


def test_a_version_of_tls_that_the_server_does_not_take(database):
    said = database.says(ssl_min_protocol_version="TLSv1.1", ssl_max_protocol_version="TLSv1.1")
    assert name_of(said) == "tls_version"


def test_lists_of_the_client_that_are_over_are_told_by_psql_as_any_doubt(database):
    begin = dates()["start"]
    old = database.directory / "old.crl"
    old.write_bytes(
        signed_crl(database.ca.servers.issuing, (), begin, begin + timedelta(hours=1))
        + signed_crl(database.ca.servers.root, (), begin, begin + timedelta(hours=1))
    )
    assert name_of(database.says(sslcrl=str(old))) == "verify_failed"


def test_a_server_without_tls(database):
    database.cluster.psql("alter system set ssl = off")
    database.cluster.reload()
    try:
        assert name_of(database.says()) == "no_ssl"
    finally:
        database.cluster.psql("alter system set ssl = on")
        database.cluster.reload()


def test_too_many_clients(database):
    database.cluster.psql("alter role alice connection limit 0")
    try:
        assert name_of(database.says()) == "too_many"
    finally:
        database.cluster.psql("alter role alice connection limit -1")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "not_tls"), (b"", "cut"), (b"Sgarbage", "not_tls")],
)
def test_something_else_that_answers(database, answer, expected):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(8)
                client.sendall(answer)

        worker = threading.Thread(target=serve)
        worker.start()
        said = database.says(port=str(listener.getsockname()[1]))
        worker.join(10)
    assert name_of(said) in {expected, "cut"}
