"""Processes of the bench: started quietly, and stopped whatever happens."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pgward.core.address import Address

# Below Linux's ephemeral ports, so that no outgoing connection takes one before its listener.
_PORTS = range(15000, 32000)
_STOP_SECONDS = 10.0
_LOG_TAIL = 2000


class BenchError(Exception):
    """Something that a measurement stands on did not work; the text is for people."""


def free_port() -> int:
    """Return a loopback TCP port that nobody listens on."""
    for port in random.sample(_PORTS, 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise BenchError("no free TCP port on loopback")


def tail(path: Path) -> str:
    """Return the end of a log file."""
    return path.read_text(errors="replace")[-_LOG_TAIL:] if path.exists() else ""


@contextmanager
def running(
    argv: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``argv`` for the length of the block; its output goes to ``log``."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*_die_with_us(), *map(str, argv)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            # A terminal's Ctrl-C goes to the bench alone, which then stops all in order.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process)


def _die_with_us() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it started in its session."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 600.0,
) -> str:
    """Run ``argv`` to its end and return its standard output; raise BenchError on failure."""
    done = subprocess.run(
        list(map(str, argv)),
        env={**os.environ, **(env or {})},
        input=stdin if stdin is not None else "",
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        start_new_session=True,
    )
    if done.returncode != 0:
        shown = " ".join(map(str, argv))
        raise BenchError(f"{shown} exited {done.returncode}: {done.stderr[-_LOG_TAIL:]}")
    return done.stdout


def wait_listening(
    address: Address, process: subprocess.Popen[bytes], log: Path, *, timeout: float = 20.0
) -> None:
    """Return when something accepts on ``address``; raise BenchError when ``process`` ends."""
    deadline = time.monotonic() + timeout
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection((address.host, address.port), timeout=1).close()
            return
        if process.poll() is not None:
            raise BenchError(f"{process.args!r} ended: {tail(log)}")
        if time.monotonic() > deadline:
            raise BenchError(f"nothing listens on {address}: {tail(log)}")
        time.sleep(0.02)
