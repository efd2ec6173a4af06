import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgward.ca.archive.index import Wanted
from pgward.ca.archive.matching import Matcher, Text
from pgward.core.clock import parse_rfc3339
from pgward.core.errors import InvalidInputError
from tests.fixtures.chunks import at, part, record


def found(records, wanted=None, text=None):
    lines = part(*records).plain.splitlines()
    return [
        record["statement"] for _, record in Matcher(wanted or Wanted(), text or Text()).find(lines)
    ]


RECORDS = [
    record(1, text="SELECT * FROM accounts"),
    record(2, user="bob", text='select "é\\n"', status="error", message="relation missing"),
    record(3, service="books", parameters=["Drop", None, {"bytes": 9, "sha256": "x"}]),
    record(4, type="DENIED", reason="not on Fridays", text="drop\ntable x"),
    {k: v for k, v in record(5).items() if k not in ("user", "text")},
]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"user": "alice"}, [1, 3, 4]),
        ({"user": "bob", "status": "error"}, [2]),
        ({"service": "books"}, [3]),
        ({"type": "DENIED"}, [4]),
        ({"session": "0123456789abcdef-1"}, [1, 2, 3, 4, 5]),
        ({"user": "nobody"}, []),
        ({"since": parse_rfc3339(at(2)), "until": parse_rfc3339(at(4))}, [2, 3]),
    ],
)
def test_fields(wanted, expected):
    assert found(RECORDS, Wanted(**wanted)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ({"contains": "select"}, [1, 2, 3]),
        ({"contains": "DROP"}, [3, 4]),
        ({"contains": "drop\ntable"}, [4]),
        ({"contains": "É"}, [2]),
        ({"contains": '"é\\n"'}, [2]),
        ({"contains": "relation m"}, [2]),
        ({"contains": "fridays"}, [4]),
        ({"contains": "QUERY"}, []),  # what a type is called is no text
        ({"regex": r"drop\s+table"}, [4]),
        ({"regex": "^Drop$"}, [3]),
        ({"regex": r"\Aselect"}, [2, 3]),
        ({"regex": "select", "contains": "accounts"}, []),
        ({"regex": "SELECT", "contains": "accounts"}, [1]),
    ],
)
def test_texts(text, expected):
    assert found(RECORDS, text=Text(**text)) == expected


def test_a_value_that_stands_elsewhere_in_the_line():
    liar = record(1, text='"user":"bob"', details={"user": "bob"})
    assert found([liar], Wanted(user="bob")) == []


def test_a_name_that_is_no_text():
    with pytest.raises(InvalidInputError, match="user is not valid text"):
        Matcher(Wanted(user="\ud800"), Text())


@given(st.text(max_size=8), st.text(min_size=1, max_size=3))
@example("\x7f", "\x7f")
def test_what_the_bytes_rule_out_is_not_there(text, needle):
    expected = needle.casefold() in text.casefold()
    ascii_only = (text + needle).isascii()
    result = found([record(1, text=text, application=None)], text=Text(contains=needle)) == [1]
    if ascii_only or not needle.isascii():
        assert result == expected
    else:
        assert not result or expected  # letters that fold into ASCII are another's


@given(st.text())
def test_names_are_found_whatever_they_are(name):
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    assert found([record(1, user=name)], Wanted(user=name)) == [1]


def test_lines_are_given_as_they_are():
    line = part(record(1)).plain
    ((same, read),) = Matcher(Wanted(), Text()).find([line])
    assert (same, read) == (line, json.loads(line))


def test_the_hash_of_a_text_that_stands_elsewhere():
    records = [record(1, text="select 1", text_sha256="ab" * 32), record(2, text="select 1")]
    assert found(records, text=Text(contains="ABAB")) == [1]
