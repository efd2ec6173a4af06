import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core.errors import InvalidInputError
from pgward.hba.plan.block import Assignment, assignments, at_end, at_start, find, without

BLOCK = b"# BEGIN pgward (pgward hba apply rewrites this block)\nssl = on\n# END pgward\n"


def test_first_in_the_file() -> None:
    assert at_start(b"local all all peer\n", "ssl = on\n", "f") == BLOCK + b"local all all peer\n"


def test_last_in_the_file() -> None:
    assert at_end(b"port = 1\n", "ssl = on\n", "f") == b"port = 1\n" + BLOCK


def test_a_file_without_a_newline_at_its_end() -> None:
    assert at_end(b"port = 1", "ssl = on\n", "f") == b"port = 1\n" + BLOCK
    assert at_start(b"local", "ssl = on\n", "f") == BLOCK + b"local"


def test_an_empty_file() -> None:
    assert at_start(b"", "ssl = on\n", "f") == at_end(b"", "ssl = on\n", "f") == BLOCK


def test_line_ends_are_those_of_the_file() -> None:
    made = at_end(b"port = 1\r\n", "ssl = on\n", "f")
    assert made == b"port = 1\r\n" + BLOCK.replace(b"\n", b"\r\n")
    assert at_end(made, "ssl = on\n", "f") == made


def test_an_old_block_is_replaced_wherever_it_is() -> None:
    moved = b"a\n" + BLOCK + b"b"
    assert at_start(moved, "x\n", "f").endswith(b"# END pgward\na\nb")
    assert at_start(moved, "x\n", "f").startswith(b"# BEGIN pgward")


def test_where_the_block_is() -> None:
    assert find(b"a\n" + BLOCK, "f") == (2, 4)
    assert find(b"a\n", "f") is None


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"a\n# BEGIN pgward\nb\n", 2),
        (b"a\n# END pgward\n", 2),
        (b"# END pgward\n# BEGIN pgward\n", 1),
        (BLOCK + BLOCK, 1),
    ],
)
def test_marks_that_do_not_pair(data, line) -> None:
    with pytest.raises(InvalidInputError, match=rf"^f:{line}: the marks"):
        without(data, "f")


def test_what_only_looks_like_a_mark() -> None:
    assert find(b"# BEGIN pgwardian\n# END pgwardian\n", "f") is None


@given(st.binary(), st.sampled_from([at_start, at_end]))
def test_the_rest_stays_and_the_second_time_changes_nothing(data, put) -> None:
    if b"pgward" in data:
        return
    once = put(data, "ssl = on\n", "f")
    assert put(once, "ssl = on\n", "f") == once
    rest = without(once, "f")
    assert rest == data or (put is at_end and rest.rstrip(b"\r\n") == data.rstrip(b"\r\n"))


def test_assignments() -> None:
    text = (
        b"# comment\nSSL = on # why\nssl_ca_file 'it''s \\\\ here'\nport=5432\n"
        b"include 'x'\ncustom.name = 'a'\n = 3\n"
    )
    assert assignments(text) == [
        Assignment(2, "ssl", "on"),
        Assignment(3, "ssl_ca_file", "it's \\ here"),
        Assignment(4, "port", "5432"),
        Assignment(5, "include", "x"),
        Assignment(6, "custom.name", "a"),
    ]
