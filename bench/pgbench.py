"""Runs pgbench and reads what it prints (PostgreSQL manual, pgbench)."""

import re
from dataclasses import dataclass
from typing import Literal

from bench.database import conninfo
from bench.processes import BenchError, run
from pgward.core.address import Address
from pgward.system.postgres import find_client

Mode = Literal["simple", "prepared"]

_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_TRANSACTIONS = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
_LATENCY = re.compile(r"^latency average = ([0-9.]+) ms", re.MULTILINE)
_FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Result:
    """Transactions per second (connects included only with ``-C``), their number, and the
    average latency in milliseconds."""

    tps: float
    transactions: int
    latency_ms: float


def parse(text: str) -> Result:
    """Read pgbench's report; raise BenchError when it is none, or tells of failures."""
    tps, transactions, latency = (
        pattern.search(text) for pattern in (_TPS, _TRANSACTIONS, _LATENCY)
    )
    if not (tps and transactions and latency):
        raise BenchError(f"not a pgbench report: {text!r}")
    failed = _FAILED.search(text)
    if failed and int(failed[1]):
        raise BenchError(f"pgbench saw {failed[1]} transactions fail")
    return Result(float(tps[1]), int(transactions[1]), float(latency[1]))


def select_only(
    address: Address | str,
    *,
    clients: int,
    seconds: float,
    mode: Mode = "simple",
    connect_each: bool = False,
    rate: int | None = None,
) -> Result:
    """Run ``pgbench -S`` against ``address``, with two threads where there is work for two.

    With ``rate`` it begins so many transactions a second, and no more.
    """
    argv = [
        find_client("pgbench"),
        "--no-vacuum",
        "--select-only",
        *("--protocol", mode),
        *("--client", str(clients), "--jobs", str(min(clients, 2))),
        *("--time", str(max(1, round(seconds)))),
        *(["--connect"] if connect_each else []),
        *(["--rate", str(rate)] if rate else []),
        conninfo(address),
    ]
    return parse(run(argv, timeout=seconds + 120))
