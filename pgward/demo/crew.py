"""The processes of a demo: commands that end by themselves, and servers that are ended."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pgward.demo.errors import DemoError
from pgward.demo.interrupts import Interrupts
from pgward.demo.layout import Layout

READY_SECONDS = 60.0
COMMAND_SECONDS = 120.0
_STOP_SECONDS = 10.0
_KEPT = frozenset({"PGWARD_PG_BIN", "PGWARD_DEBUG"})


def environment(home: Path) -> dict[str, str]:
    """Return our variables without those that steer pgward or libpq, and with this home."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or not name.startswith(("PG", "PGWARD_"))
    }
    return {**kept, "PGWARD_HOME": str(home), "PGWARD_TOKEN_STORE": "file"}


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    output: str
    messages: str

    @property
    def last_words(self) -> str:
        """What it said on stderr, as one line."""
        return " ".join(self.messages.split())


@dataclass(frozen=True, slots=True)
class Server:
    """A process that serves; ``log`` has its messages, ``first_line`` what it said when ready."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    first_line: str
    command: str

    @property
    def output(self) -> IO[bytes]:
        """Its stdout, which ends when it does."""
        assert self.process.stdout is not None  # noqa: S101 - it was started with a pipe
        return self.process.stdout

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None


class Crew:
    """Starts processes, each in a session of its own, so that Ctrl-C reaches only the demo."""

    def __init__(self, layout: Layout, interrupts: Interrupts) -> None:
        self._layout = layout
        self._interrupts = interrupts
        self._processes: list[subprocess.Popen[bytes]] = []

    def pgward(self, *arguments: object, home: Path, stdin: str = "") -> Done:
        """Run a pgward command that must succeed; DemoError carries its message."""
        done = self.run(pgward_command(arguments), environment(home), stdin=stdin)
        if done.code:
            said = done.last_words or f"exit code {done.code}"
            raise DemoError(f"`pgward {_shown(arguments)}` failed: {said}")
        return done

    def run(self, command: Sequence[str], env: Mapping[str, str], *, stdin: str = "") -> Done:
        """Run any program to its end; DemoError when it takes too long."""
        process = self._popen(command, env, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            output, messages = process.communicate(stdin.encode(), timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            raise DemoError(f"`{Path(command[0]).name}` did not end in time") from None
        self._processes.remove(process)
        return Done(process.returncode, _text(output), _text(messages))

    def serve(self, name: str, *arguments: object, home: Path) -> Server:
        """Start a pgward server, and wait for the line on stdout that says it is ready."""
        return self.start(name, pgward_command(arguments), environment(home))

    def start(
        self, name: str, command: Sequence[str], env: Mapping[str, str], *, stdin: bytes = b""
    ) -> Server:
        """Start any program that goes on, and wait for its first line on stdout."""
        log = self._layout.log(name)
        with log.open("ab") as messages:
            process = self._popen(command, env, stdin=subprocess.PIPE, stderr=messages)
        assert process.stdin is not None  # noqa: S101 - it was started with a pipe
        process.stdin.write(stdin)
        process.stdin.close()
        try:
            line = _first_line(process, time.monotonic() + READY_SECONDS)
        except EOFError as error:
            words = " ".join(log.read_text(errors="replace").split()[-60:])
            raise DemoError(f"the {name} did not start: {words or 'it said nothing'}") from error
        return Server(name, process, log, line, _shown(command))

    def stop(self, server: Server) -> None:
        """End one server before the others."""
        self._end(server.process)
        self._processes.remove(server.process)

    def stop_all(self) -> None:
        """End everything that still runs, the youngest first."""
        while self._processes:
            self._end(self._processes.pop())

    def _popen(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        *,
        stdin: int,
        stderr: int | IO[bytes],
    ) -> subprocess.Popen[bytes]:
        with self._interrupts.shield():
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=env,
                bufsize=0,
                start_new_session=True,
            )
            self._processes.append(process)
        return process

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def pgward_command(arguments: Sequence[object]) -> list[str]:
    """Return the command line of pgward itself, by this very interpreter."""
    return [sys.executable, "-m", "pgward", *map(str, arguments)]


def _shown(arguments: Sequence[object]) -> str:
    return " ".join(map(str, arguments))


def _first_line(process: subprocess.Popen[bytes], deadline: float) -> str:
    """Read stdout up to the first line end; raise EOFError when it ends or takes too long."""
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    received = b""
    while not received.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            raise EOFError
        byte = process.stdout.read(1)
        if not byte:
            process.wait()
            raise EOFError
        received += byte
    return _text(received).rstrip("\n")


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
