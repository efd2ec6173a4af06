import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.syntax.go_regexes import compiled
from pgward.hba.syntax.regexes import BadRegexError, BeyondUsError


@pytest.mark.parametrize(
    ("source", "text", "group"),
    [
        ("^(.*)@cockroachlabs.com$", "carl@cockroachlabs.com", "carl"),
        ("^(.*)@cockroachlabs.com$", "carl@example.com", None),
        ("^(a|ab)(c|bcd)$", "abcd", "a"),  # as Perl; the longest for PostgreSQL
        (r"^(\w+)$", "é", None),
        (r"^(\d{2,3})x*?$", "123", "123"),
        (r"^([[:alpha:]-]+)\.[^x]$", "a-b.y", "a-b"),
        (r"^(\Qa.b\E)$", "a.b", "a.b"),
        (r"^(?P<who>[]a])\x{41}\101\z", "]AA", "]"),
        ("^(a)$", "a\n", None),
        ("^(.)$", "\n", None),
        ("(?s)^(.)$", "\n", "\n"),
        (r"(\bann)\b", "x ann", "ann"),
        ("a{,2}(b)", "a{,2}b", "b"),
        ("x(y)?", "x", ""),
    ],
)
def test_what_is_found(source, text, group) -> None:
    found = compiled(source)
    assert found.matches(text) == (group is not None)
    if group is not None:
        assert found.first_group(text) == group


def test_without_regard_to_case() -> None:
    assert compiled("^ANN$", fold=True).matches("ann")
    assert not compiled("^ANN$").matches("ann")
    assert compiled("(?i)^ANN$").matches("ann")


@pytest.mark.parametrize(
    "source",
    [
        *("*a", "a**", "a*?+", "a{2}{3}", "a{1001}", "a{3,2}", "(a", "a)", "[a", "[z-a]", "[a--b]"),
        *(r"\1", r"(a)\1", "(?=a)", "(?<!a)", "(?#c)", "(?x)a", r"\y", r"\Z", "a\\", "[[:w:]]"),
        *(r"\x{110000}", r"\xg", "\udcff", "{2}"),
    ],
)
def test_what_go_refuses(source) -> None:
    with pytest.raises(BadRegexError):
        compiled(source)


@pytest.mark.parametrize(
    "source",
    [
        *(r"\pL", r"[\pL]", "(?U)a*", "a(?i)b", "(?i:a)b", "(?m)a", "(?<n>a)", "[[:^alpha:]]"),
        *(r"[\D]", r"\Qa\E*", "a{01}", "(?P<n>a)(?P<n>b)"),
    ],
)
def test_what_is_not_read_here(source) -> None:
    with pytest.raises(BeyondUsError):
        compiled(source)


def test_what_is_not_told() -> None:
    with pytest.raises(BeyondUsError):
        compiled("^((a*)*)$").first_group("a")
    with pytest.raises(BeyondUsError):
        compiled("^(.*)$").matches("\udcff")
    with pytest.raises(BeyondUsError):
        compiled("(?i)^k$").matches("\u212a")


@given(st.text(r"ab()[]{}*+?|^$.\\-1,d:i<>P"))
def test_nothing_else_is_raised(source) -> None:
    with contextlib.suppress(BadRegexError, BeyondUsError):
        assert isinstance(compiled(source).matcher, re.Pattern)
