"""Ways around rules on statements, tried at a real edge in front of a real PostgreSQL.

Nobody may read salaries or delete anything. What gets through stands as a limit in
docs/reference/policy.md.
"""

import pytest

from pgward.pgwire import backend
from pgward.pgwire.framing import message
from pgward.pgwire.frontend import (
    bind,
    close,
    copy_data,
    copy_done,
    describe,
    execute,
    flush,
    function_call,
    parse,
    query,
    sync,
)
from tests.fixtures.crude_client import CrudeClient

pytestmark = pytest.mark.integration

STATEMENT = "ctx.request.postgres.statement"
WAYS_AROUND = '["DO", "CALL", "EXECUTE", "CREATE FUNCTION"]'
POLICY = {
    "rules": [
        {
            "name": name,
            "effect": "DENY",
            "on": "statement",
            "condition": condition,
        }
        for name, condition in {
            "salaries": f"'salaries' in {STATEMENT}.names",
            "deletes": f"'DELETE' in {STATEMENT}.kinds",
            "ways": f"{STATEMENT}.kinds.exists(k, k in {WAYS_AROUND} || k.endsWith(' PROGRAM'))",
            "functions": f"'query_to_xml' in {STATEMENT}.functions",
        }.items()
    ]
}
TABLES = """
DROP TABLE IF EXISTS salaries, kept CASCADE;
CREATE TABLE salaries (a text); INSERT INTO salaries VALUES ('hush');
CREATE TABLE kept (a int); INSERT INTO kept VALUES (1);
CREATE VIEW a_view AS SELECT * FROM salaries;
CREATE OR REPLACE FUNCTION reads() RETURNS text LANGUAGE sql SECURITY DEFINER
    AS 'SELECT a FROM salaries';
GRANT ALL ON salaries, kept, a_view TO PUBLIC;
"""

READ = "SELECT a FROM salaries"
RUN = bind("", "") + execute() + sync()
GOOD = "SELECT 'good'"
LONG = "/*" + "x" * 70_000 + "*/"


def named(name: str, text: str) -> bytes:
    return parse(name, text) + sync()


