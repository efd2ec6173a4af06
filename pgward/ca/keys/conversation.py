"""One run of a helper program: a line in, a line out, in bounded time and size."""

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from typing import IO, cast

from pgward.ca.keys.errors import SigningError

MAX_ANSWER = 64 * 1024
_END_SECONDS = 1.0


class Conversation:
    """A running helper. Its environment is ours, and its stderr too."""

    def __init__(self, program: str) -> None:
        self._program = program
        try:
            self._process = subprocess.Popen(
                [program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,  # Ctrl-C ends us first; and what it started ends with it
            )
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise SigningError(
                f"the helper {program} cannot be started: {reason}",
                hint="it must be an executable file that this account may run",
            ) from error
        self._input = cast("IO[bytes]", self._process.stdin)
        self._output = cast("IO[bytes]", self._process.stdout)
        os.set_blocking(self._input.fileno(), False)
        os.set_blocking(self._output.fileno(), False)

    def exchange(self, line: bytes, seconds: float) -> bytes | None:
        """Send a line; return the answer, or None when the helper ended without any.

        Raises SigningError when it takes too long, or answers too much.
        """
        deadline = time.monotonic() + seconds
        # Where nobody reads any more, what was said before is an answer all the same.
        if self._send(line, deadline) or self._says_something():
            return self._receive(deadline)
        return None

    def ended(self) -> str:
        """Tell how it ended."""
        try:
            status = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return "it closed its output"
        if status < 0:
            return f"killed by {signal.Signals(-status).name}"
        return f"exit status {status}"

    def close(self, *, seconds: float = _END_SECONDS) -> None:
        """End it: its input ends, and after ``seconds`` it is killed with what it started."""
        with self._process:
            for pipe in (self._input, self._output):
                with suppress(OSError):
                    pipe.close()
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def _send(self, line: bytes, deadline: float) -> bool:
        """Write it whole; False when nobody reads any more."""
        left = memoryview(line)
        while left:
            self._wait(self._input.fileno(), selectors.EVENT_WRITE, deadline)
            try:
                left = left[os.write(self._input.fileno(), left) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                return False
        return True

    def _receive(self, deadline: float) -> bytes | None:
        answer = bytearray()
        while b"\n" not in answer:
            if len(answer) > MAX_ANSWER:
                raise SigningError(
                    f"the helper {self._program} answered more than {MAX_ANSWER} bytes"
                )
            self._wait(self._output.fileno(), selectors.EVENT_READ, deadline)
            with suppress(BlockingIOError):
                found = os.read(self._output.fileno(), MAX_ANSWER)
                if not found and answer:
                    raise SigningError(f"the helper {self._program} ended within an answer")
                if not found:
                    return None
                answer += found
        line, _, more = answer.partition(b"\n")
        if more:
            raise SigningError(f"the helper {self._program} answered more than one line")
        return bytes(line)

    def _says_something(self) -> bool:
        return _ready(self._output.fileno(), selectors.EVENT_READ, _END_SECONDS)

    def _wait(self, descriptor: int, event: int, deadline: float) -> None:
        if not _ready(descriptor, event, max(0.0, deadline - time.monotonic())):
            raise SigningError(f"the helper {self._program} did not answer in time")


def _ready(descriptor: int, event: int, seconds: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, event)
        return bool(selector.select(seconds))
