"""Ways around rules on statements: each is seen, or a limit in docs/reference/policy.md."""

import pytest

from pgward.policy.statements import classify

# One table, in every place of a statement where a table may stand.
SALARIES = r"""
SELECT * FROM salaries
TABLE salaries
TABLE ONLY salaries
select * from "salaries"
SELECT * FROM SALARIES
SELECT * FROM U&"\0073alaries"
SELECT * FROM U&"!0073alaries" UESCAPE '!'
SELECT * FROM public.salaries
SELECT * FROM app.public.salaries
SELECT salaries FROM salaries
SELECT (SELECT max(a) FROM salaries)
SELECT 1 WHERE EXISTS (SELECT FROM salaries)
SELECT ARRAY(SELECT a FROM salaries)
SELECT 1 FROM a, LATERAL (SELECT * FROM salaries) x
SELECT 1 ORDER BY (SELECT 1 FROM salaries)
SELECT 1 LIMIT (SELECT 1 FROM salaries)
SELECT 1 OFFSET (SELECT 1 FROM salaries)
SELECT 1 GROUP BY (SELECT 1 FROM salaries)
SELECT 1 HAVING (SELECT true FROM salaries)
SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM salaries)) FROM a
SELECT sum(1) OVER (PARTITION BY (SELECT 1 FROM salaries))
SELECT sum(1) OVER w WINDOW w AS (ORDER BY (SELECT 1 FROM salaries))
SELECT CASE WHEN true THEN (SELECT 1 FROM salaries) END
SELECT f(VARIADIC ARRAY(SELECT 1 FROM salaries))
SELECT f(a => (SELECT 1 FROM salaries))
SELECT a FROM b TABLESAMPLE system((SELECT 1 FROM salaries))
SELECT * FROM generate_series(1, (SELECT 1 FROM salaries))
SELECT * FROM ROWS FROM (f((SELECT 1 FROM salaries)))
SELECT * FROM XMLTABLE('/x' PASSING (SELECT x FROM salaries) COLUMNS a int)
SELECT * FROM JSON_TABLE((SELECT x FROM salaries), '$' COLUMNS (a int))
SELECT JSON_OBJECT('a': (SELECT 1 FROM salaries))
SELECT JSON_ARRAY(SELECT a FROM salaries)
SELECT JSON_ARRAYAGG((SELECT a FROM salaries))
SELECT JSON_VALUE((SELECT a FROM salaries), '$')
SELECT XMLELEMENT(name a, (SELECT 1 FROM salaries))
SELECT XMLFOREST((SELECT 1 FROM salaries) AS a)
SELECT XMLSERIALIZE(CONTENT (SELECT x FROM salaries) AS text)
SELECT COALESCE((SELECT 1 FROM salaries))
SELECT GREATEST((SELECT 1 FROM salaries))
SELECT NULLIF((SELECT 1 FROM salaries), 1)
SELECT (SELECT salaries FROM salaries).*
SELECT ((SELECT salaries FROM salaries)).a
SELECT (ARRAY[1])[(SELECT 1 FROM salaries)]
SELECT (SELECT 1 FROM salaries)::int
SELECT CAST((SELECT 1 FROM salaries) AS int)
SELECT (SELECT a FROM salaries) COLLATE "C"
SELECT (SELECT a FROM salaries) IS NULL
SELECT (SELECT a FROM salaries) IS DOCUMENT
SELECT (SELECT a FROM salaries) IS JSON
SELECT (SELECT true FROM salaries) IS TRUE
SELECT 1 IN (SELECT 1 FROM salaries)
SELECT 1 = ANY (SELECT 1 FROM salaries)
SELECT (1,2) = (SELECT 1,2 FROM salaries)
SELECT 1 BETWEEN 0 AND (SELECT 1 FROM salaries)
SELECT 'a' LIKE (SELECT 'a' FROM salaries)
SELECT (a).b FROM salaries a
SELECT 1 UNION SELECT 1 FROM salaries
(SELECT 1) EXCEPT ALL (SELECT 1 FROM salaries)
VALUES ((SELECT 1 FROM salaries))
WITH salaries AS (SELECT * FROM salaries) SELECT * FROM salaries
WITH x AS (SELECT 1), salaries AS (SELECT * FROM salaries) SELECT * FROM x
WITH salaries AS (SELECT 1) SELECT * FROM public.salaries
WITH x AS (WITH salaries AS (SELECT 1) SELECT 1) SELECT * FROM salaries
WITH x AS (SELECT * FROM salaries), salaries AS (SELECT 1) SELECT * FROM x
SELECT (WITH salaries AS (SELECT 1) SELECT 1), (SELECT 1 FROM salaries)
(WITH salaries AS (SELECT 1) SELECT * FROM salaries) UNION SELECT 1 FROM salaries
WITH salaries AS (SELECT 1) DELETE FROM salaries
WITH salaries AS (SELECT 1) UPDATE salaries SET a = 1
WITH salaries AS (SELECT 1) INSERT INTO salaries SELECT * FROM salaries
WITH salaries AS (SELECT 1) MERGE INTO salaries USING salaries s ON true WHEN MATCHED THEN DELETE
WITH salaries AS (SELECT 1) SELECT * INTO x FROM public.salaries
SELECT * INTO salaries FROM a
WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT a FROM t, salaries) SELECT * FROM t
WITH t AS (SELECT 1) SEARCH DEPTH FIRST BY a SET b SELECT * FROM salaries
INSERT INTO a SELECT * FROM salaries
INSERT INTO a VALUES ((SELECT 1 FROM salaries))
INSERT INTO a DEFAULT VALUES RETURNING (SELECT 1 FROM salaries)
INSERT INTO a VALUES (1) ON CONFLICT (a) DO UPDATE SET a = (SELECT 1 FROM salaries)
INSERT INTO a VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 1 WHERE EXISTS (SELECT FROM salaries)
UPDATE a SET b = 1 FROM salaries
UPDATE a SET (b, c) = (SELECT 1, 2 FROM salaries)
UPDATE a SET b[(SELECT 1 FROM salaries)] = 1
DELETE FROM a USING salaries
DELETE FROM a WHERE b IN (SELECT 1 FROM salaries) RETURNING 1
MERGE INTO a USING salaries s ON true WHEN MATCHED THEN DO NOTHING
MERGE INTO a USING b ON true WHEN MATCHED AND EXISTS (SELECT FROM salaries) THEN DELETE
MERGE INTO a USING b ON true WHEN NOT MATCHED THEN INSERT VALUES ((SELECT 1 FROM salaries))
MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE RETURNING (SELECT 1 FROM salaries)
COPY salaries TO STDOUT
COPY (SELECT * FROM salaries) TO STDOUT
COPY a FROM STDIN WHERE (SELECT true FROM salaries)
EXPLAIN ANALYZE SELECT * FROM salaries
EXPLAIN (ANALYZE, BUFFERS) TABLE salaries
PREPARE p AS SELECT * FROM salaries
DECLARE c CURSOR FOR SELECT * FROM salaries
CREATE VIEW v AS SELECT * FROM salaries
CREATE RECURSIVE VIEW v (a) AS SELECT * FROM salaries
CREATE MATERIALIZED VIEW v AS SELECT * FROM salaries
CREATE TABLE t AS SELECT * FROM salaries
CREATE TABLE t AS TABLE salaries WITH DATA
CREATE TABLE t (LIKE salaries)
CREATE TABLE t () INHERITS (salaries)
CREATE TABLE t PARTITION OF salaries DEFAULT
CREATE TABLE t (a int REFERENCES salaries)
CREATE TABLE t (a int DEFAULT (SELECT 1 FROM salaries))
CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1 FROM salaries; END
CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN (SELECT 1 FROM salaries)
CREATE FUNCTION f(a int DEFAULT (SELECT 1 FROM salaries)) RETURNS int LANGUAGE sql RETURN 1
CREATE RULE r AS ON SELECT TO a DO INSTEAD SELECT * FROM salaries
CREATE RULE r AS ON INSERT TO salaries DO NOTHING
CREATE TRIGGER t BEFORE INSERT ON salaries EXECUTE FUNCTION f()
CREATE TRIGGER t BEFORE INSERT ON a WHEN ((SELECT true FROM salaries)) EXECUTE FUNCTION f()
CREATE POLICY p ON salaries USING (true)
CREATE POLICY p ON a USING ((SELECT true FROM salaries))
CREATE INDEX ON salaries (a)
CREATE STATISTICS s ON a, b FROM salaries
CREATE PUBLICATION p FOR TABLE salaries
CREATE PUBLICATION p FOR TABLE a WHERE ((SELECT true FROM salaries))
ALTER PUBLICATION p ADD TABLE salaries
CREATE SCHEMA s CREATE VIEW v AS SELECT * FROM salaries
CREATE FOREIGN TABLE salaries (a int) SERVER s
IMPORT FOREIGN SCHEMA s LIMIT TO (salaries) FROM SERVER x INTO y
ALTER TABLE salaries RENAME TO wages
ALTER TABLE salaries RENAME COLUMN a TO b
ALTER TABLE salaries SET SCHEMA other
ALTER TABLE salaries OWNER TO me
ALTER TABLE a INHERIT salaries
ALTER TABLE a ATTACH PARTITION salaries DEFAULT
ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES salaries
ALTER TABLE a ADD COLUMN c int DEFAULT (SELECT 1 FROM salaries)
ALTER TABLE a ALTER COLUMN b TYPE int USING (SELECT 1 FROM salaries)
ALTER TABLE a ADD CHECK ((SELECT true FROM salaries))
ALTER VIEW salaries RENAME TO v
ALTER TRIGGER t ON salaries RENAME TO x
ALTER POLICY p ON salaries RENAME TO x
ALTER RULE r ON salaries RENAME TO x
ALTER TRIGGER t ON salaries DEPENDS ON EXTENSION e
DROP TABLE salaries
DROP TABLE IF EXISTS a, public.salaries CASCADE
DROP VIEW salaries
DROP TRIGGER t ON salaries
DROP RULE r ON salaries
DROP POLICY p ON salaries
TRUNCATE a, salaries
LOCK TABLE salaries
LOCK salaries IN SHARE MODE NOWAIT
VACUUM salaries
ANALYZE salaries (a)
CLUSTER salaries USING x
CLUSTER salaries
REINDEX TABLE salaries
REFRESH MATERIALIZED VIEW salaries
COMMENT ON TABLE salaries IS 'x'
COMMENT ON COLUMN salaries.a IS 'x'
COMMENT ON TRIGGER t ON salaries IS 'x'
COMMENT ON CONSTRAINT c ON salaries IS 'x'
SECURITY LABEL ON TABLE salaries IS 'x'
GRANT SELECT ON salaries TO PUBLIC
GRANT SELECT (a) ON TABLE salaries TO PUBLIC
REVOKE ALL ON salaries FROM a
SELECT * FROM a JOIN salaries USING (b)
SELECT * FROM (a CROSS JOIN salaries) j
SELECT * FROM a NATURAL LEFT JOIN (b JOIN salaries ON true)
CALL p((SELECT 1 FROM salaries))
EXECUTE p((SELECT 1 FROM salaries))
SELECT * FROM salaries*
SELECT f.salaries.a FROM f.salaries
"""
LIMITS = r"""
SELECT 'salaries'::regclass
SELECT nextval('salaries')
SELECT table_to_xml('salaries', true, false, '')
SELECT database_to_xml(true, false, '')
SELECT query_to_xml('SELECT * FROM salaries', true, false, '')
SELECT ts_stat('SELECT a FROM salaries')
SELECT * FROM a_view_of_salaries
SELECT NULL::salaries
DO $$BEGIN PERFORM * FROM salaries; END$$
CALL reads_salaries()
EXECUTE reads_salaries
FETCH ALL FROM reads_salaries
CREATE TABLE a OF salaries
CREATE SEQUENCE a OWNED BY salaries.b
ALTER EXTENSION a ADD TABLE salaries
GRANT SELECT ON ALL TABLES IN SCHEMA public TO a
"""


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.mark.parametrize("text", lines(SALARIES))
def test_a_table_is_seen_wherever_it_stands(text):
    for padding in ("", "/*" + "x" * 20_000 + "*/"):
        for each in classify((padding + text).encode()):
            # Of a large text, such a name is left alone.
            assert "salaries" in each.names or (padding and "U&" in text and not each.parsed)


