"""Cancel requests: the keys that clients of aware sessions get, and what each is for.

A key is the edge's own, never PostgreSQL's. The process id is PostgreSQL's: clients compare it to
who notifies them, and to what pg_stat_activity shows. A key comes back on a connection of its own
(manual, chapter 54.2.9), which any worker of the edge may have accepted: so one that is not known
to a worker is put into the mailboxes of all others.
"""

import asyncio
import hmac
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Self

Cancel = Callable[[], Awaitable[None]]
log = logging.getLogger("pgward.edge")

SHORT, LONG = 4, 32  # octets of a key in protocol 3.0 and in 3.2
_PID_BITS = 31
# A letter between workers: what it is, who sends it, a tag, and for _ASK process id and key.
_ASK, _DONE = 1, 2
_TAG = 8
_HEAD = 2 + _TAG
_MOST_BYTES = _HEAD + 4 + 256
_ANSWER_SECONDS = 15.0
TELL_EVERY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Issued:
    key: bytes
    cancel: Cancel


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Carries requests to one worker; made before the workers are forked, and used by all."""

    incoming: socket.socket
    outgoing: socket.socket

    @classmethod
    def new(cls) -> Self:
        """Make one whose ends block nobody."""
        incoming, outgoing = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (incoming, outgoing):
            end.setblocking(False)
        return cls(incoming, outgoing)

    def close(self) -> None:
        """Close both ends in this process."""
        self.incoming.close()
        self.outgoing.close()


@contextmanager
def mailboxes(workers: int) -> Iterator[tuple[Mailbox, ...]]:
    """Give a mailbox for each worker; they are closed at the end."""
    with ExitStack() as stack:
        made = tuple(Mailbox.new() for _ in range(workers))
        for each in made:
            stack.callback(each.close)
        yield made


class Cancels:
    """The keys of one worker's sessions; the others' are known by their mailboxes.

    Who cancels waits for the end of its connection, and may send its next query then: so a
    request is over when PostgreSQL has it, and not before.
    """

    def __init__(self, worker: int = 0, mailboxes: Sequence[Mailbox] = ()) -> None:
        self._worker = worker
        self._mailboxes = mailboxes
        self._issued: dict[int, list[_Issued]] = {}  # several servers may have the same process id
        self._asked: dict[bytes, asyncio.Future[None]] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._quiet_until = 0.0

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read this worker's mailbox from now on."""
        if self._mailboxes:
            incoming = self._mailboxes[self._worker].incoming
            loop.add_reader(incoming.fileno(), self._receive, incoming)

    def issue(self, cancel: Cancel, *, long: bool, pid: int = 0) -> tuple[int, bytes]:
        """Return a process id and a key with which ``cancel`` is called.

        ``pid`` is PostgreSQL's; without one, which some poolers do not tell, it is any.
        """
        pid = pid or 1 + secrets.randbelow((1 << _PID_BITS) - 1)
        key = secrets.token_bytes(LONG if long else SHORT)
        self._issued.setdefault(pid, []).append(_Issued(key, cancel))
        return pid, key

    def forget(self, pid: int, key: bytes) -> None:
        """Take a key back; safe to call again."""
        left = [each for each in self._issued.pop(pid, ()) if each.key != key]
        if left:
            self._issued[pid] = left

    async def request(self, pid: int, key: bytes) -> None:
        """Cancel what the key is for; a wrong one does nothing, and nobody is told."""
        if await self._cancel(pid, key):
            return
        request = pid.to_bytes(4) + key
        others = (at for at in range(len(self._mailboxes)) if at != self._worker)
        await asyncio.gather(*(self._pass_on(worker, request) for worker in others))

    async def _cancel(self, pid: int, key: bytes) -> bool:
        """Cancel if the key is of this worker; tell whether it is."""
        for each in self._issued.get(pid, ()):
            if hmac.compare_digest(each.key, key):
                await each.cancel()
                return True
        return False

    async def _pass_on(self, worker: int, request: bytes) -> None:
        tag = secrets.token_bytes(_TAG)
        done = self._asked[tag] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                if self._post(worker, bytes((_ASK, self._worker)) + tag + request):
                    await done
        except TimeoutError:
            self._warn("worker %d does not answer a cancel request", worker)
        finally:
            del self._asked[tag]

    def _post(self, worker: int, letter: bytes) -> bool:
        try:
            self._mailboxes[worker].outgoing.send(letter)
        except OSError as error:
            self._warn("worker %d does not take a cancel request: %s", worker, error.strerror)
            return False
        return True

    def _warn(self, message: str, *values: object) -> None:
        """Say so once in a while: anybody may send requests, and must not fill the disk."""
        now = asyncio.get_running_loop().time()
        if now >= self._quiet_until:
            self._quiet_until = now + TELL_EVERY_SECONDS
            log.warning(message, *values)

    def _receive(self, incoming: socket.socket) -> None:
        try:
            letter = incoming.recv(_MOST_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        kind, sender, tag, request = letter[0], letter[1], letter[2:_HEAD], letter[_HEAD:]
        if kind == _DONE:
            asked = self._asked.get(tag)
            if asked is not None and not asked.done():
                asked.set_result(None)
            return
        task = asyncio.get_running_loop().create_task(self._serve(sender, tag, request))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, sender: int, tag: bytes, request: bytes) -> None:
        await self._cancel(int.from_bytes(request[:4]), request[4:])
        self._post(sender, bytes((_DONE, self._worker)) + tag)
