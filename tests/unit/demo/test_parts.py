import json
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from pgward.core.address import Address
from pgward.demo import parts
from pgward.demo.crew import Done
from pgward.demo.errors import DemoError
from pgward.demo.interrupts import Interrupts
from pgward.demo.layout import Layout

URL, FINGERPRINT = "https://127.0.0.1:1", "SHA256:ab"
WHOAMI = {
    "certificate": {"serial": "ff"},
    "paths": {"sslcert": "/h/login.crt", "sslkey": "/h/login.key", "sslrootcert": "/h/ca.crt"},
}
STATUS = [{"address": "127.0.0.1:6543", "problem": None}]


class FakeCrew:
    """Answers as the commands do, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def pgward(self, *arguments, home, stdin=""):
        self.asked.append((home.name, " ".join(map(str, arguments)), stdin))
        return Done(0, self.output(arguments), "")

    def output(self, arguments):
        if arguments[:2] == ("ca", "token"):
            return "pgj1.secret\n"
        return json.dumps({"whoami": WHOAMI, "status": STATUS}.get(arguments[0]))

    def serve(self, name, *arguments, home):
        self.asked.append((home.name, " ".join(map(str, arguments)), ""))
        if "--ready-file" in arguments:
            ready = Path(arguments[arguments.index("--ready-file") + 1])
            ready.write_text(json.dumps({"url": URL, "fingerprint": FINGERPRINT}))
        return SimpleNamespace(name=name, first_line="host=db port=6543")


@pytest.fixture
def shop(tmp_path):
    with ExitStack() as stack:
        yield parts.Workshop(Layout(tmp_path), FakeCrew(), Interrupts(), stack)


@pytest.fixture
def cluster():
    return SimpleNamespace(host="127.0.0.1", port=5, data_dir=Path("/pg/data"))


def test_an_authority_is_made_served_and_logged_in_to(shop):
    made = parts.authority(shop)
    assert (made.url, made.fingerprint, made.server.name) == (URL, FINGERPRINT, "ca")
    homes, commands, _ = zip(*shop.crew.asked, strict=True)
    assert [command.split()[:2] for command in commands] == [
        ["ca", "init"],
        ["ca", "serve"],
        ["login", "--ca"],
    ]
    assert set(homes) == {"admin"}
    password = shop.layout.file("admin-password")
    assert password.stat().st_mode & 0o777 == 0o600
    assert password.read_text().strip() not in str(shop.crew.asked)


def test_a_person_is_added_by_the_administrator_and_logs_in(shop):
    ca = parts.Authority(URL, FINGERPRINT, None)
    me = parts.add_person(shop, ca)
    assert me == parts.Identity(255, "/h/login.crt", "/h/login.key", "/h/ca.crt")
    assert [(home, command.split()[0]) for home, command, _ in shop.crew.asked] == [
        ("admin", "user"),
        ("home", "login"),
        ("home", "whoami"),
    ]


def test_join_tokens_are_handed_over_on_standard_input(shop, cluster):
    parts.configure(shop, cluster)
    parts.edge(shop)
    assert [stdin for _, _, stdin in shop.crew.asked] == ["", "pgj1.secret\n"] * 2 + [""]
    assert "secret" not in str([command for _, command, _ in shop.crew.asked])


def test_the_edge_serves_where_it_said_that_it_would(shop):
    edge = parts.edge(shop)
    (_, enroll, _), (_, serve, _) = shop.crew.asked[1:]
    assert f"--advertise {edge.address}" in enroll
    assert f"--listen {edge.address}" in serve


def test_the_service_is_applied_from_a_manifest(shop, cluster):
    manifest = parts.service(shop, cluster)
    assert yaml.safe_load(manifest.read_text()) == parts.manifest_of("127.0.0.1", 5)
    assert shop.crew.asked == [("admin", f"apply -f {manifest}", "")]


def test_a_tunnel_tells_where_it_listens_and_how_to_connect(shop):
    tunnel = parts.tunnel(shop)
    assert (tunnel.address, tunnel.conninfo) == (Address("127.0.0.1", 6543), "host=db port=6543")


def test_lists_are_refreshed(shop, cluster):
    parts.refresh(shop, cluster)
    assert shop.crew.asked == [("admin", "hba refresh --data-dir /pg/data", "")]


def test_the_native_way_checks_the_servers_own_name(cluster):
    me = parts.Identity(1, "/h/c", "/h/k", "/h/ca")
    assert parts.native_conninfo(me, cluster) == (
        "host=db.demo.pgward.test hostaddr=127.0.0.1 port=5 user=alice dbname=shop "
        "sslmode=verify-full sslcert=/h/c sslkey=/h/k sslrootcert=/h/ca"
    )


class FakeCluster:
    """Remembers what was done to it."""

    version = 15

    def __init__(self, *_, **options):
        self.done = [options["settings"]["max_connections"]]

    def init(self):
        self.done.append("init")
        return self

    def start(self):
        self.done.append("start")
        return self

    def stop(self):
        self.done.append("stop")

    def psql(self, sql):
        self.done.append(sql)


def test_the_person_owns_the_database_and_many_may_connect(shop, monkeypatch):
    monkeypatch.setattr(parts, "Cluster", FakeCluster)
    cluster = parts.database(shop)
    shop.stack.close()
    assert cluster.done == [
        "800",
        "init",
        "start",
        "create role alice login",
        "create database shop owner alice",
        "stop",
    ]


def test_a_server_that_shows_no_serial_numbers_is_refused(shop, monkeypatch):
    monkeypatch.setattr(parts, "Cluster", FakeCluster)
    monkeypatch.setattr(FakeCluster, "version", 11)
    with pytest.raises(DemoError, match="needs PostgreSQL 12 or later, and this is 11"):
        parts.database(shop)


def test_a_person_gets_another_certificate(shop):
    parts.log_in_again(shop)
    password = shop.layout.file("password")
    assert shop.crew.asked == [("home", f"login --user alice --password-file {password}", "")]
