"""CSV for spreadsheets."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.system import spreadsheets


def test_values():
    assert spreadsheets.line(["a", None, True, False, 7, 'say "x", y']) == (
        'a,,yes,no,7,"say ""x"", y"'
    )


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\uff1d1"])
def test_a_formula_is_text(text):
    assert spreadsheets.line([text]) == f"'{text}"


@given(st.lists(st.text(), min_size=2))
def test_whatever_names_there_are(values):
    line = spreadsheets.line(values)
    assert "\n" not in line
    (cells,) = csv.reader(io.StringIO(line))
    assert len(cells) == len(values)
    assert not any(each.lstrip().startswith(("=", "+", "-", "@")) for each in cells)
