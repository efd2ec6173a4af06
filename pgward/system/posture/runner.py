"""Runs the system's own tools for an answer, and never waits for one for long."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SECONDS = 1.5
_MOST = 64 * 1024
# Where tools for administrators are; people's PATH often has none of these.
_SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Output:
    """What a tool said, on either of its outputs, and how it ended."""

    text: str
    status: int


def run(argv: Sequence[str], *, seconds: float = SECONDS) -> Output | None:
    """Return a tool's answer; None when it is not there, cannot run or takes too long."""
    # Not a pipe: something that the tool left behind could hold its other end open.
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                [_program(argv[0]), *argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "LC_ALL": "C"},
                start_new_session=True,
            )
        except OSError:
            return None
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            _kill(process)
            return None
        output.seek(0)
        return Output(output.read(_MOST).decode("utf-8", "replace"), status)


def read(path: Path) -> str | None:
    """Return the last part of a text file; None when it is not there or not for us."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _MOST))
            return file.read(_MOST).decode("utf-8", "replace")
    except OSError:
        return None


def _program(name: str) -> str:
    return shutil.which(name) or shutil.which(name, path=_SYSTEM) or name


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End the tool and what it started; one that cannot be ended is left."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:  # Windows
            process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(0.2)
