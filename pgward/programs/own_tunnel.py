"""A tunnel of this process's own: `pgward connect` that ends when the process does.

A process of its own and not a thread: what it carries does not compete with the program for its
interpreter, a fork cannot tear it, and it ends as well when the program is killed.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pgward.core.errors import NotFoundError, UnavailableError
from pgward.system.process import detach
from pgward.tunnel.local.registry import Running


def open_for(pid: int, service: str, home: Path) -> Running:
    """Open a tunnel that ends with the process ``pid``; raise the tunnel's own PgwardError.

    What it has to say later (that a login ended, say) it says on this process's stderr.
    """
    command = [*program(), "connect", service, "--for-pid", str(pid)]
    _, message = detach(command, log=None, env={"PGWARD_HOME": str(home)})
    try:
        return Running.read(json.loads(message)["running"])
    except (ValueError, KeyError, TypeError) as error:
        raise UnavailableError("the tunnel did not say where it listens") from error


@dataclass(frozen=True, slots=True)
class Held:
    """A tunnel that ends with the process ``program``; one that is stopped carries nothing."""

    service: str
    pid: int
    program: int
    stopped: bool


def held(home: Path) -> Iterator[Held]:
    """Yield the tunnels of programs, of one home, that run now; no registry has them."""
    import psutil  # noqa: PLC0415 - programs that connect need it not, and it is slow to import

    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if "--for-pid" not in words or process.environ().get("PGWARD_HOME") != str(home):
                continue
            stopped = process.status() == psutil.STATUS_STOPPED
        except psutil.Error:  # it ended meanwhile, or is somebody else's
            continue
        program = words[words.index("--for-pid") + 1 :][:1]
        service = words[words.index("connect") + 1 :][:1] if "connect" in words else []
        if service and program and program[0].isdecimal():
            yield Held(service[0], process.pid, int(program[0]), stopped)


def program() -> list[str]:
    """Return how to run pgward here; servers that embed Python have themselves as executable."""
    if Path(sys.executable or "").name.startswith("python"):
        return [sys.executable, "-m", "pgward"]
    for name in ("python3", "python"):
        beside = Path(sys.prefix, "bin", name)
        if os.access(beside, os.X_OK):
            return [str(beside), "-m", "pgward"]
    found = shutil.which("pgward")
    if found is None:
        raise NotFoundError("the command pgward is not on PATH", hint="install it, or set PATH")
    return [found]
