"""COPY out and in with real psql."""

import re
from pathlib import Path

from bench.database import Database, conninfo
from bench.processes import BenchError, run
from pgward.core.address import Address
from pgward.system.postgres import find_client

_TIMING = re.compile(r"^Time: ([0-9.]+) ms", re.MULTILINE)


def seconds_of(text: str) -> float:
    """Return the seconds of psql's last ``Time:`` line; raise BenchError when there is none."""
    found = _TIMING.findall(text)
    if not found:
        raise BenchError(f"psql printed no time: {text!r}")
    return float(found[-1]) / 1000


def copy_out(database: Database, address: Address | str) -> float:
    """Copy the table to /dev/null; return megabytes (10**6) a second."""
    took = _timed(address, r"\copy copied_out to '/dev/null'")
    return _megabytes(database.copy_file) / took


def copy_in(database: Database, address: Address) -> float:
    """Copy the file into an empty table; return megabytes (10**6) a second."""
    database.psql("truncate copied_in")
    took = _timed(address, rf"\copy copied_in from '{database.copy_file}'")
    return _megabytes(database.copy_file) / took


def _timed(address: Address | str, command: str) -> float:
    commands = ("-c", r"\timing on", "-c", command)
    return seconds_of(run([find_client("psql"), "-X", conninfo(address), *commands]))


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6
