import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.syntax import cockroach_maps
from pgward.hba.syntax.cockroach_maps import lines, parse, read
from pgward.hba.syntax.dialects import Cockroach
from pgward.hba.syntax.problems import BadLineError
from tests.fixtures.hba_examples import Texts

ABLE = Cockroach()


def said(text: str) -> list[str]:
    found = []
    for line in lines("m", Texts({"m": text}), ABLE):
        try:
            if line.problem is not None:
                raise line.problem
            mapping = read(line.fields, ABLE)
            found.append(f"{mapping.map} {mapping.system.text} {mapping.role.text}")
        except BadLineError as error:
            found.append(f"{line.at(error)}: {error.message}")
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# This is a comment\n\n", []),
        (
            "map system-username              database-username",
            "map system-username database-username",
        ),
        (r"foo /^(.*)@cockroachlabs.com$ \1", r"foo /^(.*)@cockroachlabs.com$ \1"),
        ("foo carl also_carl   # Trailing comment\r", "foo carl also_carl"),
        ('foo "carl" b', 'foo "carl" b'),
        ("foo a,b c", "foo a,b c"),
        ("foo", "m:1:4: the line ends before the name from outside"),
        ("foo a#b c", "m:1:6: the line ends before the database role"),
        ("foo a b c", "m:1:9: there is more behind the database role"),
        (r"foo carl \1", r"m:1:10: 'carl' has no group in parentheses for \1"),
        (r"foo /carl x\1", r"m:1:11: '/carl' has no group in parentheses for \1"),
        ("foo /(?=a) b", "m:1:5: invalid group in '(?=a)'"),
        ("foo /a** b", "m:1:5: invalid nested repetition operator in 'a**'"),
    ],
)
def test_lines(text, found) -> None:
    assert said(text) == ([found] if isinstance(found, str) else found)


def test_nothing_counts_from_a_line_on_that_is_too_long() -> None:
    found = said(f"m a b\n# {'x' * 65_536}\nm c d")
    assert found == [
        "m a b",
        "m:2:1: a line of more than 65535 bytes: nothing from here on would count",
    ]


@given(st.binary())
def test_every_byte_comes_back(data) -> None:
    assert b"".join(line.raw for line in parse(data)) == data


def test_the_setting_is_named() -> None:
    assert cockroach_maps.SETTING == "server.identity_map.configuration"
