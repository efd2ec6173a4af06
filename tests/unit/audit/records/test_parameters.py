import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.records.parameters import MOST, parameters, read_bind
from pgward.pgwire import frontend
from pgward.pgwire.errors import WireError

NONE = frozenset()
SEVEN = b"\0\0\0\7"


@pytest.mark.parametrize(
    ("values", "formats", "types", "expected"),
    [
        ([], [], [], []),
        ([b"a", None, b""], [], [], ["a", None, ""]),
        ([SEVEN, SEVEN], [1], [23, 23], ["7", "7"]),
        ([SEVEN, b"7"], [1, 0], [23], ["7", "7"]),
        ([SEVEN], [1], [0], ["\\x00000007"]),
        ([b"\xff"], [0], [25], ["\\xff"]),
    ],
)
def test_formats_and_types_say_what_values_are(values, formats, types, expected):
    assert parameters(values, formats, types, NONE) == expected


def test_a_large_value_is_told_by_size_and_hash():
    data = b"x" * (MOST + 1)
    sha = hashlib.sha256(data).hexdigest()
    assert parameters([data], [], [], NONE) == [{"bytes": MOST + 1, "sha256": sha}]


def test_secrets_are_not_shown():
    assert parameters([b"a", b"b"], [], [], frozenset({2, 9})) == ["a", "***"]
    assert parameters([b"host=x password=abc"], [], [], NONE) == ["host=x password=***"]


@given(
    st.binary(max_size=5).map(lambda b: b.replace(b"\0", b"")),
    st.lists(st.none() | st.binary(max_size=20), max_size=5),
    st.lists(st.integers(0, 1), max_size=5),
)
def test_a_bind_is_read_as_pgwire_reads_it(name, values, formats):
    whole = frontend.bind("p", name.decode("latin-1"), values, formats=formats)
    expected = frontend.read_bind(whole[5:])
    assert read_bind(whole[5:]) == (
        expected.portal, expected.statement, expected.formats, list(expected.values)
    )  # fmt: skip


@given(st.binary(max_size=60))
def test_a_bind_that_is_cut_is_one_error(body):
    try:
        read_bind(body)
    except (ValueError, struct.error):
        with pytest.raises(WireError):
            frontend.read_bind(body)
