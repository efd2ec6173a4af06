"""Connections to PostgreSQL that end when the server is frozen: libpq itself waits for ever."""

import contextlib
import os
import select
import socket
import threading
import time
import weakref
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

T = TypeVar("T")
HANGS_SECONDS = 120.0
"""The server was told to end a statement in half of it, and does not: it is stopped or frozen."""


class WatchedConnection(psycopg.Connection[Any]):
    """Knows since when it waits for the server."""

    _watch: "Watch | None" = None
    _waits_since: float | None = None

    def wait(self, gen: PQGen[T], *args: Any, **options: Any) -> T:
        """Wait as psycopg does; an end from outside comes out as OperationalError."""
        watch = self._watch
        if watch is None or self._waits_since is not None:
            return super().wait(gen, *args, **options)
        with watch.lock:
            self._waits_since = time.monotonic()
        try:
            return super().wait(gen, *args, **options)
        finally:
            with watch.lock:
                self._waits_since = None


class Watch:
    """The connections of one server; ``look`` is called now and then by another thread."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._open: weakref.WeakSet[WatchedConnection] = weakref.WeakSet()

    def add(self, connection: WatchedConnection) -> None:
        """Look after it from now on."""
        with self.lock:
            connection._watch = self  # noqa: SLF001 - the two are one
            self._open.add(connection)

    def look(self, longest: float = HANGS_SECONDS) -> int:
        """Hang up on servers that answer nothing for so long; return how many connections end."""
        ended = 0
        with self.lock:
            for each in tuple(self._open):
                since = each._waits_since  # noqa: SLF001
                if since is not None and time.monotonic() - since >= longest:
                    _hang_up(each)
                    ended += 1
        return ended


def has_ended(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether the server hung up on a connection that waits for nothing.

    What has come without a question is its last word, or soon read with the next answer.
    """
    if connection.closed:
        return True
    poll = select.poll()
    try:
        poll.register(connection.fileno(), select.POLLIN)
    except psycopg.Error:
        return True
    return bool(poll.poll(0))


def _hang_up(connection: WatchedConnection) -> None:
    """End it under the lock: it waits, so its descriptor is its own."""
    with (
        contextlib.suppress(OSError, psycopg.Error),  # it has ended by itself
        socket.socket(fileno=os.dup(connection.fileno())) as sock,
    ):
        sock.shutdown(socket.SHUT_RDWR)
