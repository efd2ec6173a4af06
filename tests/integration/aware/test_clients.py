"""PostgreSQL's own clients through an edge that speaks PostgreSQL, with all that they do."""

import signal
import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from pgward.system.postgres import Cluster, find_client, temporary_directory
from tests.fixtures.ca import Person
from tests.fixtures.edge_process import eventually
from tests.fixtures.tunnel_process import TunnelProcess, client_environment, run_client
from tests.integration.test_tunnel_clients import cancelled

pytestmark = pytest.mark.integration

_HBA = """\
local all all trust
local replication all trust
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
"""
_CONTENT = (
    "select md5(string_agg(t::text, ',' order by i)) from {};"
    " select count(*), md5(string_agg(lo_get(oid), null order by oid)) from pg_largeobject_metadata"
)


@pytest.fixture(scope="module")
def publisher() -> Iterator[Cluster]:
    """A server that replicates, with a table and large objects in the database ``one``."""
    with temporary_directory() as directory:
        cluster = Cluster(directory, settings={"wal_level": "logical"})
        cluster.init()
        (cluster.data_dir / "pg_hba.conf").write_text(_HBA)
        try:
            cluster.start()
            for name in ("one", "two", "bench"):
                cluster.psql(f"create database {name}")
            cluster.psql(
                """create table t as select i, sha256(i::text::bytea) b,
                repeat(e'é"\\t\\n\\\\', i % 9) x from generate_series(1, 5000) i;
                select lo_from_bytea(4001, decode(repeat('00ff', 200000), 'hex'));
                select lo_from_bytea(4002, '')""",
                database="one",
            )
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="module")
def person(stack) -> Person:
    return stack.person()


@pytest.fixture(scope="module")
def service(stack, person, publisher) -> str:
    """A service for that server, where people choose the database."""
    made = stack.aware(
        person,
        upstream={"host": "127.0.0.1", "port": publisher.port},
        postgres={
            "user": {"force": "postgres"},
            "database": {"default": "one"},
            "auth": {"none": True},
        },
    )
    return made.name


@pytest.fixture(scope="module")
def tunnel(stack, person, service) -> Iterator[TunnelProcess]:
    with stack.tunnel(person, service) as made:
        yield made


