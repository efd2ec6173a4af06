import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.syntax.tokens import (
    Token,
    comment,
    fields,
    hidden,
    parse,
    physical_lines,
    placed,
    quote,
)


def words(text: str) -> list[list[str]]:
    return [[token.text for token in field] for field in fields(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("   \t", []),
        ("# all of it", []),
        ("host all all 0/0 md5", [["host"], ["all"], ["all"], ["0/0"], ["md5"]]),
        ("a\tb#c d", [["a"], ["b"]]),
        ("a,b c", [["a", "b"], ["c"]]),
        ("a, b c", [["a", "b"], ["c"]]),
        ("a ,b", [["a"], ["b"]]),
        (",,a", [["a"]]),
        ('"a b",c', [["a b", "c"]]),
        ('"a#b"', [["a#b"]]),
        ('"a""b"', [['a"b']]),
        ('a"b c"d', [["ab cd"]]),
        ('"" x', [[""], ["x"]]),
        ('"never ends, here', [["never ends, here"]]),
        ("x\r", [["x"]]),
        (r"m /^(.*)@x\.org$ \1", [["m"], [r"/^(.*)@x\.org$"], [r"\1"]]),
    ],
)
def test_fields_as_postgresql_reads_them(text, expected) -> None:
    assert words(text) == expected


def test_only_a_quote_at_the_start_takes_a_keyword_its_meaning() -> None:
    ((quoted,), (partly,), (plain,)) = fields('"all" a"ll" all')
    assert (quoted, partly, plain) == (Token("all", quoted=True), Token("all"), Token("all"))
    assert [token.is_word("all") for token in (quoted, partly, plain)] == [False, True, True]


def test_a_file_of_names() -> None:
    ((named,), (quoted,), (alone,)) = fields('@admins "@admins" @')
    assert [token.is_file for token in (named, quoted, alone)] == [True, False, False]


def test_lines_keep_their_numbers_and_bytes() -> None:
    data = b"# one\r\nhost all all samenet md5\n\nlocal all all peer"
    lines = parse(data)
    assert [line.number for line in lines] == [1, 2, 3, 4]
    assert [line.words for line in lines if line.fields] == [
        ("host", "all", "all", "samenet", "md5"),
        ("local", "all", "all", "peer"),
    ]
    assert b"".join(line.raw for line in lines) == data


def test_a_backslash_continues_from_version_14_on() -> None:
    data = b"host all \\\n  all samenet md5\nlocal all all peer\n"
    new, old = parse(data), parse(data, continuation=False)
    assert [(line.number, len(line.fields)) for line in new] == [(1, 5), (3, 4)]
    assert [(line.number, len(line.fields)) for line in old] == [(1, 3), (2, 3), (3, 4)]


def test_a_backslash_that_a_continuation_left_counts_no_second_time() -> None:
    assert [line.raw for line in parse(b"a\\\\\n\nb\n")] == [b"a\\\\\n\n", b"b\n"]


def test_a_backslash_at_the_very_end() -> None:
    (line,) = parse(b"a b\\")
    assert line.words == ("a", "b")


def test_bytes_that_are_not_utf8_survive() -> None:
    data = b"host \xff\xfe all samenet md5\n"
    assert b"".join(line.raw for line in parse(data)) == data


LIKELY = st.lists(
    st.sampled_from(
        [b"host", b"all", b" ", b"\t", b",", b'"', b"#", b"\\", b"\n", b"\r\n", b"@", b"x"]
    )
).map(b"".join)


@given(st.binary() | LIKELY, st.booleans())
def test_any_bytes_come_back(data, continuation) -> None:
    lines = parse(data, continuation=continuation)
    assert b"".join(line.raw for line in lines) == data
    numbers = [line.number for line in lines]
    assert numbers == sorted(set(numbers))


PLAIN = st.text("ab ,\t#\n+/", max_size=40).map(str.encode)


@given(LIKELY | PLAIN)
def test_what_is_quickly_read_is_what_is_read_with_care(data) -> None:
    for line in parse(data):
        assert line.fields == fields(line.text)


@given(
    st.text(st.characters(blacklist_characters="\n\r\0", blacklist_categories=("Cs",)), min_size=1)
)
def test_a_quoted_word_is_read_as_itself(word) -> None:
    assert fields(f"{quote(word)} next") == ((Token(word, quoted=True),), (Token("next"),))


@given(LIKELY)
def test_every_token_has_a_place_in_its_line(data) -> None:
    for line in parse(data):
        places = [
            line.place(number, index)
            for number, field in enumerate(line.fields)
            for index in range(len(field))
        ]
        last = line.number + len(physical_lines(line.raw)) - 1
        assert places == sorted(set(places))
        assert all(line.number <= at <= last and column >= 1 for at, column in places)


def test_the_place_of_a_token_of_a_missing_field_and_of_a_continued_line() -> None:
    (line,) = parse(b'host  "a b",c \\\n  all # x\n')
    assert [line.place(0), line.place(1), line.place(1, 1), line.place(2)] == [
        (1, 1),
        (1, 7),
        (1, 13),
        (2, 3),
    ]
    assert line.place(3) == (2, 6)


def test_what_follows_a_nul_is_not_there() -> None:
    (line,) = parse(b"host all\0 all\n")
    assert line.words == ("host", "all")


WORDS = st.text(st.sampled_from('ab,"# \t'), max_size=12)


@given(WORDS)
def test_the_short_way_and_the_long_way_agree(text) -> None:
    assert fields(text) == tuple(tuple(token for token, _, _ in field) for field in placed(text))


def test_a_comment_begins_outside_quotes() -> None:
    assert comment('a "#b" c # d "#" e') == '# d "#" e'
    assert comment("# a") == "# a"
    assert comment('a "# b') is None
    assert comment("") is None


@given(st.text(alphabet='a", \t#@', max_size=20))
def test_a_comment_says_nothing(text) -> None:
    said = comment(text)
    assert fields(text) == fields(text.removesuffix(said or ""))
    assert (said is None) == (fields(text + " b") != fields(text))


def test_what_follows_a_name_is_hidden_to_the_end_of_its_field() -> None:
    assert hidden('a  k=1,2 "k=3 4" b # k=5', ("k=",)) == "a  k=… k=… b # k=5"
    assert hidden("a kk=1", ("k=",)) == "a kk=1"
