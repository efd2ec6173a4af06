"""A relay that waits a moment with PostgreSQL's end, where the edge may have a word of its own."""

import asyncio
from collections.abc import Callable

from pgward.pgwire import backend
from pgward.tunnel.farewell import ADMIN_SHUTDOWN, Farewell
from pgward.tunnel.preface import Controls, Reason, RefusedError
from pgward.tunnel.relay import Plain, Relay
from pgward.tunnel.tls import TlsConnection


class FarewellRelay(Relay):
    """As Relay; while ``may_be_cut``, PostgreSQL's end waits for what the edge may say of it.

    When it says nothing, ``why_ended`` may have other words than PostgreSQL.
    """

    __slots__ = ("_farewell", "_why_ended")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tls: TlsConnection,
        plain: Plain,
        controls: Controls | None,
        on_end: Callable[[bool, Reason | None], None],
        *,
        may_be_cut: Callable[[], bool],
        why_ended: Callable[[], RefusedError | None],
    ) -> None:
        self._why_ended = why_ended
        self._farewell = Farewell(loop, may_be_cut, self._go_on_ending)
        super().__init__(loop, tls, plain, controls, on_end)

    def stop(self) -> None:
        """Take both directions from the loop, as Relay does."""
        self._farewell.close()
        super().stop()

    def _plain_ended(self) -> None:
        if not self._to_plain_done and self._farewell.begins():
            self._loop.remove_reader(self._plain_fd)
            return
        self._pass_farewell()
        if self._waiting_tls is not None:
            return  # the end is met again, behind what waits
        super()._plain_ended()
        if self._breaks:
            self._failed()

    def _plain_failed(self) -> None:
        """Take that the plain peer has reset the connection."""
        if self._farewell.begins():
            self._breaks = True
            self._hear_nobody()
        else:
            self._failed()

    def _broke(self, fd: int) -> None:
        if fd == self._plain_fd and not self._breaks:
            self._breaks = True  # as Relay does: its last words, and perhaps why, come before
            self.read_on(fd)
        if fd == self._plain_fd and not self._ended and self._farewell.begins():
            self._hear_nobody()
        else:
            super()._broke(fd)

    def _hear_nobody(self) -> None:
        for fd in self.descriptors:
            self._loop.remove_reader(fd)
        self._loop.remove_writer(self._plain_fd)

    def _go_on_ending(self) -> None:
        """Take that the edge has nothing to say: PostgreSQL's word, and its end, as they came."""
        if self._waiting_tls is not None:
            return  # the client does not read: the end is met again when it does
        if self._breaks:
            self._plain_ended()
            return
        self._pass_farewell()
        if not self._ended:
            self._loop.add_reader(self._plain_fd, self._outbound)

    def _pass_farewell(self) -> None:
        message = self._farewell.taken()
        if message and not self._ended:
            why = self._why_ended()
            self._write_tls(message if why is None else _said(why))


def _said(why: RefusedError) -> bytes:
    return backend.error("FATAL", ADMIN_SHUTDOWN, why.message, hint=why.hint)
