"""The relay of a tunnel: as any, and it hears why the edge ends a session."""

import asyncio
import logging
import ssl
from collections.abc import Callable

from pgward.tunnel import preface
from pgward.tunnel.preface import MAX_LINE, Controls, PrefaceError, Reason, RefusedError
from pgward.tunnel.relay import Plain, Relay
from pgward.tunnel.tls import TlsConnection

log = logging.getLogger("pgward.tunnel")

# Serves every connection of the process: a callback never waits while it uses it.
_line = bytearray(MAX_LINE + 1)


class HearingRelay(Relay):
    """As Relay; ``refusal`` is what the edge said last, if it ended the session and said why."""

    __slots__ = ("refusal",)

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tls: TlsConnection,
        plain: Plain,
        controls: Controls | None,
        on_end: Callable[[bool, Reason | None], None],
    ) -> None:
        super().__init__(loop, tls, plain, controls, on_end)
        self.refusal: RefusedError | None = None

    def _control(self, record: bytes) -> bool:
        controls = self._controls
        if self._ended or controls is None or not controls.is_why(record):
            return super()._control(record)
        for fd in self.descriptors:
            self._loop.remove_reader(fd)
        self._inbound = self._hear
        self._loop.add_reader(self._tls_fd, self._hear)
        self._hear()  # it may wait inside OpenSSL, where the event loop cannot see it
        return True

    def _hear(self) -> None:
        try:
            size = self._tls.read_into(len(_line), _line)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except (ssl.SSLError, OSError):
            size = 0
        try:
            self.refusal = preface.read_refusal(bytes(_line[:size]))
        except PrefaceError as error:
            log.debug("the edge ended a session and did not say why: %s", error.message)
            self._failed()
        else:
            self._end(clean=False, reason=self.refusal.reason)
