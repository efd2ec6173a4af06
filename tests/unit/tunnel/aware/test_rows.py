"""Rows counted, alike or not."""

from hypothesis import given
from hypothesis import strategies as st

from pgward.pgwire.framing import message
from pgward.tunnel.aware.rows import count

D = ord("d")


def walked(data: bytes, at: int) -> tuple[int, int]:
    """Count one by one."""
    rows = 0
    while at + 5 <= len(data) and data[at] == D:
        at += 1 + int.from_bytes(data[at + 1 : at + 5])
        rows += 1
    return rows, at


runs = st.tuples(
    st.sampled_from([0, 1, 3, 28, 251, 252, 300]), st.sampled_from([1, 2, 31, 33, 100, 200])
)


@given(st.lists(runs, max_size=6), st.integers(0, 400), st.sampled_from([b"", b"Z", b"dDd"]))
def test_the_count_is_that_of_walking(runs, cut, filler):
    rows = b"".join(message(b"d", (filler * 300)[:size].ljust(size, b"d")) * n for size, n in runs)
    data = b"xx" + (rows + message(b"c"))[: -cut or None]
    assert count(memoryview(data), 2, D) == walked(data, 2)


def test_nothing_is_counted_where_there_is_nothing():
    assert count(memoryview(b""), 0, D) == (0, 0)
    assert count(memoryview(b"d\0\0"), 0, D) == (0, 0)
    assert count(memoryview(message(b"c")), 0, D) == (0, 0)


def test_an_impossible_length_is_not_counted():
    rows = message(b"d", b"12") * 100
    assert count(memoryview(rows + b"d\0\0\0\3d"), 0, D) == (100, len(rows))
    assert count(memoryview(rows + b"d\xff\0\0\0d"), 0, D) == (100, len(rows))


def test_a_run_whose_headers_differ_only_in_a_high_byte():
    short, long = message(b"d", bytes(10)), message(b"d", bytes(10 + 256))
    data = short * 50 + long * 3 + short * 50
    assert count(memoryview(data), 0, D) == (103, len(data))
