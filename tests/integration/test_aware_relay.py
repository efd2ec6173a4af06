"""Aware sessions against a real PostgreSQL: psql, pgbench, psycopg, over a socket and over TLS."""

import hashlib
import json
import resource
import signal
import subprocess
import time
from functools import partial

import psycopg
import pytest

from pgward.audit.tape import frames
from pgward.system.pg_programs import find_client
from pgward.tunnel.aware.ruling import Denial
from tests.fixtures.aware_harness import Harness, server_context
from tests.fixtures.inspecting import kinds, messages

TIMEOUT = 120


class Rules:
    """Denies what holds one of ``words``."""

    every = True

    def __init__(self, *words: bytes) -> None:
        self.words = set(words)
        self.asked: list[tuple[str, bytes | None, bool]] = []
        self.settings: dict[str, str] = {}

    def statement(self, kind, text, *, whole):
        self.asked.append((kind, text, whole))
        if text is not None and any(word in text for word in self.words):
            return Denial("r1", "not on a Friday")
        return None

    def rest(self):
        return None

    def parameter_status(self, name, value):
        self.settings[name] = value


@pytest.fixture(params=[pytest.param(False, marks=pytest.mark.soak), True], ids=["plain", "tls"])
def tls(request) -> bool:
    return request.param


def psql(harness, *commands: str) -> tuple[str, str]:
    """Run each command in one session; return what psql says on both channels."""
    options = [argument for command in commands for argument in ("-c", command)]
    done = subprocess.run(
        [find_client("psql"), "-XAtq", "-d", harness.conninfo, *options],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return done.stdout, done.stderr


def connect(harness) -> psycopg.Connection:
    return psycopg.connect(harness.conninfo, autocommit=True)


def sqlstate(connection, *arguments, **options) -> str | None:
    """Run something; return the SQLSTATE of its error."""
    try:
        connection.execute(*arguments, **options)
    except psycopg.Error as error:
        return error.sqlstate
    return None


DENIED = "ERROR:  not on a Friday\nDETAIL:  pgward's rule r1 denies it\n"


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_denied_in_psql_and_the_session_goes_on(aware_database, tls):
    with aware_database.harness(tls=tls, ruling=Rules(b"forbidden")) as harness:
        said = psql(
            harness,
            "select 'forbidden'",
            "select 1",
            "begin",
            "select 'forbidden'",
            "select 2",
            "commit",
            "select 3; select 'forbidden'",
            "select 4",
        )
    aborted = "ERROR:  current transaction is aborted, commands ignored until end of transaction"
    assert said == ("1\n4\n", f"{DENIED * 2}{aborted} block\n{DENIED}")
    denied = [json.loads(data) for kind, _, data in harness.tape.frames if kind == frames.DENIED]
    assert [each["rule"] for each in denied] == ["r1"] * 3


def pipelined(pipeline: psycopg.Pipeline, *texts: str) -> None:
    """Send statements in one pipeline; an error comes with a later one, or with its end."""
    for text in texts:
        pipeline._conn.execute(text)
    pipeline.sync()


def test_a_commit_behind_a_denied_statement_keeps_nothing(aware_database, tls):
    with aware_database.harness(tls=tls, ruling=Rules(b"forbidden")) as harness:
        psql(harness, "drop table if exists halves", "create table halves (a int)")
        # One error is told in the pipeline, and at its end that all behind it was left out.
        refused = (psycopg.errors.InsufficientPrivilege, psycopg.errors.PipelineAborted)
        with (
            connect(harness) as connection,
            pytest.raises(refused),
            connection.pipeline() as pipeline,
        ):
            pipelined(
                pipeline,
                "begin",
                "insert into halves values (1)",
                "insert into halves values (2) -- forbidden",
                "commit",
            )
        assert psql(harness, "select count(*) from halves") == ("0\n", "")


def test_denied_extended_and_prepared(aware_database, tls):
    rules = Rules(b"forbidden")
    with aware_database.harness(tls=tls, ruling=rules) as harness:
        with connect(harness) as connection:
            assert sqlstate(connection, "select 'forbidden' || %s", ["x"]) == "42501"
            assert sqlstate(connection, "select 'later' || %s", ["x"], prepare=True) is None
            rules.words.add(b"later")
            assert sqlstate(connection, "select 'later' || %s", ["x"], prepare=True) == "42501"
            rules.words.clear()
            assert sqlstate(connection, "select 'later' || %s", ["x"], prepare=True) is None
        assert ("execute", b"select 'later' || $1", True) in rules.asked


def test_a_ruling_hears_of_the_encoding(aware_database):
    rules = Rules()
    with aware_database.harness(tls=False, ruling=rules) as harness:
        assert psql(harness, "set client_encoding to latin1", "select 1") == ("1\n", "")
    assert rules.settings == {"client_encoding": "LATIN1"}


def test_a_denied_function_call(aware_database, tls, tmp_path):
    rules = Rules()
    file = tmp_path / "object"
    file.write_bytes(b"hello")
    with aware_database.harness(tls=tls, ruling=rules) as harness:
        assert psql(harness, f"\\lo_import {file}")[1] == ""
        called = {text for kind, text, _ in rules.asked if kind == "function"}
        assert b"957" in called  # lo_creat
        rules.words = called
        assert psql(harness, f"\\lo_import {file}", "select 1") == ("1\n", DENIED)


def test_ten_thousand_pipelined_statements(aware_database, tls):
    with aware_database.harness(tls=tls) as harness:
        with connect(harness) as connection, connection.pipeline():
            cursors = [connection.execute("select %s::int", [n]) for n in range(10_000)]
            assert [cursor.fetchone() for cursor in cursors] == [(n,) for n in range(10_000)]
        said = kinds(harness.tape.of(frames.UP))
        assert said.count("E") == 10_000


def test_copy_both_ways(aware_database, tls):
    rows = b"".join(b"%d\tsome text %d\n" % (n, n) for n in range(20_000))
    with aware_database.harness(tls=tls) as harness, connect(harness) as connection:
        connection.execute("create temp table copied (a int, b text)")
        with connection.cursor().copy("copy copied from stdin") as copy:
            copy.write(rows)
        for form in ("text", "csv", "binary"):
            with connection.cursor().copy(f"copy copied to stdout (format {form})") as copy:
                found = b"".join(copy)
            if form == "text":
                assert hashlib.sha256(found).digest() == hashlib.sha256(rows).digest()
    counted = messages(harness.tape.of(frames.COUNT))
    assert [int.from_bytes(body[8:]) for _, body in counted] == [len(rows)]
    summary = messages(harness.tape.of(frames.DOWN))
    runs = [int.from_bytes(body[:8]) for kind, body in summary if kind == "#"]
    assert runs[:2] == [20_000, 20_000]
    assert runs[2] in (20_001, 20_002)  # a header, and before PostgreSQL 16 a trailer of its own


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_pgbench_in_every_mode(aware_database, tls, mode):
    program = find_client("pgbench")
    with aware_database.harness(tls=tls) as harness:
        command = [program, "-i", "-q", "-s", "1", harness.conninfo]
        subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT)
        harness.tape.frames.clear()
        command = [program, "-n", "-c", "4", "-t", "25", "-M", mode, harness.conninfo]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT)
        assert "processed: 100/100" in done.stdout
        errors = kinds(harness.tape.of(frames.DOWN)).count("E")
    executed = harness.tape.of(frames.UP).count(b"UPDATE pgbench_accounts")
    assert errors == 0
    assert executed == (4 if mode == "prepared" else 100)


