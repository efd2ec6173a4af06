import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.policy import statements, tree
from pgward.policy.context import Statement
from pgward.policy.statements import classify, function_call

SELECT, DELETE = "SELECT", "DELETE"


def kinds(text, **options):
    return [each.kind for each in classify(text, **options)]


def one(text, **options):
    (statement,) = classify(text, **options)
    return statement


def test_a_statement_in_full():
    text = b"WITH x AS (DELETE FROM s.a RETURNING id) SELECT f(id) FROM x, b"
    assert one(text, protocol="extended") == Statement(
        kind=SELECT,
        kinds=(SELECT, DELETE),
        tables=("s.a", "b"),
        names=("a", "b"),
        functions=("f",),
        text=text.decode(),
        protocol="extended",
    )


def test_statements_of_one_text_have_their_own():
    found = classify("SELECT 'é' ; /* c */ DELETE FROM a;; ".encode())
    assert [each.text for each in found] == ["SELECT 'é'", "DELETE FROM a"]
    assert [each.kinds for each in found] == [(SELECT,), (DELETE,)]


@pytest.mark.parametrize("text", [b"", b" ;; ", b"-- nothing\n", b"/* DROP TABLE a */"])
def test_a_text_without_statements_has_none(text):
    assert classify(text) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"SEL/**/ECT 1", ["UNPARSED"]),
        (b"DELETE/**/FROM/*x*/a", [DELETE]),
        (b"/* /* */ SELECT 1; */ DELETE FROM a", [DELETE]),
        (b"-- SELECT\rDELETE FROM a", [DELETE]),
        (b"SELECT $$ $$; DELETE FROM a --$$", [SELECT, DELETE]),
        (b"SELECT $a$ $$; DELETE FROM b; $a$", [SELECT]),
        (b"SELECT a$b$; DELETE FROM c; --$b$", [SELECT, DELETE]),
        (b"SELECT '/*'; DELETE FROM a --*/", [SELECT, DELETE]),
        (b"SELECT 'a'\n'b'; DELETE FROM c", [SELECT, DELETE]),
        (b"select U&'\\0027; delete from a --'", [SELECT]),
        (b"dElEtE fRoM a", [DELETE]),
        (b"SELECT a\xc2\xa0; DELETE FROM a", [SELECT, DELETE]),
        (b"IDENTIFY_SYSTEM", ["UNPARSED"]),
        (b"SHOW TENANTS FROM x", ["UNPARSED"]),
    ],
)
def test_texts_that_would_like_to_be_others(text, expected):
    assert kinds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # With standard_conforming_strings off, a backslash escapes in every string.
        (rb"SELECT 'a\'; DELETE FROM a; --'", [SELECT, DELETE, SELECT]),
        (rb"SELECT 'a\' || '; DELETE FROM a; --'", [SELECT, SELECT, DELETE]),
        (rb"SELECT 'a\n'", [SELECT]),
        (rb"SELECT 'C:\'", [SELECT]),
        (rb"SELECT 'it\'s'", [SELECT]),
        (rb"SELECT E'a\'; DELETE FROM a; --'", [SELECT]),
    ],
)
def test_both_meanings_of_a_backslash_count(text, expected):
    assert kinds(text) == expected


def test_a_backslash_may_be_half_a_letter_elsewhere():
    # In SJIS, 0x83 0x5c is one letter, so the string ends at once.
    text = b"SELECT E'\xe3\x82\x83\\'; DELETE FROM a; --'"
    assert kinds(text) == [SELECT, SELECT, DELETE]


def test_equal_readings_are_one():
    assert len(classify(rb"SELECT '\d+' FROM a")) == 1


@pytest.mark.parametrize(
    ("text", "options", "why", "whole"),
    [
        (b"SELEC", {}, 'syntax error at or near "SELEC"', True),
        (b"SELECT 1\0", {}, "it has a zero byte", True),
        (b"SELECT '\xff'", {}, "it is not in UTF8", True),
        ("SELECT 'é'".encode("shift_jis_2004"), {"encoding": "SJIS"}, "not known here", True),
        (b"DROP TABLE a" + b", a" * tree.MAX_BYTES, {}, "longer than 16384 bytes", False),
    ],
)
def test_what_cannot_be_read_is_told_apart(text, options, why, whole):
    found = one(text, **options)
    assert (found.kind, found.kinds, found.parsed) == ("UNPARSED", ("UNPARSED",), False)
    assert why in found.why
    assert found.whole is whole
    assert not found.reads
    assert "\0" not in found.text


def test_a_large_text_is_told_by_all_but_its_words():
    text = b"SELECT '" + b"x" * tree.MAX_BYTES + b"' FROM a; DELETE FROM b"
    found = classify(text)
    assert [(each.kind, each.tables, each.reads) for each in found] == [
        ("SELECT", ("a",), True),
        ("DELETE", ("b",), False),
    ]
    assert {(each.parsed, each.whole, each.text, each.why) for each in found} == {
        (True, True, "", "its text is longer than 16384 bytes")
    }
    assert "ctx.request.postgres.statement.text" not in found[0].facts


