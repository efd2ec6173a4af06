import pytest

from pgward.system.safe_text import clean


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢", "plain é 漢"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\x9b2J\x7f", "\\x9b2J\\x7f"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
    ],
)
def test_clean_makes_unsafe_characters_visible(text, shown):
    assert clean(text) == shown