ATTACKS = {
    "plain": query(READ),
    "prepared": parse("", READ) + RUN,
    "behind a good one": query(f"{GOOD}; {READ}"),
    "behind a long comment": query(f"{LONG} {READ}"),
    "behind a long comment, prepared": parse("", f"{LONG} {READ}") + RUN,
    "behind a long literal": query(f"SELECT '{'x' * 300_000}'; {READ}"),
    "behind more than 1 MiB": query(f"SELECT '{'x' * 1_100_000}'; {READ}"),
    "behind many rows": query(f"VALUES (1){', (2)' * 20_000}; {READ}"),
    "a cursor": query(f"BEGIN; DECLARE c CURSOR FOR {READ}; FETCH c"),
    "a cursor in steps": query("BEGIN") + query(f"DECLARE c CURSOR FOR {READ}") + query("FETCH c"),
    "PREPARE": query(f"PREPARE p AS {READ}") + query("EXECUTE p"),
    "COPY": query(f"COPY ({READ}) TO STDOUT"),
    "COPY of the table": query("COPY salaries TO STDOUT"),
    "EXPLAIN ANALYZE": query("EXPLAIN (ANALYZE, VERBOSE) DELETE FROM kept"),
    "WITH": query("WITH a AS (DELETE FROM kept RETURNING 1) SELECT 1"),
    "an escaped name": query('SELECT a FROM U&"\\0073alaries"'),
    "another case": query("SELECT a FROM PUBLIC.SaLaRiEs"),
    "the database's name": query("SELECT a FROM app.public.salaries"),
    "DO": query("DO $$BEGIN EXECUTE 'DELETE FROM ' || 'kept'; END$$"),
    "a function with a text": query(
        "SELECT query_to_xml('SELECT a FROM salaries', true, false, '')"
    ),
    "that, by the database's name": query(
        "SELECT app.pg_catalog.query_to_xml('SELECT a FROM salaries', true, false, '')"
    ),
    "backslashes": query("SET standard_conforming_strings = off")
    + query(r"SELECT 'a\', ' ; DELETE FROM kept; --'"),
    "backslashes that the grammar refuses": query("SET standard_conforming_strings = off")
    + query(r"SELECT 'a\', ' ; DELETE FROM kept WHERE 1=1OR 2=2; --'"),
    "backslashes and many operators": query("SET standard_conforming_strings = off")
    + query("SELECT 'a\\', ' ; DELETE FROM kept; SELECT 1" + " + 1" * 2100 + "; --'"),
    "letters of SJIS": query("SET client_encoding = 'SJIS'")
    + query(b"SELECT '\x83\x5c'; DELETE FROM kept; --'"),
    "letters of SJIS in one go": query("SET client_encoding = 'SJIS'")
    + query(b"SELECT '\xc5\x81\x5c'; DELETE FROM kept; --'"),
    "the name of a denied one": parse("s", READ) + bind("", "s") + execute() + sync(),
    "a good one's name again": named("s", GOOD)
    + close(b"S", "s")
    + parse("s", READ)
    + bind("", "s")
    + execute()
    + sync(),
    "a portal bound twice": parse("s", GOOD)
    + bind("p", "s")
    + close(b"P", "p")
    + parse("t", READ)
    + bind("p", "t")
    + execute("p")
    + sync(),
    "with Flush in between": parse("", READ) + flush() + bind("", "") + flush() + RUN,
    "described first": parse("s", READ) + describe(b"S", "s") + sync() + bind("", "s") + RUN,
    "a portal of SQL's": query("BEGIN")
    + query(f"DECLARE c CURSOR FOR {READ}")
    + execute("c")
    + sync(),
    "in the middle of COPY": query("COPY kept FROM STDIN")
    + copy_data(b"2\n")
    + query("DELETE FROM kept")
    + copy_done(),
    "SET ROLE does not help": query("SET ROLE NONE") + query(READ),
    "another search_path": query("SET search_path = public, pg_temp") + query(READ),
    "by EXECUTE of another session's name": query("EXECUTE s"),
    "a rule": query("CREATE RULE r AS ON INSERT TO kept DO DELETE FROM kept"),
    "a zero byte": message(b"Q", b"SELECT 1\0; DELETE FROM kept\0"),
}
LIMITS = {
    "a view": query("SELECT a FROM a_view"),
    "a function": query("SELECT reads()"),
    "a name in a string": query("SELECT table_to_xml('salaries', true, false, '')"),
}


@pytest.fixture(scope="module")
def world(stack):
    person = stack.person("analysts")
    service = stack.aware(person, postgres={"policy": POLICY})
    stack.cluster.psql(TABLES, database="app")
    yield stack, person, service
    stack.cluster.psql("DROP TABLE salaries, kept CASCADE", database="app")


def heard(world, said: bytes) -> list[tuple[bytes, bytes]]:
    """Return all that comes of some messages, up to the answer of one more query."""
    stack, person, service = world
    with CrudeClient(stack.edge, service.name, person) as client:
        client.log_in()
        client.say(said, query("ROLLBACK"), query("SELECT 'the end'"))
        found = []
        while (told := client.next()) is not None:
            found.append(told)
            if b"the end" in told[1]:
                break
    return found


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_is_read_or_deleted(world, attack):
    found = heard(world, ATTACKS[attack])
    errors = [backend.read_fields(body)["C"] for kind, body in found if kind == backend.ERROR]
    assert b"hush" not in b"".join(body for _, body in found)
    assert world[0].cluster.psql("SELECT count(*) FROM kept", database="app") == "1"
    assert errors


@pytest.mark.parametrize("limit", LIMITS)
def test_what_a_text_does_not_say_is_for_grants(world, limit):
    """docs/reference/policy.md, What statements do not say."""
    assert b"hush" in b"".join(body for _, body in heard(world, LIMITS[limit]))


def test_a_function_by_its_number_is_ruled(world):
    oid = world[0].cluster.psql("SELECT 'reads'::regproc::oid::int", database="app")
    found = heard(world, function_call(int(oid), []))
    assert b"hush" in b"".join(body for _, body in found)  # none of these rules names it
