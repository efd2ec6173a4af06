import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.syntax.cockroach_tokens import parse


def words(text: str) -> list[list[str]]:
    (split,) = parse(text.encode())
    assert split.problem is None
    return [[f'"{t.text}"' if t.quoted else t.text for t in each] for each in split.line.fields]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        # As in CockroachDB's own tests of its scanner.
        ("a b c", [["a"], ["b"], ["c"]]),
        ("  a  b # c d e", [["a"], ["b"]]),
        ("   a,b    ", [["a", "b"]]),
        ("   a,b,    c", [["a", "b", "c"]]),
        ("   a,b    ,c", [["a", "b"], ["c"]]),
        ('a,"b",c  d', [["a", '"b"', "c"], ["d"]]),
        ('"a, b ,c"   d', [['"a, b ,c"'], ["d"]]),
        ('"abc"def', [['"abc"'], ["def"]]),
        ("# all,abc", []),
        # What is not as in PostgreSQL.
        ('a"b"c', [["a"], ['"b"'], ["c"]]),
        ("cert#x # y", [["cert#x"]]),
        ('k="v w" b', [["k=", '"v w"'], ["b"]]),
        ("k= v b", [["k=", "v"], ["b"]]),
        ("a\\", [["a\\"]]),
        ("a\r", [["a"]]),
        ('""', [['""']]),
        (",,", []),
    ],
)
def test_words(text, fields) -> None:
    assert words(text) == fields


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ('host "all all', 6, "a quoted word does not end"),
        ('a,"b\tc" d', 3, "a quoted word has a control character"),
        ("a \x01b", 3, r"the character '\x01' cannot stand here"),
    ],
)
def test_what_cannot_be_split(text, column, message) -> None:
    (split,) = parse(text.encode())
    assert split.problem is not None
    assert split.problem.message == message
    assert split.line.place(split.problem.field) == (1, column)


def test_where_words_stand() -> None:
    _, split = parse(b'\nhost  a, "b c" d\n')
    places = [split.line.place(field, token) for field, token in ((0, 0), (1, 0), (1, 1), (2, 0))]
    assert places == [(2, 1), (2, 7), (2, 10), (2, 16)]
    assert split.line.place(3) == (2, 17)


@given(st.binary() | st.text('a"=,# \t\r\n\\\x01').map(str.encode))
def test_every_byte_comes_back(data) -> None:
    assert b"".join(each.line.raw for each in parse(data)) == data


@given(st.text('ab"=,# \t'))
def test_a_word_stands_where_it_is_said_to(text) -> None:
    (split, *_) = parse(text.encode()) or [None]
    for field, spots in zip(split.line.fields, split.line.spots, strict=True) if split else ():
        for token, spot in zip(field, spots, strict=True):
            assert text[spot.start : spot.end].strip('",') == token.text.strip(",")