@pytest.mark.parametrize("text", lines(LIMITS))
def test_where_it_is_not_seen_something_else_is(text):
    """The limits of the documents; what runs other texts, or reads what it names, does not read."""
    (found,) = classify(text.encode())
    assert "salaries" not in found.names
    harmless = {"'salaries'::regclass", "a_view_of_salaries", "NULL::salaries", "FETCH ALL"}
    assert found.reads is any(each in text for each in harmless)


KINDS = [
    "DROP TABLE a",
    "/* SELECT */ DROP /* 1 */ TABLE -- FROM\na",
    "; ; DROP TABLE a;",
    "SELECT 1; DROP TABLE a",
    "BEGIN; DROP TABLE a; COMMIT",
    "CREATE SCHEMA a; DROP TABLE a",
    "drop table if exists public.a, b cascade",
    "DROP\tTABLE\fa",
]


@pytest.mark.parametrize("text", KINDS)
def test_a_kind_is_seen_wherever_it_stands(text):
    assert "DROP TABLE" in [kind for each in classify(text.encode()) for kind in each.kinds]


INSIDE = {
    "WITH a AS (DELETE FROM b RETURNING 1) SELECT 1": "DELETE",
    "WITH a AS (MERGE INTO b USING c ON d WHEN MATCHED THEN DELETE RETURNING 1) TABLE a": "DELETE",
    "EXPLAIN ANALYZE DELETE FROM b": "DELETE",
    "EXPLAIN ANALYZE EXECUTE b": "EXECUTE",
    "EXPLAIN ANALYZE CREATE TABLE a AS SELECT 1": "CREATE TABLE AS",
    "COPY (DELETE FROM b RETURNING 1) TO STDOUT": "DELETE",
    "COPY (SELECT 1) TO PROGRAM ''": "COPY TO PROGRAM",
    "COPY b FROM PROGRAM 'id'": "COPY FROM PROGRAM",
    "PREPARE a AS DELETE FROM b": "DELETE",
    "CREATE TABLE a AS EXECUTE b": "EXECUTE",
    "CREATE RULE a AS ON INSERT TO b DO (DELETE FROM c; NOTIFY d)": "DELETE",
    "CREATE FUNCTION a() RETURNS int LANGUAGE sql BEGIN ATOMIC DELETE FROM b; END": "DELETE",
    "CREATE SCHEMA a CREATE TABLE b () GRANT ALL ON b TO c": "GRANT",
    "DECLARE a CURSOR FOR SELECT 1 FOR UPDATE": "SELECT FOR UPDATE",
    "INSERT INTO a VALUES (1) ON CONFLICT (b) DO UPDATE SET b = 1": "UPDATE",
    'SET LOCAL "ROLE" TO a': "SET ROLE",
    "RESET SESSION AUTHORIZATION": "SET SESSION AUTHORIZATION",
    "ALTER ROLE a SET role = b": "SET ROLE",
    "LISTEN a": "LISTEN",
}


