"""What is said of statements, held against what a real PostgreSQL does with them."""

import re
import subprocess
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import pq

from pgward.policy.statements import classify
from pgward.system.postgres import Cluster, temporary_cluster

SETUP = """
CREATE TABLE t (id int PRIMARY KEY, a text);
INSERT INTO t SELECT g, 'x' FROM generate_series(1, 3) g;
CREATE SEQUENCE s;
CREATE VIEW v AS SELECT * FROM t;
CREATE FUNCTION own() RETURNS int LANGUAGE sql AS 'DELETE FROM t; SELECT 1';
CREATE PROCEDURE p() LANGUAGE sql AS 'DELETE FROM t';
"""
READING = """
SELECT count(*), max(a) FROM t WHERE id > 1 GROUP BY a HAVING count(*) > 0
TABLE v
VALUES (1), (2)
WITH RECURSIVE r(n) AS (VALUES (1) UNION SELECT n + 1 FROM r WHERE n < 5) SELECT sum(n) FROM r
SELECT lower('A'), now(), random(), pg_catalog.format_type(23, NULL), pg_table_size('t')
SELECT * FROM generate_series(1, 2), unnest(ARRAY[1]), pg_options_to_table(NULL)
SELECT to_char(now(), 'YYYY'), regexp_replace('a', 'a', 'b'), json_agg(t) FROM t
EXPLAIN ANALYZE SELECT * FROM t
COPY (SELECT 1) TO STDOUT
SET LOCAL work_mem = '4MB'
SHOW work_mem
SELECT pg_advisory_unlock_all()
DECLARE c CURSOR FOR SELECT * FROM t
SELECT database_to_xmlschema(true, true, '') IS NOT NULL
"""
WRITING = """
INSERT INTO t VALUES (9)
UPDATE t SET a = 'y'
WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d
EXPLAIN ANALYZE DELETE FROM t
SELECT own()
SELECT nextval('s')
SELECT setval('s', 7)
SELECT * INTO u FROM t
CREATE TABLE u AS SELECT 1
CREATE VIEW w AS SELECT 1
COPY t FROM PROGRAM 'true'
SELECT * FROM t FOR UPDATE
MERGE INTO t USING (VALUES (1)) x(id) ON t.id = x.id WHEN MATCHED THEN DELETE
DO 'BEGIN DELETE FROM t; END'
CALL p()
TRUNCATE t
SELECT query_to_xml('SELECT nextval(''s'')', true, true, '')
SELECT pg_notify('a', 'b')
NOTIFY a
LOCK t IN ROW EXCLUSIVE MODE
REFRESH MATERIALIZED VIEW m
COMMENT ON TABLE t IS 'x'
"""
DESCRIBE = r"""
\d
\d+ t
\d+ v
\d s
\l+
\df+ own
\dn+
\du+
\dp
\dx
\dT+
\sf own
\sv v
\dC+
\drds
\ddp
"""
# PostgreSQL lets these through, though others notice them.
WAITING = ("NOTIFY", "pg_notify", "LOCK")


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with temporary_cluster() as running:
        running.psql(SETUP)
        yield running


@pytest.fixture
def connection(server: Cluster) -> Iterator[psycopg.Connection]:
    where = f"host={server.socket_dir} port={server.port} user=postgres dbname=postgres"
    with psycopg.connect(where) as opened:
        yield opened
        opened.rollback()


def said(connection: psycopg.Connection, text: bytes) -> str | None:
    """Have PostgreSQL execute a text; return the SQLSTATE of its refusal."""
    result = connection.pgconn.exec_(text)
    if result.status in (pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_IN):
        while connection.pgconn.get_copy_data(0)[0] > 0:
            pass
        while (last := connection.pgconn.get_result()) is not None:
            result = last
    return (
        result.error_field(pq.DiagnosticField.SQLSTATE).decode() if result.error_message else None
    )


def rows(connection: psycopg.Connection) -> int:
    found = connection.pgconn.exec_(b"SELECT count(*) FROM t").get_value(0, 0)
    return int(found or b"0")


@pytest.mark.parametrize("text", READING.strip().splitlines())
def test_what_only_reads_is_allowed_to_who_may_only_read(connection, text):
    assert all(each.reads for each in classify(text.encode()))
    assert said(connection, b"BEGIN READ ONLY") is None
    assert said(connection, text.encode()) is None


@pytest.mark.parametrize("text", WRITING.strip().splitlines())
def test_nothing_that_writes_is_taken_for_reading(connection, text):
    assert not all(each.reads for each in classify(text.encode()))
    assert said(connection, b"BEGIN READ ONLY") is None
    assert said(connection, text.encode()) is not None or any(each in text for each in WAITING)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (b"SET standard_conforming_strings = off", rb"SELECT 'a\'; DELETE FROM t; --'"),
        (b"SET standard_conforming_strings = on", rb"SELECT 'a\'; DELETE FROM t; --'"),
        (b"SET client_encoding = 'SJIS'", b"SELECT E'\xe3\x82\x83\\'; DELETE FROM t; --'"),
    ],
)
def test_a_change_that_hides_behind_a_backslash_is_seen(connection, settings, text):
    for each in (b"BEGIN", b"SET escape_string_warning = off", settings):
        assert said(connection, each) is None
    before = rows(connection)
    refusal = said(connection, text)
    changed = refusal is None and rows(connection) != before
    assert changed or b"off" in settings
    assert "DELETE" in [kind for each in classify(text) for kind in each.kinds]


def test_what_psql_asks_to_describe_things_only_reads(server):
    where = f"host={server.socket_dir} port={server.port} user=postgres dbname=postgres"
    done = subprocess.run(
        ["psql", "-X", "-E", where], input=DESCRIBE, capture_output=True, text=True, check=True
    )
    asked = re.findall(r"\*+ QUERY \*+/?\n(.*?)\n/?\*+", done.stdout, re.DOTALL)
    assert len(asked) > 20
    assert [each for text in asked for each in classify(text.encode()) if not each.reads] == []


def test_a_text_of_unknown_length_hides_nothing(connection):
    for length, kinds in ((20_000, ["SELECT", "DELETE"]), (1 << 20, ["UNPARSED"])):
        text = b"SELECT 1 /*" + b"x" * length + b"*/; DELETE FROM t"
        assert said(connection, b"BEGIN") is None
        assert said(connection, text) is None
        assert rows(connection) == 0
        assert said(connection, b"ROLLBACK") is None
        assert [each.kind for each in classify(text)] == kinds
