import io
import json
from base64 import urlsafe_b64encode
from types import SimpleNamespace

import pytest

from pgward.connector import beside, commands, serving
from pgward.connector.status import Report
from pgward.system.health_server import StatusSocket
from tests.fixtures.connectors import (
    Came,
    Ran,
    answer,
    grant_fields,
    integration_fields,
)
from tests.fixtures.fake_ca import URL

GOOD = {
    "integration": "shop-db",
    "ok": True,
    "state": "ok",
    "problem": None,
    "server": "db1.internal:5432",
    "server_version": 16,
    "grants": 3,
    "next_end": "2026-03-01T13:00:00Z",
    "last_good": "2026-03-01T12:00:00Z",
    "turns": 7,
}


@pytest.fixture
def token(fake_ca):
    fields = {"url": URL, "fingerprint": fake_ca.fingerprint, "secret": "s3cret"}
    return "pgj1." + urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "c1"


@pytest.fixture
def enrolled(pgward, token, directory, fake_ca):
    """Give the result of enrolling; the directory is a connector's."""
    issue = fake_ca.issue
    fake_ca.routes["POST /v1/enroll"] = lambda body: (
        issue(body)
        | {
            "name": "c1",
            "kind": "connector",
        }
    )
    return pgward("connector", "enroll", directory, "--token-file", "-", stdin=token)


def test_enrolling_says_until_when_and_what_comes_next(enrolled, fake_ca, directory):
    assert enrolled.exit_code == 0
    assert "connector c1 is enrolled until " in enrolled.stderr
    assert f"next: pgward connector serve {directory}" in enrolled.stderr
    body = json.loads(fake_ca.requests[-1].content)
    assert (body["token"], body["advertise"], body["kind"]) == ("s3cret", None, "connector")


def test_a_token_can_come_from_a_file(pgward, token, tmp_path, directory):
    (tmp_path / "token").write_text(token + "\n")
    result = pgward("connector", "enroll", directory, "--token-file", tmp_path / "token")
    assert result.exit_code == 2  # this CA gives an edge's certificate
    assert "that is no connector: its kind is edge" in result.stderr


def test_a_directory_of_nobody_is_told_what_to_do(pgward, directory):
    for command in ("serve", "status", "plan", "check"):
        result = pgward("connector", command, directory)
        assert result.exit_code == 1
        assert "pgward ca token connector NAME, then pgward connector enroll" in result.stderr


