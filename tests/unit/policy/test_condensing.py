"""What a large text comes down to says the same: by PostgreSQL's own scanner and grammar."""

import time
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from postgast import PgQueryError, scan
from postgast.pg_query_pb2 import Token

from pgward.policy.condensing import MOST_BYTES, condensed
from pgward.policy.statement_walk import facts_of
from pgward.policy.tree import UnparsedError, parse

MOST = 16 * 1024


def why(text, most=MOST, **options):
    with pytest.raises(UnparsedError) as caught:
        condensed(text, most, **options)
    assert not caught.value.refused
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"INSERT INTO a VALUES (1,'x',NULL),(2,'y''z'),(-1.5e3)", b"INSERT INTO a VALUES (1)"),
        (b"SELECT * FROM a WHERE b IN ('1', '2', '3')", b"SELECT * FROM a WHERE b IN ('x')"),
        (b"SELECT NULLIF(a, 1), f(b, '2', 3)", b"SELECT NULLIF(a, 1), f(b)"),
        (b"VALUES ('\\x00'::bytea), ('a'::text), (DEFAULT, true)", b"VALUES ('x'::bytea)"),
        (b"SELECT f(1, 2, 3), ARRAY[1, 2, 3], a, 3, 4 + 5", b"SELECT f(1), ARRAY[1], a, 3, 4 + 5"),
        (b"SELECT /* not this */ 1 -- nor that\n", b"SELECT \n 1 \n\n"),
        (b"SELECT $a$ $b$ ' $a$, $$;$$, $1", b"SELECT 'x', 'x', $1"),
        (b"SELECT E'a\\'b', e'c' || 'd'", b"SELECT 'x', 'x' || 'x'"),
        (b"SELECT date'today', a$b$c, \"it's\"", b"SELECT date'x', a$b$c, \"it's\""),
        # What is in parentheses with more than constants keeps its own.
        (b"SELECT (SELECT 1), (2, (SELECT 3))", b"SELECT (SELECT 1), (2, (SELECT 3))"),
        # A file stays a file.
        (b"COPY a FROM ''", b"COPY a FROM 'x'"),
        ("SELECT 'ä', \"ö\", ü".encode(), "SELECT 'x', \"ö\", ü".encode()),
    ],
)
def test_what_says_nothing_goes(text, expected):
    assert condensed(text, MOST) == expected


def test_a_backslash_means_what_the_reading_says():
    text = rb"SELECT 'a\'; DROP TABLE b; --'"
    assert condensed(text, MOST) == b"SELECT 'x'; DROP TABLE b; \n"
    assert condensed(text, MOST, backslashes_escape=True) == b"SELECT 'x'"


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT 'a",
        b"SELECT 1e'\\'; DROP TABLE a; --'",
        b"SELECT $1e'\\''",
        b"SELECT b'1'",
        b"SELECT x'1f', N'a'",
        b"SELECT U&'\\0061'",
        b'SELECT U&"\\0061"',
        # It goes on in the next line, and there as it began.
        b"SELECT E'a'\n'\\'', a, '",
        b"SELECT E'a' --\n'\\'', a, '",
        b"SELECT /* /* */ */ 1",
        b"SELECT /* 1",
        b"SELECT $a$ 1",
        b"SELECT $",
        b"SELECT 0x1F, 1_000, 1a",
        b"SELECT \\ 1",
    ],
)
def test_what_could_be_read_otherwise_is_left_alone(text):
    assert why(text) == "it is longer than 16384 bytes, and not plain"


def test_what_is_too_much_says_so():
    assert why(b"SELECT a, b, c", 8) == "it is longer than 8 bytes without its literals"
    assert why(b" " * (MOST_BYTES + 1)) == "it is longer than 1048576 bytes"
    assert why(b"SELECT 1" + b",1" * 200_000) == "it has more than 100000 commas"
    assert why(b"SELECT '\0'") == "it has a zero byte"


