import json
import os
from base64 import urlsafe_b64encode
from types import SimpleNamespace

import pytest

from pgward.core.address import Address
from pgward.core.errors import ConflictError
from pgward.pki import jws, keys
from pgward.tunnel.edge import commands
from pgward.tunnel.edge.auditor.settings import AuditorSettings
from pgward.tunnel.edge.auditor.status import Status, StatusFile, Waiting
from pgward.tunnel.edge.holding import Hold
from pgward.tunnel.edge.upstreams.health import Health
from pgward.tunnel.edge.upstreams.health_file import Keeper
from tests.fixtures.fake_ca import URL, FakeClock


@pytest.fixture
def token(fake_ca):
    fields = {"url": URL, "fingerprint": fake_ca.fingerprint, "secret": "s3cret"}
    return "pgj1." + urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "e1"


@pytest.fixture
def enroll(pgward, token, directory):
    def enroll(*arguments, source="-"):
        options = ("--advertise", "e.test:7432", *arguments)
        return pgward("edge", "enroll", directory, "--token-file", source, *options, stdin=token)

    return enroll


def test_enrolling_says_until_when_and_what_comes_next(enroll, fake_ca, directory):
    result = enroll()
    assert result.exit_code == 0
    assert "edge e1 is enrolled until " in result.stderr
    assert f"next: pgward edge serve {directory} --listen 0.0.0.0:7432" in result.stderr
    body = json.loads(fake_ca.requests[-1].content)
    assert (body["token"], body["advertise"]) == ("s3cret", "e.test:7432")


def test_a_token_can_come_from_a_file(enroll, token, tmp_path, fake_ca):
    (tmp_path / "token").write_text(token + "\n")
    done = enroll("-o", "json", source=tmp_path / "token")
    assert json.loads(done.stdout)["name"] == "e1"
    assert json.loads(fake_ca.requests[-1].content)["token"] == "s3cret"


def test_a_token_file_that_is_not_there(enroll, tmp_path, fake_ca):
    result = enroll(source=tmp_path / "none")
    assert result.exit_code == 1
    assert str(tmp_path / "none") in result.stderr
    assert fake_ca.calls == []


@pytest.mark.parametrize("content", [b"\xff\xfe\x82", b"", b"pgj1." + b"\0" * 100_000])
def test_a_token_file_with_something_else(enroll, tmp_path, fake_ca, content):
    (tmp_path / "token").write_bytes(content)
    result = enroll(source=tmp_path / "token")
    assert (result.exit_code, fake_ca.calls) == (2, [])
    assert "that is not a join token" in result.stderr


def test_a_token_of_a_host_is_refused(enroll, fake_ca):
    issue = fake_ca.issue
    fake_ca.routes["POST /v1/enroll"] = lambda body: {**issue(body), "name": "db", "kind": "host"}
    result = enroll()
    assert result.exit_code == 2
    assert "that token is for a host, not for an edge" in result.stderr
    assert "s3cret" not in result.stderr


@pytest.mark.parametrize("address", ["e.test", "e.test:0x10", "::1:5432"])
def test_an_address_that_is_none_is_refused_before_the_token_is_used(
    pgward, directory, token, fake_ca, address
):
    result = pgward(
        "edge", "enroll", directory, "--token-file", "-", "--advertise", address, stdin=token
    )
    assert result.exit_code == 2
    assert fake_ca.calls == []


def keep(directory, payload) -> None:
    key = keys.generate()
    text = jws.sign({"typ": "pgward-snapshot+jws", "alg": "ES256"}, payload, key)
    (directory / "snapshot.jws").write_text(text)


def test_the_status_of_an_edge_is_what_it_keeps(enroll, pgward, directory):
    enroll()
    keep(
        directory,
        {
            "version": 12,
            "issued_at": "2026-11-21T12:00:00Z",
            "services": [{"name": "orders"}, {"name": "stock"}],
            "blocked": ["bob"],
        },
    )
    result = pgward("edge", "status", directory, "--output", "json")
    facts = json.loads(result.stdout)
    facts.pop("certificate_ends")
    assert facts == {
        "name": "e1",
        "configuration": 12,
        "issued_at": "2026-11-21T12:00:00Z",
        "services": ["orders", "stock"],
        "blocked": 1,
    }


def test_the_status_of_an_edge_for_people(enroll, pgward, directory):
    enroll()
    keep(directory, {"version": 12, "issued_at": "2026-11-21T12:00:00Z"})
    lines = pgward("edge", "status", directory).stdout.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "name",
        "certificate ends",
        "configuration",
        "issued at",
        "services",
        "people blocked",
    ]


