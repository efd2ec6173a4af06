import pytest

from bench import issuance
from bench.processes import BenchError

SAID = """Running 8s test @ https://localhost:15000/v1/certificates/login
  Latency Distribution
     50%   23.07ms
     75%   30.11ms
     99%  107.46ms
  2632 requests in 8.00s, 9.63MB read
  Non-2xx or 3xx responses: 32
Requests/sec:    329.00
"""


def test_what_was_refused_is_not_counted():
    told = issuance._report(SAID, used=4.0, wall=8.0)
    assert told.strip() == (
        "325 certificates/s, 32 refused, p50 23.07ms, p99 107.46ms,"
        " CPU of the CA 1538 us each (0.50 cores)"
    )


def test_a_load_generator_that_failed_is_told():
    with pytest.raises(BenchError, match="unable to connect"):
        issuance._report("unable to connect to localhost", used=0.0, wall=1.0)


def test_a_round_is_shorter_than_a_proofs_life():
    with pytest.raises(BenchError, match="good for a minute"):
        issuance.main(["--seconds", "31"])
