"""The hot path: bytes between a TLS socket and a plain one, on their file descriptors.

One callback of the event loop for each direction: read into one shared buffer, send at
once. A writer is registered only when the peer's socket is full; until it drains, that
direction stops reading, so both ends feel backpressure and nothing is buffered without
bound. No transports, no streams, no allocation for a message.

A direction is a closure over bound methods (attribute look-ups cost 10 % here), and the
rare cases (full sockets, ends, errors) live outside it.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from pgward.tunnel.preface import CONTROL_SIZE, Controls, Reason
from pgward.tunnel.tls import TlsConnection

BUFFER_SIZE = 64 * 1024
# The largest TLS 1.3 record carries 16 KiB (RFC 8446 section 5.1).
RECORD_SIZE = 16 * 1024

# More than a socket's buffer holds, so that one sweep reaches the error behind the data.
_READS_OF_A_FAILED_SOCKET = 256

# One buffer serves every connection of the process: a callback never waits while it uses it.
_buffer = bytearray(BUFFER_SIZE)
_view = memoryview(_buffer)


class Plain(Protocol):
    """The side that is not the link: a socket, or what behaves like a non-blocking one."""

    def fileno(self) -> int:
        """Return the file descriptor."""
        ...

    def recv_into(self, buffer: bytearray | memoryview, /) -> int:
        """Read; return how much, 0 at the end."""
        ...

    def send(self, data: Any, /) -> int:
        """Write; return how much was taken."""
        ...

    def shutdown(self, how: int, /) -> None:
        """End a direction."""
        ...


class Relay:
    """One session: relays until both directions have ended, or one end breaks.

    ``on_end(clean, reason)`` is called once, with no callback registered any more and both
    sockets still open: ``clean`` says that the link may carry another session, ``reason``
    why the peer cut it, if it did. With ``controls`` None (a peer that is no tunnel of
    ours) the TLS connection ends with the session.
    """

    __slots__ = (
        "_breaks",
        "_controls",
        "_ended",
        "_inbound",
        "_loop",
        "_on_end",
        "_outbound",
        "_plain",
        "_plain_fd",
        "_tls",
        "_tls_fd",
        "_to_plain_done",
        "_to_tls_done",
        "_waiting_plain",
        "_waiting_tls",
        "plain_ended_first",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tls: TlsConnection,
        plain: Plain,
        controls: Controls | None,
        on_end: Callable[[bool, Reason | None], None],
    ) -> None:
        self._loop = loop
        self._tls = tls
        self._plain = plain
        self._tls_fd = tls.fileno()
        self._plain_fd = plain.fileno()
        self._controls = controls
        self._on_end = on_end
        self._ended = False
        self._breaks = False
        self._to_tls_done = False
        self._to_plain_done = False
        self.plain_ended_first = False
        self._waiting_tls: bytes | None = None  # what the TLS socket has not taken yet
        self._waiting_plain: bytes | None = None  # what the plain socket has not taken yet
        self._inbound = self._make_inbound()
        self._outbound = self._make_outbound()

    def start(self, first: bytes = b"", outgoing: bytes = b"") -> None:
        """Register both directions.

        ``first`` is a record that was read from the TLS side already, a control perhaps;
        ``outgoing`` is what was read from the plain one.
        """
        loop = self._loop
        loop.add_reader(self._tls_fd, self._inbound)
        loop.add_reader(self._plain_fd, self._outbound)
        if outgoing:
            self._write_tls(outgoing)
        if first and not (len(first) == CONTROL_SIZE and self._control(first)):
            self._send_plain(first)

    def stop(self) -> None:
        """Take both directions from the loop, without a call of ``on_end``."""
        if not self._ended:
            self._ended = True
            loop = self._loop
            for fd in (self._tls_fd, self._plain_fd):
                loop.remove_reader(fd)
                loop.remove_writer(fd)
            self._waiting_tls = self._waiting_plain = None
            # The closures refer back to this object: let go, for the collector is off.
            del self._inbound, self._outbound

    @property
    def descriptors(self) -> tuple[int, int]:
        """The file descriptors of the TLS and of the plain socket."""
        return self._tls_fd, self._plain_fd

    def read_on(self, fd: int) -> None:
        """Read what a socket that has failed still holds, up to its error (see ``sweep``)."""
        for _ in range(_READS_OF_A_FAILED_SOCKET):
            if self._ended:
                return
            if fd == self._tls_fd:
                if self._waiting_plain is not None or self._to_plain_done:
                    return
                self._inbound()
            else:
                if self._waiting_tls is not None or self._to_tls_done:
                    return
                self._outbound()

    # --- the two hot directions -------------------------------------------------------

    def _make_outbound(self) -> Callable[[], None]:
        """Return the callback plain → TLS."""
        receive, write, buffer, view = self._plain.recv_into, self._tls.write, _buffer, _view
        full, failed, plain_ended = self._tls_full, self._failed, self._plain_ended
        broke, tls_fd = self._broke, self._tls_fd

        def outbound() -> None:
            try:
                size = receive(buffer)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                failed()
                return
            if not size:
                plain_ended()
                return
            try:
                write(view[:size])
            except ssl.SSLWantWriteError:
                full(size)
            except (ssl.SSLError, OSError):
                broke(tls_fd)

        return outbound

    def _make_inbound(self) -> Callable[[], None]:  # noqa: C901 - one flat callback is the fastest
        """Return the callback TLS → plain: records are gathered while more are here."""
        read, send, buffer, view = self._tls.read_into, self._plain.send, _buffer, _view
        plain_full, failed, tls_ended = self._plain_full, self._failed, self._tls_ended
        control, retry, gather = self._control, self._read_wants_write, self._gather
        control_size = CONTROL_SIZE if self._controls else -1
        broke, plain_fd = self._broke, self._plain_fd

        def inbound() -> None:  # noqa: C901 - see above
            try:
                size = read(BUFFER_SIZE, buffer)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLWantWriteError:
                retry()
                return
            except ssl.SSLZeroReturnError:
                size = 0
            except (ssl.SSLError, OSError):
                failed()
                return
            if not size:
                tls_ended()
                return
            if size == control_size and control(bytes(view[:size])):
                return
            after = None
            if size == RECORD_SIZE:
                size, after = gather()
            try:
                sent = send(view[:size])
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                broke(plain_fd)
                return
            if sent != size:
                plain_full(bytes(view[sent:size]))
            if after is not None:
                after()

        return inbound

    def _gather(self) -> tuple[int, Callable[[], object] | None]:
        """Read on behind one full record; return the bytes in the buffer and what ended it."""
        size, last = RECORD_SIZE, RECORD_SIZE
        while last == RECORD_SIZE and size <= BUFFER_SIZE - RECORD_SIZE:
            try:
                last = self._tls.read_into(RECORD_SIZE, _view[size:])
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            except ssl.SSLZeroReturnError:
                last = 0
            except (ssl.SSLError, OSError):
                return size, self._failed
            if not last:
                return size, self._tls_ended
            if last == CONTROL_SIZE and self._is_control(
                record := bytes(_view[size : size + last])
            ):
                return size, partial(self._control, record)
            size += last
        return size, None

    # --- full sockets -----------------------------------------------------------------

    def _write_tls(self, data: bytes) -> None:
        try:
            self._tls.write(data)
        except ssl.SSLWantWriteError:
            self._wait_tls(data)
        except (ssl.SSLError, OSError):
            self._broke(self._tls_fd)

    def _tls_full(self, size: int) -> None:
        self._wait_tls(bytes(_view[:size]))

    def _wait_tls(self, data: bytes) -> None:
        # OpenSSL has begun this write: the same bytes must be offered again (SSL_write).
        self._waiting_tls = data
        self._loop.remove_reader(self._plain_fd)
        self._loop.add_writer(self._tls_fd, self._flush_tls, data)

    def _flush_tls(self, data: bytes) -> None:
        try:
            self._tls.write(data)
        except ssl.SSLWantWriteError:
            return
        except (ssl.SSLError, OSError):
            self._broke(self._tls_fd)
            return
        self._waiting_tls = None
        self._loop.remove_writer(self._tls_fd)
        if not self._to_tls_done:
            reader = self._last_words if self._to_plain_done else self._outbound
            self._loop.add_reader(self._plain_fd, reader)
        self._finish_if_done()

    def _send_plain(self, data: bytes) -> None:
        try:
            sent = self._plain.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._broke(self._plain_fd)
            return
        if sent != len(data):
            self._plain_full(data[sent:])

    def _plain_full(self, rest: bytes) -> None:
        self._waiting_plain = rest
        self._loop.remove_reader(self._tls_fd)
        self._loop.add_writer(self._plain_fd, self._flush_plain)

    def _flush_plain(self) -> None:
        rest = self._waiting_plain or b""
        try:
            sent = self._plain.send(rest)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._drop_rest()
            return
        if sent < len(rest):
            self._waiting_plain = rest[sent:]
            return
        self._waiting_plain = None
        self._loop.remove_writer(self._plain_fd)
        if self._to_plain_done:
            self._half_close_plain()
            self._finish_if_done()
        else:
            self._hear_tls()

    def _hear_tls(self) -> None:
        """Read from the TLS side again."""
        self._loop.add_reader(self._tls_fd, self._inbound)
        # A record may wait inside OpenSSL, where the event loop cannot see it.
        if self._tls.pending():
            self._inbound()

    def _drop_rest(self) -> None:
        """Take that the plain peer is gone: with both ends told, the link itself is fine."""
        if self._to_tls_done and self._to_plain_done:
            self._waiting_plain = None
            self._finish_if_done()
        else:
            self._broke(self._plain_fd)

    def _read_wants_write(self) -> None:
        """Retry a read once the socket takes what TLS itself must send (a key update)."""
        if self._waiting_tls is None:
            self._loop.add_writer(self._tls_fd, self._retry_read)

    def _retry_read(self) -> None:
        self._loop.remove_writer(self._tls_fd)
        self._inbound()

    # --- ends -------------------------------------------------------------------------

    def _plain_ended(self) -> None:
        """Tell the TLS peer that the plain one has said its last byte."""
        self._loop.remove_reader(self._plain_fd)
        self._to_tls_done = True
        self.plain_ended_first = not self._to_plain_done
        if self._controls is not None:
            self._write_tls(self._controls.end)
            self._finish_if_done()
        else:
            self._end(clean=False, reason=None)

    def _tls_ended(self) -> None:
        """Take a close of the TLS peer: an end from a plain client, a break of a link."""
        if self._controls is not None or self._to_tls_done:
            self._end(clean=False, reason=None)
            return
        self._to_plain_ended()

    def _to_plain_ended(self) -> None:
        self._loop.remove_reader(self._tls_fd)
        self._to_plain_done = True
        if self._waiting_plain is None:
            self._half_close_plain()
        if not self._to_tls_done and not self._ended and self._waiting_tls is None:
            self._loop.remove_reader(self._plain_fd)
            self._loop.add_reader(self._plain_fd, self._last_words)
        self._finish_if_done()

    def _last_words(self) -> None:
        """Read on until the plain peer has ended, once it was told our end.

        It may reset the connection now, and uvloop calls a reader only once after an error
        (libuv stops watching at EPOLLERR): bytes that came before must not be the last read.
        """
        while not self._ended and not self._to_tls_done and self._waiting_tls is None:
            try:
                size = self._plain.recv_into(_buffer)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                size = 0  # a reset ends it as well: whoever would miss a byte has left
            if size:
                self._write_tls(bytes(_view[:size]))
            else:
                self._plain_ended()

    def _half_close_plain(self) -> None:
        try:
            self._plain.shutdown(socket.SHUT_WR)
        except OSError:
            # A peer that is gone altogether needs no end; its last words were passed on.
            if not self._to_tls_done:
                self._failed()

    def _is_control(self, record: bytes) -> bool:
        controls = self._controls
        return controls is not None and record.startswith(controls.marker)

    def _control(self, record: bytes) -> bool:
        controls = self._controls
        if self._ended or controls is None or not record.startswith(controls.marker):
            return False
        if record == controls.end:
            self._to_plain_ended()
        else:
            self._end(clean=False, reason=controls.reason(record))
        return True

    def _finish_if_done(self) -> None:
        done = self._to_tls_done and self._to_plain_done
        if done and self._waiting_plain is None and self._waiting_tls is None:
            self._end(clean=self._controls is not None, reason=None)

    def _broke(self, fd: int) -> None:
        """End, as a peer takes nothing more; its last words, which may say why, come before."""
        if not self._breaks:  # the other one may break meanwhile
            self._breaks = True
            self.read_on(fd)
        self._failed()

    def _failed(self) -> None:
        self._end(clean=False, reason=None)

    def _end(self, *, clean: bool, reason: Reason | None) -> None:
        if not self._ended:
            self.stop()
            self._on_end(clean, reason)
