import pytest

from pgward.policy import statement_walk
from pgward.policy.statement_walk import quote
from pgward.policy.statements import classify

TABLES = """
SELECT * FROM a, b.c, d.e.f -> a b.c e.f
SELECT * FROM "A", "a.b", "s""q"."x" -> "A" "a.b" "s""q".x
SELECT * FROM U&"secr\\0065ts" -> secrets
SELECT (SELECT max(x) FROM a) FROM b WHERE c IN (TABLE d) ORDER BY (SELECT 1 FROM e) -> a b d e
SELECT * FROM a JOIN b USING (c) NATURAL JOIN d, LATERAL (SELECT FROM e) f -> a b d e
SELECT FROM a AS b, b.c.d -> a c.d
SELECT * FROM a FOR UPDATE OF b -> a
INSERT INTO a SELECT * FROM b ON CONFLICT DO NOTHING RETURNING (SELECT 1 FROM c) -> a b c
UPDATE a SET b = (SELECT 1 FROM c) FROM d -> a c d
DELETE FROM a USING b -> a b
MERGE INTO a USING b ON true WHEN MATCHED THEN UPDATE SET c = (SELECT 1 FROM d) -> a b d
COPY a (b) FROM STDIN WHERE c -> a
COPY (SELECT FROM a) TO STDOUT -> a
TRUNCATE a, b.c -> a b.c
LOCK a -> a
DROP TABLE a, b.c -> a b.c
DROP VIEW a -> a
DROP INDEX a.b -> a.b
DROP TRIGGER t ON a.b -> a.b
DROP POLICY p ON a -> a
DROP FUNCTION f ->
COMMENT ON TABLE a IS 'x' -> a
COMMENT ON COLUMN a.b.c IS 'x' -> a.b
ALTER TABLE a RENAME TO b -> a
ALTER TABLE a ADD FOREIGN KEY (x) REFERENCES b -> a b
CREATE TABLE a (LIKE b) INHERITS (c) -> a b c
CREATE TABLE a PARTITION OF b DEFAULT -> a b
CREATE INDEX i ON a (b) -> a
CREATE VIEW a AS SELECT FROM b -> a b
CREATE RULE r AS ON INSERT TO a DO ALSO (DELETE FROM b; NOTIFY c) -> a b
GRANT SELECT ON a, b TO c -> a b
VACUUM a, b -> a b
EXPLAIN ANALYZE SELECT FROM a -> a
PREPARE p AS SELECT FROM a -> a
WITH a AS (SELECT FROM b) SELECT FROM a -> b
WITH a AS (SELECT FROM a) SELECT FROM a -> a
WITH RECURSIVE a AS (SELECT FROM a) SELECT FROM a ->
WITH a AS (SELECT FROM b), b AS (SELECT FROM a) SELECT FROM a, b -> b
WITH RECURSIVE a AS (SELECT FROM b), b AS (SELECT FROM a) SELECT FROM a, b ->
WITH a AS (SELECT) SELECT FROM public.a -> public.a
WITH a AS (SELECT) INSERT INTO a SELECT FROM a -> a
WITH a AS (SELECT) DELETE FROM b USING a -> b
WITH a AS (SELECT) UPDATE a SET b = 1 -> a
WITH a AS (WITH b AS (SELECT) SELECT FROM b) SELECT FROM a, b -> b
WITH a AS (SELECT) SELECT FROM a UNION SELECT FROM a, b -> b
SELECT FROM (WITH a AS (SELECT) SELECT FROM a) x, a -> a
SELECT (WITH a AS (SELECT 1) SELECT FROM a), (SELECT 1 FROM a) -> a
WITH a AS (SELECT) SELECT FROM (SELECT FROM a) x, LATERAL (SELECT FROM a, c) -> c
WITH "A" AS (SELECT) SELECT FROM a -> a
"""
FUNCTIONS = """
SELECT f(g(1)), s.h(), "F"() -> f g s.h "F"
SELECT pg_catalog.set_config('a', 'b', true) -> set_config
SELECT count(*) FILTER (WHERE f()) OVER (ORDER BY g()) FROM h() -> count f g h
SELECT a OPERATOR(s.+) b, a OPERATOR(pg_catalog.+) b, a + b -> s."+"
SELECT extract(day FROM now()), position('a' IN 'b') -> extract now position
CALL p(f()) -> p f
CREATE INDEX ON a (f(b)) -> f
SELECT * FROM ROWS FROM (f(), g()) -> f g
"""
SETTINGS = """
SET a.b TO 1 -> a.b
SET LOCAL Search_Path TO a -> search_path
SET TIME ZONE 'UTC' -> timezone
SET NAMES 'SJIS' -> client_encoding
SET SCHEMA 'a' -> search_path
RESET a -> a
SET ROLE a -> role
ALTER ROLE a SET b = 1 -> b
CREATE FUNCTION f() RETURNS int LANGUAGE sql SET a = 1 AS '' -> a
"""


def lines(text):
    return [[each.strip() for each in line.split("->")] for line in text.strip().splitlines()]


def found(text, field):
    (statement,) = classify(text.encode())
    return " ".join(sorted(getattr(statement, field)))


def in_order(expected):
    return " ".join(sorted(expected.split()))


@pytest.mark.parametrize(("text", "expected"), lines(TABLES))
def test_tables(text, expected):
    assert found(text, "tables") == in_order(expected)


@pytest.mark.parametrize(("text", "expected"), lines(FUNCTIONS))
def test_functions(text, expected):
    assert found(text, "functions") == in_order(expected)


@pytest.mark.parametrize(("text", "expected"), lines(SETTINGS))
def test_settings(text, expected):
    assert found(text, "settings") == in_order(expected)


def test_names_are_tables_without_their_schema():
    (statement,) = classify(b'SELECT FROM a.b, c, d."E.f"')
    assert statement.names == ("b", "c", '"E.f"')


def test_names_are_as_long_as_postgresql_has_them():
    (statement,) = classify(b"SELECT FROM " + b"a" * 70)
    assert statement.tables == ("a" * 63,)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a", "a"),
        ("_a1$", "_a1$"),
        ("é", "é"),
        ("A", '"A"'),
        ("1a", '"1a"'),
        ("a.b", '"a.b"'),
        ('a"b', '"a""b"'),
        ("", '""'),
    ],
)
def test_names_are_quoted_where_they_would_mean_another(name, expected):
    assert quote(name) == expected


def test_a_tree_that_is_too_large_is_not_walked(monkeypatch):
    monkeypatch.setattr(statement_walk, "MAX_NODES", 10)
    (statement,) = classify(b"SELECT 1, 2, 3, 4, 5, 6, 7, 8 -- too many")
    assert (statement.kind, statement.why) == ("UNPARSED", "it is too large")