def test_ctrl_c(aware_database, tls):
    with aware_database.harness(tls=tls) as harness:
        command = [find_client("psql"), "-XAtq", "-d", harness.conninfo]
        command += ["-c", "select 'running' as pgward_test, pg_sleep(60)"]
        asleep = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        running = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
        deadline = time.monotonic() + 20
        while aware_database.cluster.psql(running) == "0":
            assert time.monotonic() < deadline
        asleep.send_signal(signal.SIGINT)
        assert "canceling statement due to user request" in asleep.communicate(timeout=20)[1]
    assert b"57014" in harness.tape.of(frames.DOWN)


def test_a_password_is_on_no_tape(aware_database, tls):
    with aware_database.harness(tls=tls) as harness:
        said = psql(
            harness,
            "create role secretive password 'hunter2hunter2'",
            "alter role secretive password 'hunter2hunter2' oops",
            "drop role secretive",
        )
        assert "unrecognized role option" in said[1]
    assert all(b"hunter2" not in data for _, _, data in harness.tape.frames)


def test_results_are_recorded_up_to_the_limit(aware_database):
    with aware_database.harness(tls=False, results=100) as harness:
        psql(harness, "select 'recorded'", "select repeat('x', 100000)")
    recorded = [data for kind, _, data in harness.tape.frames if kind == frames.RESULT]
    assert b"recorded" in recorded[0]
    assert sum(map(len, recorded)) <= 200


