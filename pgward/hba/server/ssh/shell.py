"""A shell on the other machine that does one command after the other, as one account.

What ``scripts.LOOP`` answers stands between marks with a word that is new each time, so that
whatever else is printed there, by a profile or before us, is no answer.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from pgward.core.errors import PgwardError, UnavailableError
from pgward.hba.server.ssh import scripts
from pgward.hba.server.ssh.connection import AGAIN, Connection, Done
from pgward.hba.server.ssh.scripts import Command
from pgward.system.files import MOST_BYTES

_MOST_OUTPUT = MOST_BYTES + 4 * 1024 * 1024
_MOST_LINE = 256 * 1024  # a shell reads a line byte by byte
_CHUNK = 64 * 1024
_CLOSE_SECONDS = 10.0
_SHOWN = 200
_T = TypeVar("_T")


class _EndedError(Exception):
    """The shell ended; what it said was no answer."""


class Shell:
    """Started when the first command is given, and anew after one that took too long."""

    def __init__(self, connection: Connection, prefix: Sequence[str] = ()) -> None:
        self._connection = connection
        self._start = scripts.start(prefix)
        self._talk: _Talk | None = None

    def run(self, command: Command, timeout: float) -> Done:
        """Do a command and return how it ended; raise UnavailableError, TimeoutError."""
        return self.run_all([command], timeout)[0]

    def run_all(
        self, commands: Sequence[Command], timeout: float, *, stop: bool = True
    ) -> list[Done]:
        """Do them one after the other, without waiting in between.

        With ``stop`` none is done after one that fails, which is the last that is returned.
        """
        done: list[Done] = []
        for part in _parts(commands):
            if len(part) == 1 and len(part[0].data) > _MOST_LINE:
                done.append(self._alone(part[0], timeout))
            else:
                done += self._wait(self._in_turn(part, stop=stop), timeout)
            if stop and done[-1].status:
                break
        return done

    def hold(self, command: Command, timeout: float) -> "Held | Done":
        """Start a command that says ``held`` and then waits for the end of its input."""
        talk = _Talk()
        return self._connection.wait(self._held(talk, command), timeout)

    def close(self) -> None:
        """End the shell, which gets to the end of its input."""
        if self._talk is not None:
            talk, self._talk = self._talk, None
            self._connection.soon(talk.end)

    def _wait(self, work: Any, timeout: float) -> list[Done]:
        try:
            done: list[Done] = self._connection.wait(work, timeout)
        except BaseException:  # an answer that comes yet must not be taken for the next one's
            self.close()
            raise
        return done

    async def _in_turn(self, commands: Sequence[Command], *, stop: bool) -> list[Done]:
        if self._talk is None:
            talk = _Talk()
            await talk.begin(self._connection, self._start)
            self._talk = talk
        talk = self._talk
        words = [secrets.token_hex(16) for _ in commands]
        for number, (word, command) in enumerate(zip(words, commands, strict=True)):
            talk.tell(command.line(word, after=stop and number > 0))
        found = []
        for word in words:
            found.append(await self._answer(talk, word))
            if stop and found[-1].status:
                # The others were not begun, and say so.
                for other in words[len(found) :]:
                    await self._answer(talk, other)
                break
        return found

    def _alone(self, command: Command, timeout: float) -> Done:
        """Do a command with much content in a shell of its own, whose input that is."""

        async def work() -> Done:
            talk, word = _Talk(), secrets.token_hex(16)
            await talk.begin(self._connection, self._start)
            try:
                talk.tell(command.line(word, open_input=True))
                talk.tell(command.data)
                talk.end()
                return await self._answer(talk, word)
            finally:
                talk.end()

        return self._connection.wait(work(), timeout)

    async def _held(self, talk: "_Talk", command: Command) -> "Held | Done":
        word = secrets.token_hex(16)
        await talk.begin(self._connection, self._start)
        talk.tell(command.line(word, open_input=True))
        if await talk.says(word, b"held\n"):
            return Held(self._connection, talk)
        talk.end()
        return await self._answer(talk, word)

    async def _answer(self, talk: "_Talk", word: str) -> Done:
        """Return an answer; what ended before its first one is taken for it."""
        try:
            done = await talk.answer(word)
        except _EndedError as ended:
            status, out, err = await talk.ended()
            if status is None or status < 0 or talk.answered:
                raise UnavailableError(
                    f"the SSH connection to {self._connection.target} was lost, or the shell there "
                    "was killed",
                    hint=AGAIN,
                ) from ended
            return Done(status, out[:_SHOWN], err.decode(errors="replace"))
        talk.answered = True
        return done


class Held:
    """A command that runs until it is let go."""

    def __init__(self, connection: Connection, talk: "_Talk") -> None:
        self._connection, self._talk = connection, talk

    def release(self) -> None:
        """End its input, and wait for its end."""
        with contextlib.suppress(PgwardError, TimeoutError):  # it ends with the connection, too
            self._connection.wait(self._release(), _CLOSE_SECONDS)

    async def _release(self) -> None:
        self._talk.end()
        await self._talk.ended()


class _Talk:
    """One channel: lines there, and answers back, within bounds."""

    def __init__(self) -> None:
        self.answered = False
        self._process: Any = None
        self._out, self._err = bytearray(), bytearray()
        self._marked: str | None = None

    async def begin(self, connection: Connection, line: str) -> None:
        self._process = await connection.process(line)

    def tell(self, data: bytes) -> None:
        # A shell that has ended already has said why: that is read next.
        with contextlib.suppress(OSError):
            self._process.stdin.write(data)

    def end(self) -> None:
        """Send the end of input; what goes on there then ends by itself."""
        with contextlib.suppress(OSError):
            self._process.stdin.write_eof()

    async def ended(self) -> tuple[int | None, bytes, bytes]:
        """Return the status of the shell, and what it said last on both streams."""
        await _both(
            self._more(self._process.stdout, self._out),
            self._more(self._process.stderr, self._err),
        )
        await self._process.wait_closed()
        return self._process.exit_status, bytes(self._out), bytes(self._err)

    async def says(self, word: str, first: bytes) -> bool:
        """Tell whether the output of a command begins with ``first``."""
        try:
            await self._mark(word)
            while len(self._out) < len(first) and await self._more(self._process.stdout, self._out):
                pass
        except _EndedError:
            return False
        return self._out.startswith(first)

    async def answer(self, word: str) -> Done:
        await self._mark(word)
        (out, status), (err, _) = await _both(
            self._ending(self._process.stdout, self._out, word),
            self._ending(self._process.stderr, self._err, word),
        )
        return Done(status, out, err.decode(errors="replace"))

    async def _mark(self, word: str) -> None:
        """Leave out what comes before an answer begins."""
        if self._marked != word:
            begin = f"{word}\n".encode()
            await _both(
                self._upto(self._process.stdout, self._out, begin),
                self._upto(self._process.stderr, self._err, begin),
            )
            self._marked = word

    async def _ending(self, stream: Any, buffer: bytearray, word: str) -> tuple[bytes, int]:
        found = await self._upto(stream, buffer, f"\n{word} ".encode())
        status = await self._upto(stream, buffer, b"\n")
        if not status.isdigit():
            raise PgwardError(f"the shell there said {status[:_SHOWN]!r} for a status")
        return found, int(status)

    async def _upto(self, stream: Any, buffer: bytearray, mark: bytes) -> bytes:
        """Take off what stands before a mark, and the mark."""
        start = 0
        while (at := buffer.find(mark, start)) < 0:
            start = max(0, len(buffer) - len(mark))
            if len(buffer) > _MOST_OUTPUT:
                raise PgwardError(
                    f"a command there printed more than {_MOST_OUTPUT} bytes",
                    hint="look at what its shell or its programs print",
                )
            if not await self._more(stream, buffer):
                raise _EndedError
        found = bytes(buffer[:at])
        del buffer[: at + len(mark)]
        return found

    @staticmethod
    async def _more(stream: Any, buffer: bytearray) -> bool:
        more = await stream.read(_CHUNK)
        buffer += more
        return bool(more)


async def _both(one: Coroutine[Any, Any, _T], other: Coroutine[Any, Any, _T]) -> tuple[_T, _T]:
    """Wait for both; when one fails the other goes no further, so that its stream can be read."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = group.create_task(one), group.create_task(other)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return tasks[0].result(), tasks[1].result()


def _parts(commands: Sequence[Command]) -> list[list[Command]]:
    """Return them in parts: one with much content goes alone."""
    parts: list[list[Command]] = []
    for command in commands:
        large = len(command.data) > _MOST_LINE
        if large or not parts or len(parts[-1][0].data) > _MOST_LINE:
            parts.append([command])
        else:
            parts[-1].append(command)
    return parts
