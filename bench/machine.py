"""What the run ran on and with, without names or paths of the machine."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench import interpreter
from bench.options import ROOT
from pgward import __version__
from pgward.core.clock import rfc3339
from pgward.system.postgres import find_binaries, find_client

_CPU_MODEL = re.compile(r"^model name\s*: (.+)$", re.MULTILINE)


def describe() -> dict[str, str]:
    """Return what a reader needs to judge the numbers, ready to be printed."""
    return {
        "Date": rfc3339(datetime.now(UTC)),
        "CPU": f"{_cpu_model()}, {os.cpu_count()} cores",
        "Memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "Kernel": f"{platform.system()} {platform.release()}",
        "Load average before the run": f"{os.getloadavg()[0]:.2f}",
        **interpreter.describe(),
        "pgward": f"{__version__}, commit {_said('git', '-C', ROOT, 'describe', '--always')}",
        "PostgreSQL": _said(find_binaries() / "postgres", "--version"),
        "pgbench": _said(find_client("pgbench"), "--version"),
        "HAProxy": _said("haproxy", "-v"),
        "stunnel": _said("stunnel", "-version"),
        "PgBouncer": _said("pgbouncer", "--version"),
    }


def _cpu_model() -> str:
    found = _CPU_MODEL.search(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return found[1] if found else platform.machine()


def _said(*argv: str | Path) -> str:
    """Return the first line that tells of a version (stunnel begins with something else)."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "not installed"
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith("Init")), "unknown")