def test_a_limit_ends_a_session_politely(aware_database, tls):
    with aware_database.harness(tls=tls) as harness, connect(harness) as connection:
        notices: list[str | None] = []
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        connection.execute("begin")
        [(relay, _)] = harness.relays
        harness.call(lambda: relay.notice("one minute is left"))
        harness.call(lambda: relay.end("57P05", "the session has ended", force=False))
        connection.execute("select 1")
        connection.execute("commit")
        with pytest.raises(psycopg.OperationalError, match="the session has ended"):
            connection.execute("select 1")
        assert notices == ["one minute is left"]


@pytest.mark.soak
def test_a_statement_of_200_mb(aware_database, tls, tmp_path):
    size = 200_000_000
    file = tmp_path / "large.sql"
    with file.open("w") as out:
        out.write("select length('")
        for _ in range(200):
            out.write("x" * 1_000_000)
        out.write("');\n")

    class Counting:
        """A tape that keeps only sizes, so that what the relay needs can be seen."""

        def __init__(self) -> None:
            self.pieces = self.largest = 0

        def append(self, kind, _session, data) -> None:
            self.largest = max(self.largest, len(data))
            self.pieces += len(data) - 16 if kind == frames.PIECE else 0

        def appender(self, kind, session):
            return partial(self.append, kind, session)

    tape = Counting()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with aware_database.harness(tls=tls, tape=tape) as harness:
        command = [find_client("psql"), "-XAtq", "-d", harness.conninfo, "-f", file]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT)
    assert done.stdout == f"{size}\n"
    assert tape.pieces == size + len("select length('');") + 6
    assert tape.largest <= frames.MOST_WHOLE + 16 + 4096
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 50_000  # KB


def test_every_version_refuses_what_takes_a_denied_statement_s_place(pg_each, tls_keys):
    context = server_context(*tls_keys.edge("localhost"))
    path = f"{pg_each.socket_dir}/.s.PGSQL.{pg_each.port}"
    rules = Rules(b"forbidden")
    with Harness(context, path, ruling=rules) as harness, connect(harness) as connection:
        assert sqlstate(connection, "select 'forbidden'") == "42501"
        assert sqlstate(connection, "select 'forbidden' || %s", ["x"]) == "42501"
        connection.execute("begin")
        assert sqlstate(connection, "select 1/0") == "22012"
        assert sqlstate(connection, "select 'forbidden'") == "42501"  # in a failed transaction
        assert sqlstate(connection, "select 1") == "25P02"
        connection.execute("rollback")
        assert sqlstate(connection, "select 'later' || %s", ["x"], prepare=True) is None
        rules.words.add(b"later")
        assert sqlstate(connection, "select 'later' || %s", ["x"], prepare=True) == "42501"
        assert connection.execute("select 1").fetchone() == (1,)
