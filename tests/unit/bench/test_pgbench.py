import pytest

from bench.pgbench import Result, parse
from bench.processes import BenchError

REPORT = """\
pgbench (15.18 (Debian 15.18-0+deb12u1))
transaction type: <builtin: select only>
scaling factor: 10
query mode: simple
number of clients: 8
number of threads: 2
maximum number of tries: 1
duration: 5 s
number of transactions actually processed: 61244
number of failed transactions: 0 (0.000%)
latency average = 0.653 ms
initial connection time = 12.345 ms
tps = 12254.987654 (without initial connection time)
"""
CONNECTS = """\
number of transactions actually processed: 987
number of failed transactions: 0 (0.000%)
latency average = 40.498 ms
average connection time = 36.911 ms
tps = 197.540000 (including reconnection times)
"""


def test_reads_the_report_of_version_15():
    assert parse(REPORT) == Result(12254.987654, 61244, 0.653)


def test_reads_the_report_of_connects():
    assert parse(CONNECTS) == Result(197.54, 987, 40.498)


def test_failed_transactions_are_no_result():
    with pytest.raises(BenchError, match="3 transactions fail"):
        parse(REPORT.replace("failed transactions: 0", "failed transactions: 3"))


@pytest.mark.parametrize("text", ["", "pgbench: error: connection failed", REPORT[:300]])
def test_anything_else_is_no_report(text):
    with pytest.raises(BenchError, match="not a pgbench report"):
        parse(text)
