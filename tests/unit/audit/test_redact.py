import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.redact import (
    redact_message,
    redact_parse,
    redact_sql,
    redact_value,
    suspicious,
)

WORDS = [
    b"password",
    b"PASSWORD",
    b"secret",
    b"'",
    b"''",
    b'"',
    b"$$",
    b"$a$",
    b"/*",
    b"*/",
    b"--",
    b"\n",
    b"\\",
    b"=",
    b":",
    b"(",
    b")",
    b",",
    b" ",
    b"E'",
    b"U&'",
    b"values",
    b"x",
    b"://",
    b"@",
    b"1",
    b"&",
]
SOUP = st.lists(st.sampled_from(WORDS), max_size=30).map(b"".join)


@given(SOUP)
def test_a_second_time_changes_nothing(text):
    once = redact_sql(text)
    assert redact_sql(once) == once


@given(st.binary(max_size=300) | SOUP, st.sampled_from([b"Q", b"P", b"B", b"F", b"X"]))
def test_no_message_is_too_odd(body, kind):
    redact_message(kind, body)
    redact_value(body)


def test_the_text_of_a_query_and_of_a_parse_are_redacted():
    text, hidden = b"ALTER ROLE a PASSWORD 'x'", b"ALTER ROLE a PASSWORD '***'"
    assert redact_message(b"Q", text + b"\0") == hidden + b"\0"
    types = b"\0\2\0\0\0\x17\0\0\0\x19"
    assert redact_message(b"P", b"s1\0" + text + b"\0" + types) == b"s1\0" + hidden + b"\0" + types


def bind(*values, portal=b"", statement=b""):
    parts = [portal, b"\0", statement, b"\0", struct.pack("!H", 0), struct.pack("!H", len(values))]
    parts += (
        b"\xff\xff\xff\xff" if value is None else struct.pack("!i", len(value)) + value
        for value in values
    )
    return b"".join(parts) + b"\0\1\0\1"


def test_values_of_a_bind_are_redacted():
    given_values = (b"host=db password=abc", None, b"", b"plain", b"x")
    assert redact_message(b"B", bind(*given_values, statement=b"s")) == bind(
        b"host=db password=***", None, b"", b"plain", b"x", statement=b"s"
    )
    assert redact_message(b"B", bind(*given_values), secret={5, 2}) == bind(
        b"host=db password=***", None, b"", b"plain", b"***"
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        *((b"select 1", False), (b"PassWord", True), (b"x PASSWD", True)),
        *((b"http://x", False), (b"postgres://u:p@h", True)),
    ],
)
def test_suspicion_is_quick_and_takes_any_case(data, expected):
    assert suspicious(data) is expected


def test_urls_without_a_password_are_left_alone_and_others_are_found_among_them():
    plain = b"'https://www.example.com:8080/a?b=c@d'," * 500
    assert redact_sql(b"insert into t values (" + plain + b"1)").endswith(plain + b"1)")
    text = b"insert into t values (" + plain + b"'postgres://u:p@h')"
    assert redact_sql(text) == text.replace(b"u:p@h", b"u:***@h")


def test_a_parse_is_read_once_for_its_text_and_its_parameters():
    body = b"s\0select login(password => $2), 'x://u:p@h'\0\0\0"
    expected = body.replace(b"u:p@h", b"u:***@h"), frozenset({2})
    assert redact_parse(body) == expected
    assert redact_parse(b"no end, password 'x'") == (b"no end, password '***'", frozenset())
