import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.syntax.regexes import BadRegexError, BeyondUsError, compiled


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("lic", "alice", True),
        ("^lic", "alice", False),
        ("^a$", "a\n", False),
        ("^.$", "\n", True),
        ("^.$", "é", False),  # one dot is one byte
        ("^..$", "é", True),
        (r"^\w+$", "é", False),
        ("(?i)ALICE", "alice", True),
        ("***=a.b", "axb", False),
        (r"\mbob\M", "a bob", True),
        ("[[:<:]]bob[[:>:]]", "bobby", False),
        (r"^a(?#c)?$", "", True),
        ("^(a|ab)(c|bcd)$", "abcd", True),
        (r"^(.)\1$", "aa", True),
        (r"\x61\012", "a\n", True),
        ("^[]a-]+$", "a-]", True),
        (r"^[\w.]+$", "a.b", True),
        ("a{,", "a{,", True),
    ],
)
def test_what_matches(source, text, found) -> None:
    assert compiled(source, 16).matches(text) is found


@pytest.mark.parametrize(
    "source",
    [
        *(
            "*a",
            "a**",
            "^*",
            "a|+",
            "a{2,1}",
            "a{256}",
            "a{1",
            "(a",
            "a)",
            "[a",
            "[b-a]",
            "[a-c-e]",
        ),
        *(r"\q", "\\", r"\1", r"(a\1)", "(?P<x>a)", "(?z)a", "***a", "[[:letters:]]", r"[\m]"),
    ],
)
def test_what_is_refused(source) -> None:
    with pytest.raises(BadRegexError):
        compiled(source, 18)


@pytest.mark.parametrize("source", [r"[\W]", "[[:word:]]"])
def test_what_version_14_brought(source) -> None:
    compiled(source, 14)
    with pytest.raises(BadRegexError):
        compiled(source, 13)


@pytest.mark.parametrize("source", ["(?x)a b", "(?<=a+)b", "[[.hyphen.]]", "(?=(a))a", r"\u0141"])
def test_what_is_not_followed_is_said(source) -> None:
    with pytest.raises(BeyondUsError):
        compiled(source, 18)


def test_the_first_group() -> None:
    assert compiled(r"^(.*)@x\.org$", 18).first_group("bjørn@x.org") == "bjørn"
    assert compiled("^a(b)?$", 18).first_group("a") is None
    assert compiled("^a$", 18).first_group("a") is None
    for unsure in ("(a|ab)c?", "^(a|ab)(c|bcd)?$", "(a+?)"):
        with pytest.raises(BeyondUsError):
            compiled(unsure, 18).first_group("abcd")


@pytest.mark.parametrize(
    ("source", "anchored"),
    [("^a$", True), ("a$", False), ("^a", False), ("^a|b$", False), (r"^\\Z", False)],
)
def test_anchors(source, anchored) -> None:
    assert compiled(source, 18).anchored is anchored


@given(st.text(st.sampled_from("ab1.()[]{}*+?|^$\\dwmMyYAZ:-,=!<>#i@é"), max_size=15), st.text())
def test_any_expression_is_taken_refused_or_beyond_us(source, text) -> None:
    with contextlib.suppress(BadRegexError, BeyondUsError):
        compiled(source, 18).matches(text)


def test_what_is_nested_too_deeply_is_not_followed() -> None:
    with pytest.raises(BeyondUsError):
        compiled("(" * 5000 + ")" * 5000, 16)
