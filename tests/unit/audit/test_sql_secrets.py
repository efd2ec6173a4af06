import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.audit.sql_secrets import Found, _Level, _Output, find

HIDDEN = [
    ("ALTER ROLE bob PASSWORD 'x'", "ALTER ROLE bob PASSWORD '***'"),
    (
        r"create user bob encrypted password E'a\'b' valid until '2030-01-01'",
        "create user bob encrypted password '***' valid until '2030-01-01'",
    ),
    ("alter role x PASSWORD $$abc$$", "alter role x PASSWORD '***'"),
    ("alter role x PASSWORD $a$a$b$a$", "alter role x PASSWORD '***'"),
    (r"PASSWORD U&'d\0061t' uescape '!'", "PASSWORD '***' uescape '!'"),
    (
        "password /* c /* d */ */ -- e\n 'abc'\n 'def'",
        "password /* c /* d */ */ -- e\n '***'\n '***'",
    ),
    (
        "insert into users (name, password) values ('bob', 'x'), ('al', crypt('y', 'z'))",
        "insert into users (name, password) values ('bob', '***'), ('al', crypt('***', '***'))",
    ),
    (
        "update u set (name, \"Password\") = ('a','b')",
        "update u set (name, \"Password\") = ('a','***')",
    ),
    ("where lower(password) = 'x' and name = 'y'", "where lower(password) = '***' and name = 'y'"),
    ("where password = public.crypt('x', 'salt')", "where password = public.crypt('***', 'salt')"),
    (
        "where secret not in ('a', 'b') and x in ('c')",
        "where secret not in ('***', '***') and x in ('c')",
    ),
    ("select dblink('host=a password=b c=d')", "select dblink('host=a password=*** c=d')"),
    ("CONNECTION 'password=''a b'' user=c'", "CONNECTION 'password=''***'' user=c'"),
    (r"CONNECTION E'password=\'a b\' user=c'", r"CONNECTION E'password=\'***\' user=c'"),
    (
        "do $$ begin alter role x password 'y'; execute 'alter role z password ''u'''; end $$",
        "do $$ begin alter role x password '***'; execute 'alter role z password ''***'''; end $$",
    ),
    (
        "select set_config('app.password', 'x', true), 'y'",
        "select set_config('app.password', '***', true), 'y'",
    ),
    ("set app.secret to 'x'", "set app.secret to '***'"),
    ("OPTIONS (user 'bob', password 'x')", "OPTIONS (user 'bob', password '***')"),
    ("'postgres://u:pw@h/db?password=x&y=z'", "'postgres://u:***@h/db?password=***&y=z'"),
    ('\'{"password": "x", "a": 1}\'::jsonb', '\'{"password": "***", "a": 1}\'::jsonb'),
    ("alter role x password 'unterminated", "alter role x password '***'"),
    ("-- password 'x'\nselect 1", "-- ***\nselect 1"),
    ("/* alter role x password 'y' */ select 2", "/* *** */ select 2"),
    ("select change_password('bob', 'a'), 'c'", "select change_password('***', '***'), 'c'"),
    ("password=$$x$$'y'", "password='***' '***'"),
]
WORDS = [
    b"password", b"secret", b"'", b"''", b'"', b"$$", b"$a$", b"/*", b"*/", b"--", b"\n", b"\\",
    b"=", b":", b"(", b")", b",", b" ", b"E'", b"U&'", b"values", b"x", b"://", b"@", b"1",
    b"set_config(",
]  # fmt: skip
KEPT = [
    "select 'password'; delete from x; select ''",
    "select password, 'x' from users",
    "select $$don't$$, password from users where name = 'x'",
    "insert into users (name, password) values ($1, $2)",
    "insert into t (name) values ('password', 'x')",
    "alter role x password null valid until 'infinity'",
    "select E'password\\'', 'x'",
]


@pytest.mark.parametrize(("text", "expected"), HIDDEN)
def test_a_secret_is_hidden(text, expected):
    assert find(text.encode()).text.decode() == expected


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_secret_stays(text):
    assert find(text.encode()).text.decode() == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("insert into users (name, password) values ($1, $2), ($3, $4)", {2, 4}),
        ("where password = $1 and name = $2", {1}),
        ("where password = crypt($1, password)", {1}),
        ("select $1", set()),
        ("select set_config('app.secret', $2, $3)", {2}),
        ("password = $99999999999999999999", set()),
    ],
)
def test_parameters_that_are_secrets_are_known_by_number(text, expected):
    assert find(text.encode()).parameters == expected


@settings(max_examples=300)
@given(st.lists(st.sampled_from(WORDS), max_size=20).map(b"".join))
def test_beginning_near_the_first_word_finds_the_same(text):
    found = find(text)
    output = _Output(text)
    if output.needles:
        level = _Level(output, 0)
        level.take(0, len(text), len(text))
    assert found == Found(output.finished(), frozenset(output.parameters))
    assert find(found.text).text == found.text


def test_secrets_in_a_long_statement_are_found_in_time():
    row = b"('bob', 'hunter2', 34, now())"
    text = b"insert into users (name, password, n) values " + b", ".join([row] * 2000)
    started = time.process_time()
    assert find(text).text.count(b"'***'") == 2000
    assert time.process_time() - started < 2


ROWS = [
    b"insert into t (a, password, b) values ",
    b"insert into t(pwd) values",
    b"('x', 'y', $3)",
    b"(",
    b"($1,$2 , $3)",
    b"(1, 'it''s', null)",
    b"(default,'y' 'z',true)",
    b",",
    b", ",
    b"(nullx, 'y')",
    b"(E'x', $4, 1.5)",
    b"/* c */",
    b"-- c\n",
    b" returning password, 'z'",
    b"('pwd=q', 'w')",
    b";",
    b"(('x', 'y'), 'z')",
    b"'z'",
    b")",
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(ROWS), max_size=12).map(b"".join))
def test_plain_rows_read_at_once_are_read_as_one_by_one(text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Level, "_rows", lambda *_: False)
        one_by_one = find(text)
    assert find(text) == one_by_one


def test_no_word_is_too_slow_to_read():
    """Time for 64 KiB of each, on any machine: the worst is 40 ms on a quick one."""
    for part in (
        b"pwd=+-*<>,;",
        b"($1),",
        b"('x'),",
        b"'pwd=x',",
        b"pwd-",
        b"$a$pwd$a$",
        b"--pwd=x\n",
    ):
        text = b"insert into t (password) values " + part * (65_000 // len(part))
        started = time.process_time()
        find(text)
        assert time.process_time() - started < 0.5
