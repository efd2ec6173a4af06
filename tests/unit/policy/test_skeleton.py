import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.policy.skeleton import skeleton
from pgward.policy.statements import classify


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"SELECT a FROM b WHERE c = 17", b"SELECT a FROM b WHERE c = 1"),
        (b"SELECT 'it''s', 2.50, t1, -3", b"SELECT 'x''x', 1, t1, -1"),
        (b"SELECT '', ' ', ''''", b"SELECT '', 'x', ''''"),
        (b"SELECT 1e5, 0x1f, 1_000, a.1", b"SELECT 1e5, 0x1f, 1_000, a.1"),
        (b"DELETE FROM a WHERE b='-'", b"DELETE FROM a WHERE b='x'"),
        (b"COPY a FROM ''", b"COPY a FROM ''"),
        (b"COPY a FROM '/etc/passwd'", b"COPY a FROM 'x'"),
        (b"SELECT 'a", None),
        (b"SELECT 'a' -- it's", None),
        (b"SELECT /* it's */ 'a'", None),
        (b"SELECT $$a$$", None),
        (b"SELECT 'a\\'", None),
        (b"SELECT U&'a'", None),
        (b'SELECT "a"', None),
        (b"SELECT '\xe9'", None),
        (b"SELECT '\0'", None),
    ],
)
def test_literals_are_left_out_where_that_is_safe(text, expected):
    assert skeleton(text) == expected


WORDS = """SELECT DELETE FROM a b.c f( ) ( , ' '' 'x' E'x' N'y' 1 2.5 .5 7e3 WHERE = - + ; SET TO
WITH AS x1 1x INTERVAL FLOAT(7) ::int [3] LIMIT VALUES"""
_PARTS = st.sampled_from(["\n", "LIMIT 5", "COPY a FROM", "VALUES (1, 'a')", *WORDS.split()])


def facts(text):
    found = classify(text)
    known = ("kind", "kinds", "tables", "names", "functions", "settings", "reads")
    return [{name: dataclasses.asdict(each)[name] for name in known} for each in found]


@given(st.lists(_PARTS, max_size=14).map(" ".join) | st.lists(_PARTS, max_size=14).map("".join))
def test_what_parses_without_its_literals_is_the_same_with_them(text):
    plain = skeleton(text.encode())
    # What does not parse is never allowed by its skeleton, or refused by PostgreSQL itself.
    if plain is None or not all(each.parsed for each in classify(plain)):
        return
    if all(each.parsed for each in classify(text.encode())):
        assert facts(plain) == facts(text.encode())
