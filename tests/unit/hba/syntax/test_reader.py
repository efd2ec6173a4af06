import pytest

from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.reader import Reader
from pgward.hba.syntax.tokens import Token, fields


def test_one_field_after_the_other() -> None:
    reader = Reader(fields('a b,c "d" e f'))
    assert reader.single("first") == "a"
    assert reader.field("second") == (Token("b"), Token("c"))
    assert reader.word("third") == Token("d", quoted=True)
    assert [(number, field[0].text) for number, field in reader.rest()] == [(3, "e"), (4, "f")]
    with pytest.raises(BadLineError, match="the line ends before the next"):
        reader.field("next")


def test_more_than_one_word() -> None:
    with pytest.raises(BadLineError, match="there is more than one method") as caught:
        Reader(fields("a,b")).word("method")
    assert (caught.value.field, caught.value.token) == (0, 1)
