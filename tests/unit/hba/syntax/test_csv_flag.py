import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.syntax.csv_flag import parse


def texts(data: str) -> list[str]:
    found = parse(data.encode())
    assert [each.problem for each in found if each.problem] == []
    return [each.line.written for each in found]


@pytest.mark.parametrize(
    ("data", "values"),
    [
        ('1,"two, 2","three ""3""", four ,', ["1", "two, 2", 'three "3"', " four ", ""]),
        ("", []),
        ("\n", []),
        ("a\r\n", ["a"]),
        ('"",""', ["", ""]),
        ("a b,c d\n", ["a b", "c d"]),
    ],
)
def test_values(data, values) -> None:
    assert texts(data) == values


@pytest.mark.parametrize(
    ("data", "column", "message"),
    [
        ('1,"two', 3, "a value in quotes does not end"),
        (
            '1, "two"',
            3,
            "a value with a quote in it must stand in quotes",
        ),
        (
            '1,two "2"',
            3,
            "a value with a quote in it must stand in quotes",
        ),
        ('1,"tw"o"', 3, "no comma behind a quote"),
        ("a,,b", 3, 'an empty value: write "" for one, or leave out the comma'),
        (",a", 1, 'an empty value: write "" for one, or leave out the comma'),
    ],
)
def test_what_is_refused(data, column, message) -> None:
    *_, last = parse(data.encode())
    assert last.problem is not None
    assert last.problem.message.startswith(message)
    assert last.line.place(last.problem.field) == (1, column)


def test_a_line_end_in_a_value() -> None:
    first, second = parse(b"a b,c\nd e,f")[:2]
    assert first.problem is None
    assert second.problem is not None
    assert second.problem.message == "a value cannot have a line end"


def test_words_are_found_where_they_are_written() -> None:
    _, value = parse(b'a,"host ""x y"",z 1"')
    line = value.line
    words = [[each.text for each in field] for field in line.fields]
    assert words == [["host"], ["x y", "z"], ["1"]]
    assert line.column == 4
    places = [line.place(field, token) for field, token in ((0, 0), (1, 0), (1, 1), (2, 0), (3, 0))]
    assert places == [(1, 4), (1, 9), (1, 17), (1, 19), (1, 20)]


@given(st.binary() | st.text('a",\n\r ').map(str.encode))
def test_every_byte_comes_back(data) -> None:
    found = parse(data)
    assert b"".join(each.line.raw for each in found) == (data if found else b"")


@given(st.lists(st.text('ab", @#', max_size=8), min_size=1))
def test_what_is_quoted_comes_back(values) -> None:
    data = ",".join('"' + each.replace('"', '""') + '"' for each in values)
    assert texts(data) == values
