import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.access.quoting import identifier, is_name, literal, qualified
from pgward.core.errors import InvalidInputError

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(NAMES)
def test_a_name_stays_inside_its_quotes(name: str) -> None:
    if is_name(name):
        quoted = identifier(name)
        assert quoted[0] == quoted[-1] == '"'
        assert quoted[1:-1].replace('""', "") == name.replace('"', "")
        assert quoted[1:-1].replace('""', '"') == name


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_text_stays_inside_its_quotes(text: str) -> None:
    quoted = literal(text)
    inside = quoted.removeprefix("E'").removesuffix("'")
    assert "'" not in inside.replace("\\\\", "").replace("''", "")
    assert inside.replace("\\\\", "\\").replace("''", "'") == text


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 64, "é" * 32, "\udc80"])
def test_what_no_server_takes_is_refused(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(InvalidInputError):
        identifier(name)


def test_a_name_of_63_bytes_is_whole() -> None:
    assert identifier("é" * 31 + "x") == '"' + "é" * 31 + 'x"'


def test_what_lies_in_a_schema_has_two_names() -> None:
    assert qualified("a b", 'c".d') == '"a b"."c"".d"'
