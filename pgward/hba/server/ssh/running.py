"""Scripts as one account, in the order in which they were asked for, with few journeys there.

A journey takes as long as the way is far, so changes can be gathered, and what is looked at
together is asked for at once.
"""

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from pgward.core.errors import ConflictError, UnavailableError
from pgward.hba.server.ssh import scripts
from pgward.hba.server.ssh.connection import AGAIN, Done
from pgward.hba.server.ssh.scripts import Command
from pgward.hba.server.ssh.shell import Shell

_SECONDS = 120.0
_BYTES_A_SECOND = 32 * 1024  # of a slow line
_WAIT_SECONDS = 60  # for a command that we no longer hear


@dataclass(frozen=True, slots=True)
class Change:
    """A command that changes something, and what raises an error when it could not."""

    command: Command
    check: Callable[[Done], None]


class Runner:
    """Questions and changes. A change is done only while our session is the one that counts."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._fence: tuple[str, str] | None = None
        self._gathered: list[Change] | None = None
        self._seen: dict[Command, Done] | None = None
        self._doubt = False

    def ask(self, script: str, *arguments: str, data: bytes = b"") -> Done:
        """Return what a script that changes nothing says; raise UnavailableError."""
        command = Command(script, arguments, data)
        if self._seen is not None and command in self._seen:
            return self._seen[command]
        with _in_time():
            done = self.ask_in(command, _SECONDS)
        if self._seen is not None:
            self._seen[command] = done
        return done

    def ask_in(self, command: Command, timeout: float) -> Done:
        """Return what a script says now; raise TimeoutError when it takes longer, too."""
        self._flush()
        return self._shell.run(command, timeout)

    def ask_all(self, commands: Iterable[Command]) -> list[Done]:
        """Return what scripts say, on one journey."""
        wanted = list(commands)
        seen = {} if self._seen is None else self._seen
        if missing := [each for each in dict.fromkeys(wanted) if each not in seen]:
            self._flush()
            with _in_time():
                found = self._shell.run_all(missing, _SECONDS, stop=False)
            seen.update(zip(missing, found, strict=True))
        return [seen[each] for each in wanted]

    def ask_now(self, commands: list[Command], timeout: float) -> list[Done]:
        """Return what scripts say now, on one journey; raise TimeoutError, too."""
        self._flush()
        return self._shell.run_all(commands, timeout, stop=False)

    def ask_fenced(self, script: str, *arguments: str) -> Done:
        """Do what changes something, while our session counts, and return how it ended."""
        found: list[Done] = []
        self._flush()
        self._send([Change(Command(script, arguments), found.append)])
        return found[0]

    def change(self, change: Change) -> None:
        """Change something, or gather it within ``together``; raises what its check does."""
        if self._seen is not None:
            self._seen.clear()
        if self._gathered is not None:
            self._gathered.append(change)
        else:
            self._send([change])

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Gather changes until a question or the end, and do them in their order on one journey.

        After one that fails none is done, and its error is raised. Where the block fails, what is
        gathered is left.
        """
        if self._gathered is not None:
            yield
            return
        self._gathered = []
        try:
            yield
            self._flush()
        finally:
            self._gathered = None

    @contextlib.contextmanager
    def looking(self, first: Iterable[Command] = ()) -> Iterator[None]:
        """Answer a question that is asked twice as the first time, unless we changed something."""
        if self._seen is not None:
            yield
            return
        self._seen = {}
        try:
            self.ask_all(first)
            yield
        finally:
            self._seen = None

    @contextlib.contextmanager
    def session(self, path: str, word: str) -> Iterator[None]:
        """Have changes done only while that file has that word."""
        self._fence, self._doubt = (path, word), False
        try:
            yield
        finally:
            self._fence = None

    def _flush(self) -> None:
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            self._send(gathered)

    def _send(self, changes: list[Change]) -> None:
        if self._doubt and self._fence is not None:
            self._begin_anew(*self._fence)
        fenced = [replace(each.command, fence=self._fence) for each in changes]
        size = sum(len(each.data) for each in fenced)
        try:
            with _in_time():
                done = self._shell.run_all(fenced, _SECONDS + size / _BYTES_A_SECOND, stop=True)
        except BaseException:  # Ctrl-C as well: what we no longer hear of may go on there
            self._doubt = True
            raise
        for change, each in zip(changes, done, strict=False):
            change.check(each)

    def _begin_anew(self, path: str, word: str) -> None:
        """Wait for the end of what we no longer hear, and let none of the rest of it begin."""
        fresh = secrets.token_hex(16)
        again = Command(scripts.RENEW, (path, word, fresh, str(_WAIT_SECONDS)))
        with _in_time():
            done = self._shell.run(again, 2.0 * _WAIT_SECONDS)
        check_fence(done, path)
        if done.status:
            raise UnavailableError(
                "a command whose end we did not hear still goes on there", hint=AGAIN
            )
        self._fence, self._doubt = (path, fresh), False


def check_fence(done: Done, path: object) -> None:
    """Raise ConflictError when nothing was done, as it is another run's turn."""
    if done.status == scripts.FENCED:
        raise ConflictError(
            f"another run of pgward works on this server since; {path} was left as it was",
            hint="look at what it did, then try again",
        )


@contextlib.contextmanager
def _in_time() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise UnavailableError("the other machine did not answer in time", hint=AGAIN) from error
