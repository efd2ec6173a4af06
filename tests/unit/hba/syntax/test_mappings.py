import pytest

from pgward.hba.syntax.mappings import Mapping, read
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.tokens import Token, fields
from pgward.hba.syntax.versions import Abilities


def mapping(text: str, version: int = 18) -> Mapping:
    return read(fields(text), Abilities.of(version))


def test_a_mapping_in_parts_and_what_follows_is_nothing() -> None:
    expected = Mapping("m", Token("/^(.*)@x$"), Token("\\1", quoted=True))
    assert mapping('m /^(.*)@x$ "\\1" more, of it') == expected


@pytest.mark.parametrize(
    ("text", "version", "field", "token", "message"),
    [
        ("m", 18, 1, 0, "ends before the name from outside"),
        ("m a", 18, 2, 0, "ends before the database role"),
        ("m,n a b", 18, 0, 1, "more than one map"),
        ("m a b,c", 18, 2, 1, "more than one database role"),
        ("m /( b", 11, 1, 0, "not balanced"),
        ("m a /(", 16, 2, 0, "not balanced"),
    ],
)
def test_what_a_version_refuses_and_where(text, version, field, token, message) -> None:
    with pytest.raises(BadLineError, match=message) as caught:
        mapping(text, version)
    assert (caught.value.field, caught.value.token) == (field, token)


def test_before_16_a_role_is_a_name() -> None:
    assert mapping("m a /(", 15).role == Token("/(")
