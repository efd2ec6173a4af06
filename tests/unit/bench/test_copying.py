import pytest

from bench.copying import seconds_of
from bench.processes import BenchError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Timing is on.\nCOPY 100\nTime: 512.300 ms\n", 0.5123),
        ("Timing is on.\nCOPY 9\nTime: 61234.5 ms (01:01.235)\n", 61.2345),
        ("Time: 1.0 ms\nTime: 2.0 ms\n", 0.002),
    ],
)
def test_reads_the_last_time(text, seconds):
    assert seconds_of(text) == pytest.approx(seconds)


def test_no_time_is_an_error():
    with pytest.raises(BenchError, match="printed no time"):
        seconds_of("COPY 100\n")
