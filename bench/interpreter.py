"""The Python that runs pgward's hops.

HAProxy and stunnel are the distribution's own builds, made with every optimisation, so pgward
runs on the distribution's own Python, too, where there is one that can load what `.venv` has
installed. A Python that somebody compiled without ``--enable-optimizations`` costs it about a
microsecond a transaction and hop. ``BENCH_PYTHON`` names another one.
"""

import os
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

from bench.options import ROOT

_DISTRIBUTIONS = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
_SAYS = """\
import pgward.tunnel.relay, platform, ssl, uvloop
print(platform.python_version(), "uvloop " + uvloop.__version__, ssl.OPENSSL_VERSION, sep="\\n")
"""


def command(*arguments: str | Path) -> list[str | Path]:
    """Return the command line of ``python ARGUMENTS`` with pgward and its libraries at hand."""
    return [*_start(_chosen()), *arguments]


def describe() -> dict[str, str]:
    """Return what a reader of the results wants to know of it."""
    version, loop, openssl = _said(_chosen()).splitlines()
    whose = "the distribution's" if _chosen() == _DISTRIBUTIONS else "another build"
    return {"Python": f"{version} ({whose}), {loop}", "OpenSSL of Python": openssl}


@cache
def _chosen() -> str:
    if named := os.environ.get("BENCH_PYTHON"):
        return named
    return _DISTRIBUTIONS if _works(_DISTRIBUTIONS) else sys.executable


def _works(python: str) -> bool:
    try:
        return bool(_said(python))
    except (OSError, subprocess.CalledProcessError):
        return False


def _said(python: str) -> str:
    argv = [*_start(python), "-c", _SAYS]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def _start(python: str) -> list[str]:
    path = os.pathsep.join((str(ROOT), sysconfig.get_path("purelib")))
    # env becomes the program, so its process is the program's (env(1)).
    return ["env", f"PYTHONPATH={path}", python]
