import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.archive import patterns
from pgward.core.errors import InvalidInputError


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"(?i)drop\s+table", "DROP  TABLE x", True),
        (r"^select", " select", False),
        (r"\bacc", "my_acc", False),
        ("é+\\d", "xéé1", True),
        ("quote\"['\\\\]", "quote\"'", True),
        ("a\tb\nc\x7f", "a\tb\nc\x7f", True),
        ("𝄞", "the 𝄞 clef", True),
        ("x", "half a pair: \ud800 x", True),
    ],
)
def test_matches(pattern, text, expected):
    assert patterns.matcher(pattern)(text) is expected


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", r"(a)\1", "(?=x)", "[z-a]"])
def test_what_is_no_expression(pattern):
    with pytest.raises(InvalidInputError, match="the regular expression cannot be read"):
        patterns.matcher(pattern)


@pytest.mark.parametrize("pattern", ["", "x" * 501])
def test_its_length_has_bounds(pattern):
    with pytest.raises(InvalidInputError, match="has 1 to 500 letters"):
        patterns.matcher(pattern)


def test_time_is_linear():
    assert not patterns.matcher("(a+)+$")("a" * 200_000 + "b")


@pytest.mark.parametrize("pattern", [r"\Aa", r"a\z", "(?-i)a", "a\\Qb"])
def test_what_depends_on_where_a_text_ends(pattern):
    assert patterns.of_many(pattern) is None


@given(
    st.lists(st.text("ab \n", max_size=6), min_size=1, max_size=4),
    st.sampled_from(
        ["a", "^a", "b$", r"\ba", r"a\b", r"\Bb", "a.b", "^$", "a|^b", "[^a]b", "a b*$"]
    ),
)
def test_of_many_misses_none(texts, pattern):
    matches, of_many = patterns.matcher(pattern), patterns.of_many(pattern)
    if any(map(matches, texts)):
        assert of_many("\n".join(texts))


def test_of_many_rules_out():
    assert not patterns.of_many("drop")("select 1\nselect 2")
