import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.store import rows
from pgward.ca.store.rows import Tally
from pgward.ca.store.schema import Json, UtcTime
from pgward.core.errors import InvalidInputError

TABLE = sa.Table(
    "t",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(10)),
    sa.Column("at", UtcTime),
    sa.Column("raw", sa.LargeBinary),
    sa.Column("any", Json),
)
ROW = {
    "id": 1,
    "name": "ü",
    "at": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=1))),
    "raw": b"\0\xff",
    "any": {"b": [1.0, 2.5, "x"]},
}
LINE = (
    b'{"any":{"j":{"b":[1,2.5,"x"]}},"at":{"t":"2026-01-02T02:04:05.000006+00:00"},'
    b'"id":1,"name":"\\u00fc","raw":{"b":"AP8="}}'
)


def test_the_form_of_a_row_never_changes():
    """Backups that exist are read by it, and their hashes are of it."""
    assert rows.line(TABLE, ROW) == LINE
    assert rows.parse(LINE) == ROW


def test_nothing_is_nothing():
    empty = dict.fromkeys(ROW)
    assert rows.parse(rows.line(TABLE, empty)) == empty


def test_the_hash_of_a_table_does_not_depend_on_the_order_but_on_how_often():
    one, two, twice = Tally(), Tally(), Tally()
    for tally, lines in ((one, [b"a", b"b"]), (two, [b"b", b"a"]), (twice, [b"a", b"a", b"b"])):
        for line in lines:
            tally.add(line)
    assert one == two != twice
    assert len(one.hexdigest) == 64


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(
    st.fixed_dictionaries(
        {
            "id": st.integers(),
            "name": st.none() | st.text(),
            "at": st.none() | st.datetimes(timezones=st.just(UTC)),
            "raw": st.none() | st.binary(),
            "any": json_values,
        }
    )
)
def test_every_row_is_read_back(row):
    assert rows.parse(rows.line(TABLE, row)) == row


@given(st.binary() | json_values.map(json.dumps).map(str.encode))
def test_anything_else_is_one_error(data):
    with suppress(InvalidInputError):
        assert isinstance(rows.parse(data), dict)


@pytest.mark.parametrize(
    "data", [b"[]", b"{", b"\xff", b'{"a":{}}', b'{"a":{"x":1}}', b'{"a":{"b":"?"}}', b"[" * 99999]
)
def test_what_is_no_row(data):
    with pytest.raises(InvalidInputError):
        rows.parse(data)
