"""Cancel requests: the keys that clients of aware sessions get, and what each is for.

A key is the edge's own, never PostgreSQL's. It comes back on a connection of its own (manual,
chapter 54.2.9), which any worker of the edge may have accepted: so the process id that a client is
told names the worker, and a request for another one is put into its mailbox.
"""

import asyncio
import hmac
import logging
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

log = logging.getLogger("pgward.edge")

SHORT, LONG = 4, 32  # octets of a key in protocol 3.0 and in 3.2
_WORKER_BITS = 6  # 64 workers at most
_RANDOM_BITS = 24
_MOST_BYTES = 4 + 256


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


@dataclass(frozen=True, slots=True)
class _Issued:
    key: bytes
    cancel: Callable[[], None]


class Cancels:
    """The keys of one worker's sessions; the others' are known by their mailboxes."""

    def __init__(self, worker: int = 0, mailboxes: Sequence[Mailbox] = ()) -> None:
        self._worker = worker
        self._mailboxes = mailboxes
        self._issued: dict[int, _Issued] = {}

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read this worker's mailbox from now on."""
        if self._mailboxes:
            incoming = self._mailboxes[self._worker].incoming
            loop.add_reader(incoming.fileno(), self._receive, incoming)

    def issue(self, cancel: Callable[[], None], *, long: bool) -> tuple[int, bytes]:
        """Return a process id and a key with which ``cancel`` is called."""
        key = secrets.token_bytes(LONG if long else SHORT)
        while True:
            number = 1 + secrets.randbelow((1 << _RANDOM_BITS) - 1)
            pid = number << _WORKER_BITS | self._worker
            if pid not in self._issued:
                self._issued[pid] = _Issued(key, cancel)
                return pid, key

    def forget(self, pid: int) -> None:
        """Take a key back; safe to call again."""
        self._issued.pop(pid, None)

    def request(self, pid: int, key: bytes) -> None:
        """Cancel what the key is for; a wrong one does nothing, and nobody is told."""
        worker = pid & ((1 << _WORKER_BITS) - 1)
        if worker == self._worker:
            issued = self._issued.get(pid)
            if issued is not None and hmac.compare_digest(issued.key, key):
                issued.cancel()
        elif worker < len(self._mailboxes):
            try:
                self._mailboxes[worker].outgoing.send(pid.to_bytes(4) + key)
            except OSError as error:
                log.warning("worker %d does not take a cancel request: %s", worker, error.strerror)

    def _receive(self, incoming: socket.socket) -> None:
        try:
            said = incoming.recv(_MOST_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        pid = int.from_bytes(said[:4])
        if pid & ((1 << _WORKER_BITS) - 1) == self._worker:
            self.request(pid, said[4:])