@pytest.mark.parametrize(
    "text",
    [
        b"INSERT INTO a VALUES (1" + b",1" * 99_000 + b")",
        b"VALUES " + b",".join(b"('a%d',NULL,%d)" % (i, i) for i in range(33_000)),
        b"SELECT '" + b"\\''" * 300_000 + b"'",
        b"SELECT '" * 100_000,
        b"SELECT /*" + b"*" * 1_000_000 + b"*/ 1",
        b"SELECT 1" + b", (1" * 99_000,
        b"SELECT 1" + b", (1::a)" * 99_000,
        b"SELECT " + b"$a$ $b$ " * 120_000,
        b"SELECT 1 ,1 " + b"1" * 1_000_000 + b"x",
        b"SELECT 1 " + (b" e'1'" + b"\n" * 1000) * 1000,
        b"a" * 1_000_000,
        b'"' * 1_000_001,
    ],
    ids=range(12),
)
@pytest.mark.parametrize("escapes", [False, True])
def test_the_worst_texts_take_no_time_to_speak_of(text, escapes):
    """30 ms at most on an idle core: a stall of all other sessions of a worker."""
    began = time.process_time()
    with suppress(UnparsedError):
        condensed(text, MOST, backslashes_escape=escapes)
    assert time.process_time() - began < 0.3


# --- what it says is what the whole text says ---------------------------------------------

PIECES = [
    *("'", "''", "\\", "\\'", "'a'", "E'", "e'b'", "e'\\''", '"', '"c"', "$$", "$d$", "$1", "$"),
    *("--", "\n", "/*", "*/", "/", "*", "-", "+", ", ", ",", "1", "2.5", "1e5", "(", ")", "[", "]"),
    *(" ", "\t", ";", ".", "n'", "u&'", "x", "b'", "_", "e", "ä", "é\\'", " f", " DROP TABLE g; "),
    *(",'h'", ", 3", ",(4,'i')", "),(5)", "::int", " as j", "SELECT "),
]
texts = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


def words_of(text):
    """Return the names, keywords and operators in a text, by PostgreSQL's scanner."""
    data = text.encode()
    found = []
    for token in scan(text).tokens:
        word = data[token.start : token.end]
        constant = token.token in (Token.SCONST, Token.ICONST, Token.FCONST)
        comment = token.token in (Token.SQL_COMMENT, Token.C_COMMENT)
        if not (constant or comment or word in (b",", b"(", b")", b"-", b"+", b"::", b"int")):
            found.append(word)
    return found


@settings(max_examples=300)
@given(texts)
@example("SELECT E'a'\n'\\'', f; DROP TABLE g; --'")
@example("1e'\\'' f '")
def test_the_words_are_those_of_postgresqls_scanner(text):
    try:
        short = condensed(text.encode(), MOST)
        expected = words_of(text)
    except (UnparsedError, PgQueryError):
        return
    assert words_of(short.decode()) == expected


def facts(text, escapes):
    raw = parse(text, backslashes_escape=escapes)
    found = [facts_of(dict(each.fields())["stmt"]) for each in raw]
    return [
        (set(one.kinds), set(one.tables), set(one.functions), set(one.settings)) for one in found
    ]


SQL = [
    "SELECT {}, a FROM b WHERE c = {}; DROP TABLE d",
    "INSERT INTO a (b) VALUES ({}, {}), (1, {}), (f(2), {})",
    "WITH a AS (SELECT {}) SELECT (SELECT 1, {}), (2, (SELECT 3 FROM a)) FROM g.h",
    "COPY (SELECT {}) TO STDOUT",
    "SET a TO {}, {}",
    "SELECT * FROM a WHERE b IN ({}, {}, (SELECT c FROM d WHERE e = {})), (1), (2)",
    "DO {}",
]


@settings(max_examples=300)
@given(st.sampled_from(SQL), st.lists(texts, min_size=4, max_size=4), st.booleans(), st.booleans())
def test_kinds_tables_functions_and_settings_stay(sql, values, quoted, escapes):
    said = [f"'z{value}'" if quoted else value or "1" for value in values]
    text = sql.format(*said).encode()
    try:
        short = condensed(text, MOST, backslashes_escape=escapes)
        expected = facts(text, escapes)
    except UnparsedError:
        return
    assert facts(short, escapes) == expected
