import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core.errors import InvalidInputError
from pgward.hba.plan.block import (
    Assignment,
    assignments,
    at_end,
    at_start,
    bridge,
    edited,
    find,
    inside,
    without,
)

DIGEST = b"sha256 666d02ec9b221fbb"
BLOCK = (
    b"# BEGIN pgward (pgward hba apply rewrites this block; %s)\nssl = on\n# END pgward\n" % DIGEST
)


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


def test_a_mark_of_something_else() -> None:
    assert find(b"# BEGIN pgward roles\n# END pgward roles\n", "f") is None


def test_what_is_inside() -> None:
    assert inside(b"a\n" + BLOCK, "f") == b"ssl = on\n"
    assert inside(b"a\n", "f") is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (BLOCK, False),
        (b"more\n" + BLOCK.replace(b"\n", b"\r\n"), False),
        (b"no block\n", False),
        (b"# BEGIN pgward (of a version that wrote no digest)\nx\n# END pgward\n", False),
        (BLOCK.replace(b"ssl = on", b"ssl = off"), True),
        (BLOCK.replace(b"ssl = on\n", b""), True),
        (BLOCK.replace(b"ssl = on\n", b"ssl = on\n\n"), True),
        (BLOCK.replace(b"ssl = on", b"ssl = on "), True),
    ],
)
def test_an_edit_by_hand_is_seen(data, expected) -> None:
    assert edited(data, "f") is expected


def test_a_bridge_has_the_lines_of_both() -> None:
    before = at_start(b"x\n", "a 1 2\nboth 1 2\n", "f")
    after = at_start(b"x\n", "both 1 2\nb 1 2\n", "f")
    made = bridge(before, after, "f")
    assert inside(made, "f") == b"both 1 2\nb 1 2\na 1 2\n"
    assert made.endswith(b"# END pgward\nx\n")
    assert not edited(made, "f")
    assert (bridge(b"x\n", after, "f"), bridge(before, b"x\n", "f")) == (after, before)
    assert bridge(after, after, "f") == after


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


def test_many_blanks_cost_no_time() -> None:
    assert assignments(b"a = b" + b" " * 100_000 + b"c\n")[0].value.endswith("c")