def ran(program: str, *arguments: object, timeout: float = 60) -> str:
    done = run_client(program, *arguments, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def skip_older_than(server: Cluster, program: str) -> None:
    """Skip where a client is older than a server that is not the machine's own."""
    version = ran(program, "--version").split()[2]  # pg_dump (PostgreSQL) 15.18
    if int(version.partition(".")[0]) < server.version:
        pytest.skip(f"{program} is older than PostgreSQL {server.version}: put a newer one on PATH")


def test_a_dump_with_large_objects_is_restored_by_two_jobs(tunnel, publisher, tmp_path):
    skip_older_than(publisher, "pg_dump")
    dump = tmp_path / "dump"
    ran("pg_dump", "-Fc", "-b", "-f", dump, f"{tunnel.conninfo} dbname=one")
    ran("pg_restore", "-j", 2, "-d", f"{tunnel.conninfo} dbname=two", dump)
    first, second = (publisher.psql(_CONTENT.format("t"), database=name) for name in ("one", "two"))
    assert first == second
    assert first.splitlines()[1].startswith("2|")


@pytest.fixture(scope="module")
def bench(tunnel) -> str:
    conninfo = f"{tunnel.conninfo} dbname=bench"
    ran("pgbench", "-i", "-q", conninfo)
    return conninfo


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
@pytest.mark.parametrize("script", ["tpcb-like", "simple-update", "select-only"])
def test_pgbench(bench, script, mode):
    said = ran("pgbench", "-n", "-b", script, "-M", mode, "-c", 2, "-t", 10, bench)
    assert "number of transactions actually processed: 20/20" in said
    assert "number of failed transactions: 0 " in said


def test_pgbench_in_a_pipeline(bench, tmp_path):
    script = tmp_path / "pipeline.sql"
    lines = "select 1;\nupdate pgbench_branches set filler = 'x';\n"
    script.write_text(f"\\startpipeline\n{lines * 50}\\endpipeline\n")
    said = ran("pgbench", "-n", "-f", script, "-M", "prepared", "-c", 2, "-t", 5, bench)
    assert "number of transactions actually processed: 10/10" in said


@pytest.mark.parametrize("form", ["text", "csv", "binary"])
def test_copy_out_and_in_again(tunnel, publisher, tmp_path, form):
    file, table = tmp_path / "rows", f"copied_{form}"
    tunnel.psql(f"create table {table} (like t)")
    tunnel.psql(f"\\copy t to '{file}' (format {form})")
    tunnel.psql(f"\\copy {table} from '{file}' (format {form})")
    content = "select md5(string_agg(x::text, ',' order by i)) from {} x"
    first, second = (publisher.psql(content.format(each), database="one") for each in ("t", table))
    assert first == second


def test_large_objects_by_function_calls(tunnel, tmp_path):
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_bytes(bytes(range(256)) * 3000)
    steps = (f"\\lo_import '{there}'", f"\\lo_export :LASTOID '{back}'", "\\lo_unlink :LASTOID")
    tunnel.psql("select 1", *(word for step in steps for word in ("-c", step)))
    assert there.read_bytes() == back.read_bytes()


def test_copies_that_fail_leave_the_session_alone(tunnel):
    class TurnedBackError(Exception):
        pass

    def copy(rows: int, row: str, error: type[Exception] | None = None) -> None:
        with session.cursor().copy("copy failing from stdin") as stdin:
            for _ in range(rows):
                stdin.write(row)
            if error is not None:
                raise error

    with tunnel.connect() as session:
        session.execute("create temporary table failing (i int)")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            copy(20_000, "no number\n")
        with pytest.raises(TurnedBackError):
            copy(10, "1\n", TurnedBackError)
        with (
            pytest.raises(psycopg.errors.DivisionByZero),
            session.cursor().copy(
                "copy (select 1 / (500 - i) from generate_series(1, 999) i) to stdout"
            ) as out,
        ):
            assert len([bytes(each) for each in out]) < 500
        copy(3, "7\n")
        assert session.execute("select count(*), sum(i) from failing").fetchone() == (3, 21)


def test_who_listens_hears_from_others_and_knows_itself(tunnel):
    with tunnel.connect() as listener, tunnel.connect() as other:
        listener.execute("listen news")
        other.execute("select pg_notify('news', 'from another')")
        (heard,) = listener.notifies(timeout=20, stop_after=1)
        assert (heard.payload, heard.pid) == ("from another", other.info.backend_pid)
        listener.execute("notify news, 'own'")
        (heard,) = listener.notifies(timeout=20, stop_after=1)
        assert (heard.payload, heard.pid) == ("own", listener.info.backend_pid)


def test_a_session_is_ended_by_the_process_id_that_its_client_knows(tunnel):
    with tunnel.connect() as doomed, tunnel.connect() as other:
        own = doomed.execute("select pg_backend_pid()").fetchone()
        assert own == (doomed.info.backend_pid,)
        other.execute("select pg_terminate_backend(%s)", [doomed.info.backend_pid])
        with pytest.raises(psycopg.errors.AdminShutdown):
            doomed.execute("select pg_sleep(20)")


def test_ctrl_c_in_psql(tunnel):
    command = [find_client("psql"), "-XAtq", "-d", tunnel.conninfo]
    with subprocess.Popen(
        [*command, "-c", "select pg_sleep(60)"],
        env=client_environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        running = "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)'"
        eventually(lambda: tunnel.psql(f"{running} and state = 'active'") == "1")
        program.send_signal(signal.SIGINT)
        said = program.communicate(timeout=30)[1]
    assert "canceling statement due to user request" in said


@pytest.mark.parametrize("count", [1_000, pytest.param(200_000, marks=pytest.mark.soak)])
def test_many_pipelined_statements(tunnel, count):
    with tunnel.connect() as session, session.pipeline():
        cursors = [session.execute("select %s::int", [i]) for i in range(count)]
        assert [each.fetchone() for each in cursors] == [(i,) for i in range(count)]


def test_an_error_in_a_pipeline_ends_what_is_before_the_next_sync(tunnel):
    with tunnel.connect() as session:
        with session.pipeline() as pipeline:
            before = session.execute("select 1")
            wrong = session.execute("select 1 / 0")
            skipped = session.execute("select 2")
            with pytest.raises(psycopg.errors.DivisionByZero):
                pipeline.sync()
            after = session.execute("select 3")
            assert after.fetchone() == (3,)
        assert before.fetchone() == (1,)
        for each in (wrong, skipped):
            with pytest.raises(psycopg.Error):
                each.fetchone()


def test_as_many_parameters_and_columns_as_there_can_be(tunnel):
    with tunnel.connect() as session:
        many = [1] * 65_535
        marks = ",".join(["%s"] * len(many))
        assert session.execute(
            f"select cardinality(array[{marks}]::int[])", many, prepare=True
        ).fetchone() == (65_535,)
        marks = ",".join(f"${i}::text" for i in range(1, 65_537))
        session.pgconn.prepare(b"unbound", f"select array[{marks}]".encode())
        told = session.pgconn.describe_prepared(b"unbound")
        assert told.status == psycopg.pq.ExecStatus.COMMAND_OK, told.error_message
        columns = ",".join(f'{i} as "{i:063}"' for i in range(1600))
        assert session.execute(f"select {columns}").fetchone() == tuple(range(1600))


@pytest.mark.skipif(psycopg.pq.version() < 180_000, reason="libpq knows no protocol 3.2")
@pytest.mark.parametrize(
    "options",
    [
        {"sslnegotiation": "direct"},
        {"channel_binding": "require", "require_auth": "scram-sha-256"},
        {"min_protocol_version": "3.2", "max_protocol_version": "latest"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_newer_clients_ask_for(person, service, options):
    token = person.data("token", service)
    with psycopg.connect(token["uri"], password=token["password"], **options) as session:
        inside = session.execute("select pg_backend_pid()").fetchone()
        assert inside == (session.info.backend_pid,)
        assert cancelled(session)


# --- replication ------------------------------------------------------------------------


@pytest.mark.soak
def test_a_base_backup(tunnel, publisher, tmp_path):
    skip_older_than(publisher, "pg_basebackup")
    ran(
        "pg_basebackup",
        "-D",
        tmp_path / "backup",
        "-X",
        "stream",
        "-c",
        "fast",
        "-d",
        tunnel.conninfo,
    )
    assert (tmp_path / "backup" / "backup_manifest").exists()


def test_pg_recvlogical(tunnel, publisher, tmp_path):
    tunnel.psql("create table logged (i int); create publication logged for table logged")
    options = ("-d", f"{tunnel.conninfo} dbname=one", "--slot", "logged")
    ran("pg_recvlogical", *options, "--create-slot", "-P", "pgoutput")
    publisher.psql("insert into logged values (4711)", database="one")
    end = publisher.psql("select pg_current_wal_flush_lsn()")
    plugin = ("-o", "proto_version=1", "-o", "publication_names=logged")
    file = tmp_path / "changes"
    ran("pg_recvlogical", *options, "--start", "-f", file, "--endpos", end, *plugin)
    assert b"4711" in file.read_bytes()
    ran("pg_recvlogical", *options, "--drop-slot")


def test_a_subscription_with_a_token(tunnel, publisher, person, service):
    """The subscriber is PostgreSQL itself, which no tunnel of somebody else's lets in."""
    token = person.data("token", service)
    fields = psycopg.conninfo.conninfo_to_dict(token["uri"])
    del fields["sslrootcert"]  # which the server's account cannot read
    conninfo = psycopg.conninfo.make_conninfo(
        **fields | {"dbname": "one", "password": token["password"], "sslmode": "require"}
    )
    publisher.psql("create table sent (i int primary key)", database="two")
    tunnel.psql("create table sent (i int primary key); create publication sent for table sent")
    tunnel.psql("select pg_create_logical_replication_slot('sent', 'pgoutput')")
    publisher.psql(
        f"create subscription sent connection $${conninfo}$$"
        " publication sent with (create_slot = false, slot_name = sent)",
        database="two",
    )
    try:
        publisher.psql("insert into sent select generate_series(1, 2000)", database="one")
        arrived = "select count(*) from sent"
        eventually(lambda: publisher.psql(arrived, database="two") == "2000", 30)
    finally:
        publisher.psql("alter subscription sent disable", database="two")
        publisher.psql("drop subscription sent", database="two")
