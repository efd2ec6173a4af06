"""The connections through the agent's tunnels: whose they are, and what they carried.

Nothing is counted while nobody looks; the kernel's own counters are read then.
"""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from pgward.system.unix_socket import peer
from pgward.tunnel.local.connection import LocalConnection
from pgward.tunnel.local.counters import counted
from pgward.tunnel.local.tunnel import Tunnel


@dataclass(slots=True)
class _Seen:
    """A connection that was looked at before; ``base`` is what its link had carried by then."""

    number: int
    pid: int | None
    program: str | None
    base: tuple[int, int]


class Traffic:
    """Looks at connections, and remembers what does not change of them."""

    def __init__(self) -> None:
        self._seen: dict[LocalConnection, _Seen] = {}
        self._count = 0
        self._looking = asyncio.Lock()  # two who look at once would number the same ones twice

    async def look(self, tunnels: Mapping[str, Tunnel]) -> list[dict[str, Any]]:
        """Return a row for each connection; bytes go ``up`` to the database, and down."""
        here = [(name, each) for name, tunnel in tunnels.items() for each in tunnel.connections]
        async with self._looking:
            await self._know([each for _, each in here])
        return [self._row(name, each) for name, each in here if each in self._seen]

    async def _know(self, connections: list[LocalConnection]) -> None:
        wanted = set(connections)
        self._seen = {each: seen for each, seen in self._seen.items() if each in wanted}
        new = [each for each in connections if each not in self._seen]
        ends = {each: end for each in new if (end := _ends(each)) is not None}
        owners = await asyncio.to_thread(_owners, frozenset(ends.values())) if ends else {}
        for each in new:
            self._count += 1
            pid, program = owners.get(ends.get(each, _NOWHERE), (None, None))
            if pid is None and (pid := _peer_pid(each.client)) is not None:
                program = _program(pid)
            self._seen[each] = _Seen(self._count, pid, program, _link_counts(each))

    def _row(self, service: str, connection: LocalConnection) -> dict[str, Any]:
        seen = self._seen[connection]
        came = counted(connection.client)
        if came is None:  # a Unix socket: what its link to the edge carried since the first look
            now = _link_counts(connection)
            came = tuple(max(0, n - b) for n, b in zip(now, seen.base, strict=True))  # type: ignore[assignment] # two of them
        up, down = came or (0, 0)
        return {
            "number": seen.number,
            "service": service,
            "pid": seen.pid,
            "program": seen.program,
            "seconds": round(connection.age, 1),
            "up": up,
            "down": down,
        }


_Ends = tuple[str, int, str, int]
_NOWHERE: _Ends = ("", 0, "", 0)


def _ends(connection: LocalConnection) -> _Ends | None:
    """Return the client's address and ours, as its own process has them."""
    client = connection.client
    if client.family != socket.AF_INET:
        return None
    try:
        theirs, ours = client.getpeername(), client.getsockname()
    except OSError:
        return None  # it has just ended
    return (*theirs[:2], *ours[:2])


def _owners(wanted: frozenset[_Ends]) -> dict[_Ends, tuple[int | None, str | None]]:
    """Return pid and program of those who hold these ends, as far as the system tells."""
    try:
        connections = psutil.net_connections(kind="tcp4")
    except psutil.AccessDenied:  # macOS shows other processes' sockets to root only
        return {}
    found: dict[_Ends, tuple[int | None, str | None]] = {}
    for each in connections:
        if each.laddr and each.raddr and each.pid:
            ends = (each.laddr.ip, each.laddr.port, each.raddr.ip, each.raddr.port)
            if ends in wanted:
                found[ends] = (each.pid, _program(each.pid))
    return found


def _peer_pid(client: socket.socket) -> int | None:
    """Return who is at the other end of a Unix socket, unless that is ourselves."""
    if client.family != socket.AF_UNIX:
        return None
    try:
        pid, _ = peer(client)
    except OSError:
        return None
    return None if pid == psutil.Process().pid else pid


def _program(pid: int) -> str | None:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return None


def _link_counts(connection: LocalConnection) -> tuple[int, int]:
    if connection.link is None:
        return 0, 0
    came, went = counted(connection.link.tls.socket) or (0, 0)
    return went, came
