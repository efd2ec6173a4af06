"""Records of what real clients say to a real PostgreSQL, taken off a tape."""

import asyncio
import subprocess

import asyncpg
import psycopg
import pytest

from pgward.system.postgres import find_client
from tests.fixtures.recording import Recording


@pytest.fixture
def recording(database_server, tmp_path):
    with Recording(database_server, tmp_path) as running:
        yield running


def told(recording, *names):
    """Records without those of sessions, by these fields."""
    return [
        tuple(record.get(name) for name in names)
        for record in recording.records()
        if not record["type"].startswith("SESSION")
    ]


def connect(recording, **options):
    return psycopg.connect(
        host=recording.host, port=recording.port, user="postgres", dbname="postgres", **options
    )


def test_psycopg_in_its_usual_ways(recording):
    with connect(recording, autocommit=True) as connection:
        connection.execute("select 1")
        connection.execute("select %s::int, %s::text, %s", [7, "a'b", None])
        connection.execute("select %b::int4, %b::numeric", [-1, 12.5])
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("select 1 / %s", [0])
        connection.execute("create temp table t (a int); insert into t values (1), (2)")
        connection.execute("update t set a = a + %s", [1])
        for number in range(2):
            connection.execute("select %s::int8", [number], prepare=True)
    assert told(
        recording, "type", "text", "parameters", "commands", "rows", "status", "sqlstate"
    ) == [
        ("QUERY", "select 1", None, ["SELECT 1"], 1, "ok", None),
        (
            "EXECUTE",
            "select $1::int, $2::text, $3",
            ["7", "a'b", None],
            ["SELECT 1"],
            1,
            "ok",
            None,
        ),
        ("EXECUTE", "select $1::int4, $2::numeric", ["-1", "12.5"], ["SELECT 1"], 1, "ok", None),
        ("EXECUTE", "select 1 / $1", ["0"], None, None, "error", "22012"),
        (
            "QUERY",
            "create temp table t (a int); insert into t values (1), (2)",
            None,
            ["CREATE TABLE", "INSERT 0 2"],
            2,
            "ok",
            None,
        ),
        ("EXECUTE", "update t set a = a + $1", ["1"], ["UPDATE 2"], 2, "ok", None),
        ("PARSE", "select $1::int8", None, None, None, "ok", None),
        ("EXECUTE", "select $1::int8", ["0"], ["SELECT 1"], 1, "ok", None),
        ("EXECUTE", "select $1::int8", ["1"], ["SELECT 1"], 1, "ok", None),
    ]


def test_what_drivers_say_most_is_a_usual_exchange(recording):
    with connect(recording) as connection:
        for number in range(7):  # prepared from the sixth on
            connection.execute("select %s::int", [number])
        connection.execute("select 1")
    assert recording.usual() == ["BEGIN", *(7 * ["select $1::int"]), "select 1", "COMMIT"]

    async def talk():
        connection = await asyncpg.connect(
            host=recording.host,
            port=recording.port,
            user="postgres",
            database="postgres",
            ssl=False,
        )
        for number in range(2):
            await connection.fetch("select $1::int4", number)
        await connection.close()

    asyncio.run(talk())
    assert recording.usual()[-2:] == 2 * ["select $1::int4"]


def test_a_pipeline_with_an_error_in_the_middle(recording):
    with connect(recording, autocommit=True) as connection, connection.pipeline() as pipeline:
        connection.execute("select %s", [1])
        connection.execute("select 1 / %s", [0])
        connection.execute("select %s", [2])
        with pytest.raises(psycopg.errors.DivisionByZero):
            pipeline.sync()
        connection.execute("select %s", [3])
    assert told(recording, "parameters", "status") == [
        (["1"], "ok"),
        (["0"], "error"),
        (["2"], "skipped"),
        (["3"], "ok"),
    ]


def test_copy_both_ways(recording):
    with connect(recording, autocommit=True) as connection:
        connection.execute("create temp table t (a int)")
        with connection.cursor().copy("copy t from stdin") as copy:
            for number in range(1000):
                copy.write_row([number])
        with connection.cursor().copy("copy t to stdout") as copy:
            size = sum(map(len, copy))
        with (
            pytest.raises(psycopg.errors.BadCopyFileFormat),
            connection.cursor().copy("copy t from stdin") as copy,
        ):
            copy.write("1\t2\n")
        connection.execute("select 1")
    assert size == 3890
    found = told(recording, "type", "direction", "rows", "bytes", "status")
    found[3] = (*found[3][:3], None, found[3][4])  # counted if it was before the error
    assert found == [
        ("QUERY", None, None, None, "ok"),
        ("COPY", "in", 1000, 3890, "ok"),
        ("COPY", "out", 1000, 3890, "ok"),
        ("COPY", "in", None, None, "error"),
        ("QUERY", None, 1, 7, "ok"),
    ]


