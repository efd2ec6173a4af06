"""Database sessions of our own: many idle ones, and timed connects."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from statistics import median

import psycopg

from bench.database import conninfo
from bench.processes import BenchError
from pgward.core.address import Address

_THREADS = 8
_CONNECT_SECONDS = 30


def wait_ready(address: Address | str, *, timeout: float = 30.0) -> None:
    """Return when a query through ``address`` works; raise BenchError when it never does."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            _connect(address, "ready").close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise BenchError(f"no session through {address}: {error}") from error
            time.sleep(0.1)
        else:
            return


def _connect(address: Address | str, name: str) -> psycopg.Connection[tuple[object, ...]]:
    connection = psycopg.connect(
        f"{conninfo(address)} application_name=bench-{name}",
        connect_timeout=_CONNECT_SECONDS,
        autocommit=True,
    )
    connection.execute("select 1")
    return connection


@contextmanager
def idle(address: Address, count: int, name: str) -> Iterator[None]:
    """Hold ``count`` sessions that have started up, run one query, and now idle."""
    with ExitStack() as stack, ThreadPoolExecutor(_THREADS) as pool:
        for future in [pool.submit(_connect, address, name) for _ in range(count)]:
            stack.callback(future.result().close)
        yield


def connect_times(address: Address, count: int) -> tuple[float, float]:
    """Connect ``count`` times, one after another.

    Returns the medians, in milliseconds, of the time until the session is ready, and of the
    time until the answer of its first query.
    """
    ready, answered = [], []
    for _ in range(count):
        begun = time.perf_counter()
        with psycopg.connect(conninfo(address), connect_timeout=_CONNECT_SECONDS) as connection:
            ready.append(time.perf_counter() - begun)
            connection.autocommit = True
            connection.execute("select 1")
            answered.append(time.perf_counter() - begun)
    return median(ready) * 1000, median(answered) * 1000