def test_the_status_of_an_edge_tells_of_the_databases_that_it_logs_in_to(enroll, pgward, directory):
    enroll()
    keep(directory, {"version": 12})
    orders, stock = Address("db1", 5432), Address("db2", 5432)
    known = [
        Health("stock", stock, None, 0.1, 1.0),
        Health("orders", orders, "it does not answer", 5.0, 1.0),
    ]
    Keeper(directory)(known, True)
    facts = json.loads(pgward("edge", "status", directory, "--output", "json").stdout)
    problem = "it does not answer"
    assert facts["databases"] == [
        {"ok": False, "service": "orders", "address": "db1:5432", "problem": problem},
        {"ok": True, "service": "stock", "address": "db2:5432", "problem": None},
    ]
    assert facts["databases_asked_at"].endswith("Z")
    assert pgward("edge", "status", directory).stdout.splitlines()[-4:] == [
        "",
        "SERVICE  DATABASE  HOW IT IS",
        "orders   db1:5432  it does not answer",
        "stock    db2:5432  answers",
    ]


def test_the_status_tells_how_far_the_auditor_is(enroll, pgward, directory):
    enroll()
    keep(directory, {"version": 12, "issued_at": "2026-11-21T12:00:00Z"})
    waiting = {"ca": Waiting(2, "it is away"), "file-1": Waiting(0, None)}
    (directory / "audit").mkdir()
    StatusFile(directory / "audit", FakeClock()).write(Status(9, 0, 2, 900, (), waiting))
    last = pgward("edge", "status", directory).stdout.splitlines()[-1]
    assert last.split("  ")[0] == "audit"
    assert last.endswith("  9 records since the start; 2 chunks wait for ca (it is away)")
    facts = json.loads(pgward("edge", "status", directory, "--output", "json").stdout)
    assert facts["audit"]["targets"]["ca"] == {"chunks": 2, "problem": "it is away"}


def test_an_edge_without_configuration_says_so(enroll, pgward, directory):
    enroll()
    result = pgward("edge", "status", directory)
    assert result.exit_code == 1
    assert "has no configuration from the CA yet" in result.stderr
    assert "hint: pgward edge serve" in result.stderr


@pytest.mark.parametrize("command", ["status", "serve"])
def test_a_directory_that_is_no_edge(pgward, directory, command):
    result = pgward("edge", command, directory)
    assert result.exit_code == 1
    assert "pgward: " in result.stderr


# --- serving ------------------------------------------------------------------------------


@pytest.fixture
def served(monkeypatch):
    """Stand in for the server: keep what it is given, and say it is ready."""
    made = SimpleNamespace(settings=[], names=[], while_it_runs=lambda: None)

    class Server:
        def __init__(self, settings, machine, listeners, *, on_stop):
            made.settings.append(settings)
            made.names += [each.getsockname() for each in listeners]
            machine.close()
            self._listeners = listeners
            self._on_stop = on_stop

        async def run(self, ready):
            ready()
            made.while_it_runs()
            self._on_stop()
            for each in self._listeners:
                each.close()

    def run(main):
        with pytest.raises(StopIteration):
            main.send(None)

    monkeypatch.setattr(commands, "EdgeServer", Server)
    monkeypatch.setattr(commands, "run", run)
    monkeypatch.setattr(commands.logging, "basicConfig", lambda **_: None)
    monkeypatch.setattr(commands, "hide_memory", lambda: None)  # which would hold for all tests
    return made


def test_a_ready_edge_tells_its_address(enroll, pgward, directory, served, tmp_path):
    enroll()
    ready = tmp_path / "ready"
    result = pgward("edge", "serve", directory, "--listen", "127.0.0.1:0", "--ready-file", ready)
    assert result.exit_code == 0
    host, port = served.names[0]
    assert ready.read_text() == f"{host}:{port}\n"
    assert f"edge listens on {host}:{port}" in result.stdout


def test_several_addresses_are_told_one_a_line(enroll, pgward, directory, served, tmp_path):
    enroll()
    ready = tmp_path / "ready"
    listen = ("--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0", "--listen", "127.0.0.2:0")
    result = pgward("edge", "serve", directory, *listen, "--ready-file", ready)
    assert result.exit_code == 0
    told = [f"{host}:{port}" for host, port in served.names]
    assert [each.split(":")[0] for each in told] == ["127.0.0.1", "127.0.0.2"]
    assert ready.read_text().splitlines() == told
    assert f"edge listens on {', '.join(told)}\n" in result.stdout


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_edge_of_a_directory_is_refused(enroll, pgward, directory, served, workers):
    enroll()
    with Hold(directory):
        result = pgward("edge", "serve", directory, "--listen", "127.0.0.1:0", "--workers", workers)
    assert (result.exit_code, served.settings) == (1, [])
    assert f"an edge serves from {directory} already (pid {os.getpid()})" in result.stderr
    assert "hint: end that one first; another edge wants a directory" in result.stderr


