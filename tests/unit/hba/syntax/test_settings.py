import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.syntax.settings import Setting, comment, parse, quote


def setting(text: str) -> Setting | None:
    (line,) = parse(text.encode())
    assert line.error is None
    return line.setting


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("work_mem = 1MB", "work_mem", "1MB"),
        ("Work_Mem\t0x10kB # c", "Work_Mem", "0x10kB"),
        ("a.b=on", "a.b", "on"),
        ("x = 'it''s \\'\\101\\n'", "x", "it's 'A\n"),
        ("x = a-b/c:d.e", "x", "a-b/c:d.e"),
        ("x = -1.5e3", "x", "-1.5e3"),
        ("x = ''\r", "x", ""),
        ("include_dir 'conf.d'", "include_dir", "conf.d"),
        ("é = é", "é", "é"),
    ],
)
def test_settings_as_postgresql_reads_them(text, name, value) -> None:
    found = setting(text)
    assert found is not None
    assert (found.name, found.value) == (name, value)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("work_mem =", 11),
        ("work_mem", 9),
        ("1x = 1", 1),
        ("a.b.c = 1", 1),
        ("x = a.b", 5),
        ("x = 'a' 'b'", 9),
        ("x = = 1", 5),
        ("x = 'never ends", 5),
        ("x = 1.5kB", 8),
        ("x = a,b", 6),
        ("x = *", 5),
    ],
)
def test_syntax_errors_have_a_column(text, column) -> None:
    (line,) = parse(text.encode())
    assert (line.setting, line.error) == (None, column)


def test_names_have_no_case_and_includes_are_known() -> None:
    found = setting("Include 'x'")
    assert found is not None
    assert (found.key, found.is_include, found.column, found.value_column) == (
        "include",
        True,
        1,
        9,
    )


@pytest.mark.parametrize("text", ["", "  ", "# all", "\t\r"])
def test_lines_that_set_nothing(text) -> None:
    assert [line.setting for line in parse(text.encode())] == [None] * bool(text)


@given(st.binary())
def test_any_bytes_come_back(data) -> None:
    assert b"".join(line.raw for line in parse(data)) == data


@given(st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"])))
def test_a_quoted_value_is_read_as_itself(value) -> None:
    found = setting(f"x = {quote(value)}")
    assert found is not None
    assert found.value == value


def test_a_comment_begins_outside_quotes() -> None:
    assert comment(b"a = 'x # y' # z\n") == "# z"
    assert comment(b"  # z") == "# z"
    assert comment(b"? ? # z\n") == "# z"
    assert comment(b"a = 1\n") is None
