"""Processes: who holds a port, one of ours that goes on in the background, how ours end."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from pgward.core.errors import PgwardError, UnavailableError

_READY_VARIABLE = "PGWARD_READY_FD"
_MAX_MESSAGE = 64 * 1024
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class PortHolder:
    """The process that listens on a TCP port; ``pid`` is None when we may not see it."""

    port: int
    pid: int | None
    name: str | None
    user: str | None

    def __str__(self) -> str:
        if self.pid is None:
            return "a process that only root sees"
        owner = f" of {self.user}" if self.user else ""
        return f"{self.name or 'a process'} (pid {self.pid}){owner}"


def port_holder(port: int) -> PortHolder | None:
    """Return who listens on the TCP ``port`` of this machine, or None when nobody does."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # macOS shows other users' sockets to root only
        return PortHolder(port, None, None, None)
    for entry in connections:
        if entry.status == psutil.CONN_LISTEN and entry.laddr and entry.laddr.port == port:
            return _describe(port, entry.pid)
    return None


def _describe(port: int, pid: int | None) -> PortHolder:
    if pid is None:
        return PortHolder(port, None, None, None)
    try:
        process = psutil.Process(pid)
        return PortHolder(port, pid, process.name(), process.username())
    except psutil.Error:  # it ended, or hides, between the two questions
        return PortHolder(port, pid, None, None)


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process named so that a later one with the same pid is not taken for it."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "ProcessId":
        """Name the running process ``pid``; psutil.NoSuchProcess when there is none."""
        return cls(pid, psutil.Process(pid).create_time())

    def alive(self) -> bool:
        """Tell whether that very process still runs (a zombie does not)."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1.0
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def stop(self, *, timeout: float) -> bool:
        """Send SIGTERM, and kill after ``timeout`` seconds; True if it ended by itself."""
        if not self.alive():
            return True
        process = psutil.Process(self.pid)
        process.terminate()
        if self._ends_within(process, timeout):
            return True
        process.kill()
        self._ends_within(process, timeout)
        return False

    def _ends_within(self, process: psutil.Process, seconds: float) -> bool:
        """Wait for the end, which for psutil has not come while a parent leaves a zombie."""
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() >= deadline:
                return False
            with suppress(psutil.TimeoutExpired):
                process.wait(_LOOK_SECONDS)
        return True


def detach(
    argv: Sequence[str],
    *,
    log: Path | None,
    env: Mapping[str, str] | None = None,
    timeout: float = 30.0,
) -> tuple[ProcessId, str]:
    """Start ``argv`` in a session of its own and wait until it calls ``notify_ready``.

    stdin is empty, stdout and stderr go to the 0600 file ``log``; without one stdout goes
    nowhere, and stderr where ours goes. Returns the process and
    its ready message. Raises PgwardError with the child's own message, hint and exit code when it
    gave up (``notify_failed``), UnavailableError when it died or said nothing in ``timeout`` s.
    """
    reader, writer = os.pipe()
    descriptor = -1 if log is None else _open_log(log)
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if log is None else descriptor,
            stderr=None if log is None else descriptor,
            env={**os.environ, **(env or {}), _READY_VARIABLE: str(writer)},
            pass_fds=[writer],
            start_new_session=True,
        )
        os.close(writer)
        writer = -1
        return ProcessId.of(child.pid), _await_ready(child, reader, log, timeout)
    finally:
        for fd in (reader, writer, descriptor):
            if fd >= 0:
                os.close(fd)


def _open_log(log: Path) -> int:
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _await_ready(
    child: "subprocess.Popen[bytes]", reader: int, log: Path | None, timeout: float
) -> str:
    text = _read_until_closed(reader, time.monotonic() + timeout)
    if not text:
        child.kill()
        child.wait()
        raise UnavailableError(
            "the background process did not become ready",
            hint=f"its messages are in {log}" if log else None,
        )
    answer = json.loads(text)
    if "error" in answer:
        child.wait()
        failure = PgwardError(answer["error"], hint=answer["hint"])
        failure.exit_code = answer["exit_code"]
        raise failure
    child.returncode = 0  # it is meant to outlive us: no ResourceWarning about that
    return str(answer["ready"])


def _read_until_closed(reader: int, deadline: float) -> bytes:
    received = b""
    while len(received) < _MAX_MESSAGE:
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not select.select([reader], [], [], remaining)[0]:
            return b""
        chunk = os.read(reader, 4096)
        if not chunk:
            return received
        received += chunk
    return b""


@contextmanager
def unwound_by_sigterm() -> Iterator[None]:
    """Have SIGTERM end the block through its clean-up, as Ctrl-C does."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def notify_ready(message: str = "") -> None:
    """Tell the process that detached us that we serve now; nothing happens without one."""
    _tell({"ready": message})


def notify_failed(problem: PgwardError) -> None:
    """Tell the process that detached us why we give up."""
    _tell({"error": problem.message, "hint": problem.hint, "exit_code": problem.exit_code})


def _tell(answer: dict[str, str | int | None]) -> None:
    descriptor = os.environ.pop(_READY_VARIABLE, None)
    if descriptor is None:
        return
    with os.fdopen(int(descriptor), "wb") as writer:
        writer.write(json.dumps(answer).encode())
