import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.server.quoting import identifier, literal, literal_of_bytes


def test_what_ends_nothing() -> None:
    assert literal("it's") == " E'it''s'"
    assert literal("a\\' \\! touch x #") == " E'a\\\\'' \\\\! touch x #'"
    assert identifier('od"d') == '"od""d"'


def test_no_byte_that_an_encoding_could_pair_with_a_quote() -> None:
    """0x81 begins a letter of two bytes in Shift JIS."""
    assert literal_of_bytes("\udc81' \\! x\té") == " E'\\x81'' \\\\! x\\x09\\xc3\\xa9'"


@pytest.mark.integration
@pytest.mark.parametrize("conforming", ["on", "off"])
def test_a_server_reads_back_what_was_written(pg, conforming) -> None:
    odd = "a\\' \\! b\\\\\"c\n\t''"
    set_ = f"set standard_conforming_strings = {conforming}; set backslash_quote = on;"
    for write in (literal, literal_of_bytes):
        assert pg.psql(f"{set_} select {write(odd)}, 1 as {identifier(odd)}") == f"{odd}|1"


@given(st.text())
def test_quotes_and_backslashes_come_in_pairs(text) -> None:
    inside = literal(text).removeprefix(" E'").removesuffix("'")
    assert inside.replace("\\\\", "").replace("''", "").count("'") == 0
    assert inside.replace("\\\\", "").count("\\") == 0