def test_asyncpg_with_binary_parameters_and_a_cursor(recording):
    async def talk():
        connection = await asyncpg.connect(
            host=recording.host,
            port=recording.port,
            user="postgres",
            database="postgres",
            ssl=False,
        )
        await connection.fetch(
            "select $1::int4[], $2::timestamptz, $3::jsonb", [1, None], None, "{}"
        )
        async with connection.transaction():
            cursor = await connection.cursor("select generate_series(1, $1::int)", 5)
            assert len(await cursor.fetch(3)) == 3
            assert len(await cursor.fetch(3)) == 2
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(
                "create temp table u (a int primary key deferrable initially deferred);"
                "insert into u values (1), (1)"
            )
        await connection.close()

    asyncio.run(talk())
    found = [
        row
        for row in told(recording, "type", "text", "parameters", "rows", "status")
        if row[1].startswith(("select $1", "select gen", "create"))
    ]
    series = "select generate_series(1, $1::int)"
    assert found == [
        ("PARSE", "select $1::int4[], $2::timestamptz, $3::jsonb", None, None, "ok"),
        (
            "EXECUTE",
            "select $1::int4[], $2::timestamptz, $3::jsonb",
            ["{1,NULL}", None, "{}"],
            1,
            "ok",
        ),
        ("PARSE", series, None, None, "ok"),
        ("BIND", series, ["5"], None, "ok"),
        ("EXECUTE", series, ["5"], 3, "ok"),
        ("EXECUTE", series, ["5"], 2, "ok"),
        ("QUERY", found[-1][1], None, None, "error"),
    ]


def test_psql_with_several_statements_and_a_password(recording):
    script = r"""
select 1 \; select 2, 3;
create role r password 'hunter2';
drop role r;
\copy (select 1) to /dev/null
"""
    psql = [find_client("psql"), "-X", "-q", "-h", recording.host, "-p", str(recording.port)]
    command = [*psql, "-U", "postgres", "postgres", "-v", "ON_ERROR_STOP=1", "-f", "-"]
    subprocess.run(command, input=script, text=True, check=True, capture_output=True)
    assert told(recording, "type", "text", "parameters", "commands") == [
        ("QUERY", "select 1 ; select 2, 3;", None, ["SELECT 1", "SELECT 1"]),
        ("QUERY", "create role r password '***';", None, ["CREATE ROLE"]),
        ("QUERY", "drop role r;", None, ["DROP ROLE"]),
        ("COPY", "COPY  ( select 1 ) TO STDOUT ", None, ["COPY 1"]),
    ]


def test_a_large_statement_is_on_record_in_pieces_that_give_it_back(recording):
    text = "select length('" + "ü" * 300_000 + "')"
    with connect(recording, autocommit=True) as connection:
        assert connection.execute(text).fetchone() == (300_000,)
        connection.execute("select %s, length(%b)", [5, b"x" * 200_000])
    *pieces, query, execution = [
        record for record in recording.records() if not record["type"].startswith("SESSION")
    ]
    assert {piece["of"] for piece in pieces} == {query["id"]}
    assert "".join(piece["text"] for piece in pieces) == text
    assert (query["text_bytes"], query["pieces"]) == (len(text.encode()), len(pieces))
    assert query["text"] == text[:1024]
    assert (query["rows"], query["status"]) == (1, "ok")
    assert execution["parameters"][0] == "5"
    assert execution["parameters"][1]["bytes"] == 200_000


def test_a_session_that_the_server_ends_says_why(recording, database_server):
    with connect(recording, autocommit=True) as connection:
        pid = connection.info.backend_pid
        database_server.psql(f"select pg_terminate_backend({pid})")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    recording.join()
    ends = [record for record in recording.records() if record["type"] == "SESSION_END"]
    assert [record["sqlstate"] for record in ends] == ["57P01"]
