import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core import strict_json

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=10,
)


@given(_VALUES)
def test_what_is_json_is_read(value):
    assert strict_json.loads(json.dumps(value).encode()) == value
    assert strict_json.loads(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=40) | st.text('[]{}:,"\\\\u0d8a1e', max_size=40).map(str.encode))
def test_anything_else_is_one_error(data):
    with contextlib.suppress(ValueError):
        strict_json.loads(data)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1, "a": 1}', "a member occurs twice"),
        ('[{"b": {"a": 1, "\\u0061": 2}}]', "a member occurs twice"),
        ("NaN", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ('"\\ud800"', "surrogates not allowed"),
        ('{"\\ud800": 1}', "surrogates not allowed"),
        ("[" * 33 + "1" + "]" * 33, "nested too deeply"),
        ('{"a":' * 40_000, "nested too deeply"),
        ("9" * 5000, "4300 digits"),
        ("\ufeff1", "BOM"),
    ],
)
def test_why_it_is_refused(text, why):
    with pytest.raises(ValueError, match=why):
        strict_json.loads(text.encode())


def test_so_many_levels_are_fine():
    data = b"[" * strict_json.MAX_DEPTH + b"]" * strict_json.MAX_DEPTH
    assert json.dumps(strict_json.loads(data)).encode() == data