@pytest.mark.usefixtures("enrolled")
def test_serving_ends_where_another_process_does(pgward, directory, monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr(serving, "Connector", never)
    with serving.ExitStack() as held:
        serving.alone(directory, held)
        result = pgward("connector", "serve", directory)
    assert result.exit_code == 1
    assert f"a connector serves from {directory} already" in result.stderr


@pytest.fixture
def served(monkeypatch):
    """Have a connector that is ready at once, and ends."""
    report = Report("c1", 7, True, None, 5, 0, [GOOD])
    made = []

    class Fake:
        def __init__(self, directory, machine, reconcile):
            made.append((directory, machine.name, reconcile))

        def report(self):
            return report

        def run(self, on_ready):
            on_ready()

    monkeypatch.setattr(serving, "Connector", Fake)
    monkeypatch.setattr(commands, "keep_secrets", lambda: None)
    monkeypatch.setattr(commands, "hide_memory", lambda: None)
    monkeypatch.setattr(commands.log_lines, "set_up", lambda _level: None)
    return made


@pytest.mark.usefixtures("enrolled")
def test_serving_says_who_and_where(pgward, directory, served, tmp_path):
    ready = tmp_path / "ready"
    options = ("--health", "127.0.0.1:0", "--ready-file", ready)
    result = pgward("connector", "serve", directory, *options)
    assert result.exit_code == 0, result.stderr
    name, address = ready.read_text().split()
    assert result.stdout == f"connector c1 serves, and answers on http://{address}\n"
    assert (name, served[0][:2]) == ("c1", (directory, "c1"))


@pytest.mark.usefixtures("enrolled", "served")
def test_serving_without_a_health_endpoint(pgward, directory):
    result = pgward("connector", "serve", directory)
    assert result.stdout == "connector c1 serves\n"


@pytest.fixture
def listening(enrolled, directory):
    """Have a connector tell how it fares; a test says how."""
    assert enrolled.exit_code == 0
    now = [Report("c1", 7, True, None, 5, 0, [GOOD])]
    socket = StatusSocket(directory / commands.SOCKET, lambda: now[0])
    yield now
    socket.close()


@pytest.mark.usefixtures("listening")
def test_status_shows_every_integration(pgward, directory):
    result = pgward("connector", "status", directory)
    assert result.exit_code == 0, result.stderr
    assert "db1.internal:5432" in result.stdout
    document = json.loads(pgward("connector", "status", directory, "-o", "json").stdout)
    assert document["integrations"] == [GOOD]
    assert document["certificate_ends"].endswith("Z")


def test_status_fails_where_something_is_not_as_it_should_be(pgward, listening, directory):
    away = GOOD | {"ok": False, "state": "away", "problem": "it is \x1b[31maway"}
    listening[0] = Report("c1", 7, False, "the CA is away", 5, 2, [away])
    result = pgward("connector", "status", directory)
    assert result.exit_code == 1
    assert "no: the CA is away" in result.stdout
    assert "\x1b[31m" not in result.stdout
    assert "not all is as it should be" in result.stderr


@pytest.mark.usefixtures("enrolled")
def test_status_without_a_connector_that_serves(pgward, directory):
    result = pgward("connector", "status", directory)
    assert (result.exit_code, f"no connector serves from {directory}" in result.stderr) == (1, True)


@pytest.fixture
def looked(enrolled, monkeypatch):
    """Have a CA that tells of one integration, and servers that a test plays."""
    assert enrolled.exit_code == 0
    seen = SimpleNamespace(outcome=Came(), findings=[])
    told = answer(integration_fields(grant_fields()))
    monkeypatch.setattr(beside.ConnectorCa, "wanted", lambda *_: told)
    monkeypatch.setattr(beside, "reconcile", lambda *_, **_options: seen.outcome)
    monkeypatch.setattr(beside, "check", lambda *_, **_options: seen.findings)
    return seen


def test_a_plan_is_sql_that_can_be_read(pgward, looked, directory):
    looked.outcome = Came(
        statements=(
            Ran("shop", 'grant "a" to b'),
            Ran("shop", "select 1;"),
            Ran("shop", "-- ends sessions"),
        ),
        problems=("bob owns a table",),
    )
    result = pgward("connector", "plan", directory)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == (
        "-- shop-db: PostgreSQL 0 at db1.internal:5432\n"
        "-- database shop\n"
        'grant "a" to b;\n'
        "select 1;\n"
        "-- ends sessions\n"
    )
    assert "warning: bob owns a table" in result.stderr
    (plan,) = json.loads(pgward("connector", "plan", directory, "-o", "json").stdout)
    assert plan["statements"][0] == {"database": "shop", "sql": 'grant "a" to b'}


@pytest.mark.usefixtures("looked")
def test_a_plan_with_nothing_to_do_says_so(pgward, directory):
    result = pgward("connector", "plan", directory, "--integration", "shop-db")
    assert result.stdout.endswith("-- nothing to do\n")


@pytest.mark.usefixtures("looked")
def test_an_integration_that_is_not_ours(pgward, directory):
    result = pgward("connector", "plan", directory, "--integration", "other")
    assert result.exit_code == 1
    assert "no integration 'other'" in result.stderr
    assert "it has shop-db" in result.stderr


def test_checks_are_a_table_and_a_problem_is_a_failure(pgward, looked, directory):
    looked.findings = [beside.Finding("shop-db", "tls", "warning", "in clear text", "use TLS")]
    result = pgward("connector", "check", directory)
    assert result.exit_code == 0, result.stderr
    assert "in clear text" in result.stdout
    assert "shop-db, tls: use TLS" in result.stderr
    looked.findings = [beside.Finding("shop-db", "rights", "problem", "it may make no roles")]
    result = pgward("connector", "check", directory, "-o", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)[0]["verdict"] == "problem"


def test_a_connector_inside_an_edge_ends_with_it(monkeypatch):
    done = []
    monkeypatch.setattr(commands.sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"x" * 3000)))
    commands._stop_at_eof(SimpleNamespace(stop=lambda: done.append("stopped")))
    assert done == ["stopped"]