def test_workers_that_are_told_to_stop_let_a_successor_begin(
    enroll, pgward, directory, monkeypatch
):
    enroll()

    def supervise(_count, _work, on_stop):
        with pytest.raises(ConflictError):
            Hold(directory)
        on_stop()
        Hold(directory).release()
        return 0

    monkeypatch.setattr(commands, "supervise", supervise)
    monkeypatch.setattr(commands, "hide_memory", lambda: None)
    options = ("--listen", "127.0.0.1:0", "--workers", 2)
    assert pgward("edge", "serve", directory, *options).exit_code == 0


def test_an_edge_holds_its_directory_while_it_runs(enroll, pgward, directory, served):
    enroll()

    def refused():
        with pytest.raises(ConflictError):
            Hold(directory)

    served.while_it_runs = refused
    assert pgward("edge", "serve", directory, "--listen", "127.0.0.1:0").exit_code == 0


def test_options_reach_the_server(enroll, pgward, directory, served):
    enroll()
    options = ("--listen", "127.0.0.1:0", "--default-service", "orders", "--drain-timeout", 3)
    limits = ("--max-connections", 9, "--max-connections-per-user", 4)
    pgward(
        "edge", "serve", directory, *options, "--handshake-timeout", 2, "--idle-timeout", 5, *limits
    )
    expected = commands.EdgeSettings(
        directory,
        "orders",
        drain_timeout=3.0,
        handshake_timeout=2.0,
        idle_timeout=5.0,
        max_connections=9,
        max_connections_per_user=4,
        audit=AuditorSettings(directory),
    )
    assert served.settings == [expected]


def test_workers_share_one_address_and_the_exit_code(
    enroll, pgward, directory, served, monkeypatch
):
    enroll()

    def supervise(count, work, _on_stop):
        for index in range(count):
            work(index)
        return 3

    monkeypatch.setattr(commands, "supervise", supervise)
    options = ("--listen", "127.0.0.1:0", "--workers", 3)
    result = pgward("edge", "serve", directory, *options)
    assert result.exit_code == 3
    assert [settings.worker for settings in served.settings] == [0, 1, 2]
    assert len(set(served.names)) == 1
    assert result.stdout.count("edge listens on") == 1


def test_metrics_are_served_on_loopback_and_counted_for_all_workers(
    enroll, pgward, directory, served, monkeypatch
):
    enroll()
    monkeypatch.setattr(commands, "supervise", lambda n, work, _: [work(i) for i in range(n)] and 0)
    options = ("--listen", "127.0.0.1:0", "--workers", 2, "--metrics", "0")
    result = pgward("edge", "serve", directory, *options)
    assert result.exit_code == 0
    one, other = served.settings
    assert one.board is other.board
    assert one.board is not None
    host, port = one.metrics.getsockname()
    assert host == "127.0.0.1"
    assert f"metrics at http://127.0.0.1:{port}/metrics" in result.stderr
    one.metrics.close()


def test_where_metrics_cannot_be_served_is_told(enroll, pgward, directory, served):
    enroll()
    with commands.bind(commands.Address("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = pgward("edge", "serve", directory, "--metrics", port)
    assert result.exit_code == 1
    assert "hint: choose another address with --metrics" in result.stderr
    assert served.settings == []


def test_a_port_in_use_is_told_before_anything_starts(enroll, pgward, directory, served):
    enroll()
    with commands.bind(commands.Address("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = pgward("edge", "serve", directory, "--listen", f"127.0.0.1:{port}")
    assert result.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in result.stderr
    assert served.settings == []


def test_sinks_reach_the_auditors_settings(enroll, pgward, directory, served):
    enroll()
    sinks = ("--audit-sink", "file:///a", "--audit-sink", "syslog+tcp://b", "--audit-spool-max", 5)
    assert pgward("edge", "serve", directory, "--listen", "127.0.0.1:0", *sinks).exit_code == 0
    (settings,) = served.settings
    expected = AuditorSettings(directory, ("file:///a", "syslog+tcp://b"), 5 << 20, "info")
    assert settings.audit == expected


def test_a_sink_that_cannot_be_is_refused_at_once(enroll, pgward, directory, served):
    enroll()
    result = pgward("edge", "serve", directory, "--audit-sink", "https://u:hunter2@host/")
    assert result.exit_code == 2
    assert "a sink's URL has no user or password" in result.stderr
    assert "hunter2" not in result.stderr
    assert served.settings == []
