from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.sql_tokens import Kind, skip, tokens

PARTS = [
    b"'",
    b"''",
    b"E'",
    b"\\",
    b"$$",
    b"$a$",
    b"$1",
    b"/*",
    b"*/",
    b"--",
    b"\n",
    b'"',
    b"a1",
    b"\xff",
]


def cut(text):
    return [
        (token.kind, text[token.start : token.end])
        for token in tokens(text)
        if token.kind is not Kind.SPACE
    ]


def test_tokens_are_those_of_postgresql():
    text = b"""select "a""b", E'x\\'y', 'z''', U&'\\0061', $1, $q$ ' $$ $q$
/* a /* b */ ' */ x$y 1.5e3"""
    assert cut(text) == [
        (Kind.WORD, b"select"),
        (Kind.NAME, b'"a""b"'),
        (Kind.MARK, b","),
        (Kind.LITERAL, b"E'x\\'y'"),
        (Kind.MARK, b","),
        (Kind.LITERAL, b"'z'''"),
        (Kind.MARK, b","),
        (Kind.LITERAL, b"U&'\\0061'"),
        (Kind.MARK, b","),
        (Kind.PARAMETER, b"$1"),
        (Kind.MARK, b","),
        (Kind.DOLLAR, b"$q$ ' $$ $q$"),
        (Kind.BLOCK, b"/* a /* b */ ' */"),
        (Kind.WORD, b"x$y"),
        (Kind.NUMBER, b"1.5e3"),
    ]


def test_what_is_not_terminated_goes_to_the_end():
    for text in (b"'a", b"E'a\\'", b"E'\\", b"$$a", b"$a$ $b$", b"/* /* */", b'"a'):
        assert len(cut(text)) == 1


@given(st.lists(st.sampled_from(PARTS), max_size=20).map(b"".join) | st.binary(max_size=50))
def test_every_byte_is_in_one_token(text):
    assert b"".join(text[token.start : token.end] for token in tokens(text)) == text


@given(st.lists(st.sampled_from(PARTS), max_size=20).map(b"".join), st.integers(0, 40))
def test_skipping_ends_where_a_token_begins(text, end):
    begins = {token.start for token in tokens(text)} | {len(text)}
    near = max(begin for begin in begins if begin <= end)
    assert skip(text, 0, near) in begins
