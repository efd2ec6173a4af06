"""The reference names everything that rules can see."""

from pathlib import Path

import pytest

from pgward.policy.context import CONNECT_TYPES, STATEMENT_TYPES

PAGE = Path("docs/reference/policy.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", STATEMENT_TYPES)
def test_every_variable_is_documented(name):
    known = name if name in CONNECT_TYPES else f".{name.rpartition('.')[2]}"
    assert f"| `{known}` |" in PAGE
