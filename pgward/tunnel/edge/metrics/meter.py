"""Counts what happens in one worker of an edge; bytes are counted by the kernel.

TCP_INFO (tcp(7), linux/tcp.h) has what was received and what the other end has acknowledged.
"""

import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from pgward.tunnel.edge.metrics import board
from pgward.tunnel.edge.metrics.board import Pane
from pgward.tunnel.preface import RefusedError

LOOK_SECONDS: Final = 5.0
_TCP_INFO: Final = 11
_BYTES: Final = struct.Struct("=QQ")  # tcpi_bytes_acked and tcpi_bytes_received
_BYTES_AT: Final = 120
Traffic = tuple[int, int]
"""Bytes sent and received."""


class Connected(Protocol):
    """What has a connection."""

    @property
    def socket(self) -> socket.socket:
        """The client's connection."""
        ...


class Metered(Connected, Protocol):
    """A link, as far as it is counted."""

    service: str


@dataclass(slots=True)
class Meter:
    """What is counted of a worker; ``waiting`` and ``links`` tell how many there are."""

    pane: Pane
    mode: Callable[[str], str]
    waiting: Callable[[], int]
    links: Callable[[], int]
    later: Callable[..., object] = lambda *_: None
    _running: dict[Any, tuple[str, Traffic]] = field(default_factory=dict)
    _cpu: int = 0

    def session(self, action: str, outcome: str, link: Metered, reason: str | None) -> None:
        """Take what is put on record of a session."""
        if action == "session.open" and outcome == "ok":
            mode = self.mode(link.service)
            self._running[link] = mode, traffic(link)
            self.pane.add(board.OPENED, mode)
            self.pane.add(board.SESSIONS, mode)
        elif action == "session.close" and link in self._running:
            self._take(link)
            self.pane.add(board.SESSIONS, self._running.pop(link)[0], by=-1)
        elif action == "session.cut" and reason in board.CUT.values:
            self.pane.add(board.CUT, reason)

    def refusal(self, why: RefusedError) -> None:
        """Take that somebody was refused, at the door or a session."""
        self.pane.add(board.REFUSED, why.reason.name.lower())

    def handshake(self, outcome: str) -> None:
        """Take what became of a connection at the door."""
        self.pane.add(board.HANDSHAKES, outcome)

    def denial(self, *, by_policy: bool) -> None:
        """Take that a statement was denied."""
        self.pane.add(board.DENIED, "policy" if by_policy else "role")

    def slowed(self, sessions: int) -> None:
        """Take how many sessions are slowed."""
        self.pane.set(board.SLOWED, "", sessions)

    def look(self) -> None:
        """See how many there are, and what they have carried; again after a while."""
        self.pane.set(board.WAITING, "", self.waiting())
        self.pane.set(board.LINKS, "", self.links())
        for link in self._running:
            self._take(link)
        times = os.times()
        cpu = int(board.CPU.parts * (times.user + times.system))
        self.pane.add(board.CPU, by=cpu - self._cpu)
        self._cpu = cpu
        self.later(LOOK_SECONDS, self.look)

    def _take(self, link: Any) -> None:
        """Count what a link has carried since the last look."""
        mode, before = self._running[link]
        sent, received = (max(pair) for pair in zip(before, traffic(link), strict=True))
        self.pane.add(board.SENT, by=sent - before[0])
        self.pane.add(board.RECEIVED, by=received - before[1])
        self._running[link] = mode, (sent, received)


def traffic(link: Connected) -> Traffic:
    """Return what the kernel has counted of a connection; nothing where it does not tell."""
    try:
        info = link.socket.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _BYTES_AT + _BYTES.size)
        sent, received = _BYTES.unpack_from(info, _BYTES_AT)
    except (OSError, struct.error):  # it is no TCP, is closed, or the system is another
        return 0, 0
    return sent, received
