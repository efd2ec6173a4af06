import pytest
from hypothesis import given

from pgward.hba.syntax.regexes import BadRegexError, BeyondUsError, compiled
from pgward.hba.ways.sampling import samples
from tests.fixtures.hba_lines import EXPRESSIONS


@pytest.mark.parametrize(
    "source",
    [
        "^app_[0-9]+$",
        r"^(.*)@example\.com$",
        "lic",
        "^[^a]*$",
        "^[^aA0]$",
        "^(a|b)c{2,3}$",
        r"^\w+\d$",
        "^[[:alpha:]]+_ro$",
        "^[[:digit:]]$",
        "(?!x)yy",
        "^(?:foo|bar)-.*?$",
        "^[A-Za-z0-9_][A-Za-z0-9_.@-]*$",
        r"^[\d]+$",
        "^[]a]$",
        r"\mteam\M",
        "^$|^b$",
    ],
)
def test_a_name_is_found(source) -> None:
    regex = compiled(source, 16)
    assert any(regex.matches(each) for each in samples(source))


@given(EXPRESSIONS)
def test_any_expression_is_walked_to_its_end(source: str) -> None:
    assert all(isinstance(each, str) for each in samples(source))
    try:
        compiled(source, 16)
    except (BadRegexError, BeyondUsError):
        return
