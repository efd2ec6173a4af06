import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.access.quoting import encoded, identifier, is_name, is_text, literal, qualified
from pgward.core.errors import InvalidInputError

LETTERS = st.one_of(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
    st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF),
)
NAMES = st.text(LETTERS, min_size=1, max_size=63)


@given(NAMES)
def test_a_name_stays_inside_its_quotes(name: str) -> None:
    quoted = identifier(name)
    assert quoted[0] == quoted[-1] == '"'
    assert quoted[1:-1].replace('""', "") == name.replace('"', "")
    assert quoted[1:-1].replace('""', '"') == name
    # As a server without an encoding reads it, byte by byte.
    assert encoded(quoted)[1:-1].replace(b'""', b"").count(b'"') == 0


@given(st.text(LETTERS))
def test_a_text_stays_inside_its_quotes(text: str) -> None:
    quoted = literal(text)
    inside = quoted.removeprefix("E'").removesuffix("'")
    assert "'" not in inside.replace("\\\\", "").replace("''", "")
    assert inside.replace("\\\\", "\\").replace("''", "'") == text


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 64, "\ud800"])
def test_what_no_server_takes_is_refused(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(InvalidInputError):
        identifier(name)


@pytest.mark.parametrize("name", ["é" * 63, "a\udce9"])
def test_what_another_encoding_has_is_written_and_is_no_name_of_ours(name: str) -> None:
    assert (identifier(name), is_name(name)) == (f'"{name}"', False)


def test_bytes_go_back_as_they_came() -> None:
    name = b'caf\xe9"'.decode("utf-8", "surrogateescape")
    assert (encoded(identifier(name)), is_text(name)) == (b'"caf\xe9"""', False)


def test_a_name_of_63_bytes_is_whole() -> None:
    assert identifier("é" * 31 + "x") == '"' + "é" * 31 + 'x"'


def test_what_lies_in_a_schema_has_two_names() -> None:
    assert qualified("a b", 'c".d') == '"a b"."c"".d"'