@pytest.mark.parametrize(("text", "kind"), INSIDE.items())
def test_what_is_inside_is_seen(text, kind):
    (found,) = classify(text.encode())
    assert kind in found.kinds


FUNCTIONS = """
SELECT pg_catalog.set_config('a', 'b', false)
SELECT app.pg_catalog.set_config('a', 'b', false)
SELECT U&"set\\005fconfig"('a', 'b', false)
SELECT * FROM set_config('a', 'b', false)
SELECT * FROM ROWS FROM (now(), SET_CONFIG('a', 'b', false))
SELECT 1 LIMIT set_config('a', '1', false)::int
SELECT count(*) FILTER (WHERE set_config('a', 'b', false) = 'b')
SELECT 1 ORDER BY set_config('a', 'b', false)
VALUES (set_config('a', 'b', false))
EXECUTE a(set_config('a', 'b', false))
CALL a(set_config('a', 'b', false))
EXPLAIN ANALYZE SELECT set_config('a', 'b', false)
"""


@pytest.mark.parametrize("text", [each.replace("\\\\", "\\") for each in lines(FUNCTIONS)])
def test_a_function_is_seen_wherever_it_stands(text):
    (found,) = classify(text.encode())
    assert "set_config" in found.functions
    assert not found.reads


OPERATORS = """
SELECT 1 OPERATOR(a.+) 2
SELECT OPERATOR(a.+) 2
SELECT 1 OPERATOR(app.a.+) 2
SELECT 1 OPERATOR(a.+) ANY (SELECT 1)
SELECT 1 OPERATOR(a.+) ALL (ARRAY[1])
SELECT (1, 2) OPERATOR(a.+) (SELECT 1, 2)
SELECT 1 ORDER BY 1 USING OPERATOR(a.+)
SELECT array_agg(b ORDER BY b USING OPERATOR(a.+)) FROM c
SELECT sum(b) OVER (ORDER BY b USING OPERATOR(a.+)) FROM c
"""


