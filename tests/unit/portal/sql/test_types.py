import pytest

from pgward.portal.sql import types


@pytest.mark.parametrize(
    ("oid", "name", "is_number"),
    [
        (23, "integer", True),
        (25, "text", False),
        (1184, "timestamp with time zone", False),
        (70_000, "type 70000", False),
    ],
)
def test_types_have_names(oid, name, is_number):
    assert (types.named(oid), types.is_number(oid)) == (name, is_number)