@pytest.mark.parametrize("size", [0, 2000, 20_000])
def test_readings_that_say_the_same_are_taken_apart_once(size, monkeypatch):
    seen = []
    monkeypatch.setattr(
        statements, "parse", lambda text, **given: seen.append(text) or tree.parse(text, **given)
    )
    text = "SELECT 'é\\x', a FROM b /*".encode() + b"x" * size + b"*/"
    assert [(each.kind, each.tables) for each in classify(text)] == [("SELECT", ("b",))] * (
        1 if size else 2
    )
    assert len(seen) == (1 if size else 4)


def test_a_large_text_that_is_no_sql_in_any_reading_cannot_be_read():
    text = "SELEC 'é\\x' /*".encode() + b"x" * tree.MAX_BYTES + b"*/"
    assert [each.kind for each in classify(text)] == ["UNPARSED"]
    only = b"/*" + b"x" * tree.MAX_BYTES + b"*/ -- \\"
    assert classify(only) == ()


@pytest.mark.parametrize(
    "hidden", [b"SELECT 1FROM b", b"SELECT " + b"- " * 2100 + b"1", b"SELECT (" + b"(" * 11_000]
)
def test_a_reading_that_cannot_be_tried_counts(hidden):
    text = b"SELECT 'a\\', ' ; " + hidden + b"; --'"
    assert [each.kind for each in classify(text)] == ["UNPARSED"]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT count(*), lower(a) FROM b WHERE c > now() - interval '1 day'",
        "EXPLAIN ANALYZE SELECT 1",
        "COPY (SELECT 1) TO STDOUT",
        "BEGIN; SET LOCAL statement_timeout = 1; SHOW a; COMMIT",
        "DECLARE c CURSOR FOR SELECT 1",
        "SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL",
        "SELECT FROM pg_catalog.pg_class c WHERE pg_catalog.pg_table_is_visible(c.oid)",
        "SELECT a OPERATOR(pg_catalog.~) '^(a)$' COLLATE pg_catalog.default",
    ],
)
def test_what_only_reads(text):
    assert all(each.reads for each in classify(text.encode()))


@pytest.mark.parametrize(
    "text",
    [
        "WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x",
        "SELECT * INTO a FROM b",
        "SELECT * FROM a FOR SHARE",
        "SELECT nextval('a')",
        "SELECT set_config('role', 'a', false)",
        "SELECT pg_catalog.pg_terminate_backend(1)",
        "SELECT query_to_xml('DELETE FROM a', true, true, '')",
        "SELECT own_function()",
        "SELECT public.lower('a')",
        "SELECT 1 OPERATOR(public.+) 2",
        "EXPLAIN ANALYZE DELETE FROM a",
        "EXPLAIN DELETE FROM a",
        "COPY a TO PROGRAM 'nc'",
        "COPY a TO '/tmp/a'",
        "COPY a FROM STDIN",
        "PREPARE p AS DELETE FROM a",
        "EXECUTE p",
        "DO 'begin end'",
        "CALL p()",
        "SET ROLE a",
        "SET SESSION AUTHORIZATION a",
        "LOCK a",
        "NOTIFY a",
        "MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE",
        "REFRESH MATERIALIZED VIEW a",
        "DECLARE c CURSOR FOR SELECT * FROM a FOR UPDATE",
        "CREATE TEMP TABLE a ()",
        "VACUUM",
    ],
)
def test_what_does_not_only_read(text):
    assert not all(each.reads for each in classify(text.encode()))


def test_a_function_call_is_known_by_its_number():
    assert function_call(1598) == Statement(
        "FUNCTION_CALL", ("FUNCTION_CALL",), functions=("1598",), protocol="function"
    )


def test_what_was_seen_is_remembered():
    assert classify(b"SELECT 41 + 1") is classify(b"SELECT 41 + 1")
    long = b"SELECT '" + b"x" * 5000 + b"'"
    assert classify(long) is classify(long)
    assert classify(long, protocol="extended") is not classify(long)


def test_what_is_remembered_of_large_texts_is_bounded():
    first = b"SELECT a" + b" " * 5000
    found = classify(first)
    for number in range(300):
        classify(b"SELECT %d" % number + b" " * 5000)
    assert len(statements._large) <= 256
    assert classify(first) is not found


@given(st.binary(max_size=80), st.sampled_from(["UTF8", "LATIN1", "SJIS", "SQL_ASCII"]))
def test_any_bytes_come_to_statements(text, encoding):
    for each in classify(text, encoding=encoding):
        assert each.parsed or each.why


_SQL = st.text(alphabet="SELECTDROPselctdp 'E\\-/*;$a\"(),\n\x00é", max_size=60)


@given(_SQL)
def test_any_text_comes_to_statements(text):
    for each in classify(text.encode()):
        assert each.parsed or (each.why and not each.reads)