@pytest.mark.parametrize("text", lines(OPERATORS))
def test_an_operator_of_ones_own_is_a_function(text):
    (found,) = classify(text.encode())
    assert 'a."+"' in found.functions
    assert not found.reads
    (plain,) = classify(
        text.replace("app.a.", "app.pg_catalog.").replace("(a.", "(pg_catalog.").encode()
    )
    assert plain.reads


def test_a_method_of_sampling_is_a_function():
    (found,) = classify(b"SELECT 1 FROM a TABLESAMPLE b.c(1)")
    assert found.functions == ("b.c",)
    (found,) = classify(b"SELECT 1 FROM a TABLESAMPLE system(1)")
    assert found.reads


@pytest.mark.parametrize(
    "text",
    [
        rb"SELECT 'a\'; DROP TABLE b; --'",
        rb"SELECT 'a\\'; DROP TABLE b; --'",
        rb"SELECT 'a', '\', ' ; DROP TABLE b; --'",
        rb"SELECT E'a\'', '; DROP TABLE b; --'" + b"\n; DROP TABLE b",
        b"SELECT $a$ $b$ $a$; DROP TABLE b; --$a$",
        b"SELECT $$ $a$ $$; DROP TABLE b; --$a$ $$",
        b"SELECT /* /* */ ' */ 1; DROP TABLE b; --'",
        b"SELECT 1 --\r; DROP TABLE b",
        b"SELECT '\xe3\x83\x5c'; DROP TABLE b; --'",
        b"SELECT 'a'\n'b'; DROP TABLE b; --'",
        b"SELECT e'a'\n'\\''; DROP TABLE b; --'",
        b'SELECT "a""; --"; DROP TABLE b',
        b"SELECT U&'a' UESCAPE '!'; DROP TABLE b",
    ],
)
def test_quotes_and_comments_hide_nothing(text):
    for padding in (b"", b"/*" + b"x" * 20_000 + b"*/"):
        kinds = [each.kind for each in classify(padding + text)]
        assert {"DROP TABLE", "UNPARSED"} & set(kinds), kinds


@pytest.mark.parametrize("encoding", ["SJIS", "BIG5", "GBK", "GB18030", "JOHAB", "UHC", "EUC_JP"])
def test_letters_that_hold_a_quote_or_backslash_cannot_be_read(encoding):
    for letter in (b"\x83\x5c", b"\x81\x27", b"\x95\x5c"):
        (found,) = classify(b"SELECT '" + letter + b"'; DROP TABLE b; --'", encoding=encoding)
        assert found.kind == "UNPARSED"
