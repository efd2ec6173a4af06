"""PostgreSQL's last word in a session that may rest on a grant: who says why it ends.

At a grant's end both the connector, at PostgreSQL, and the edge end its sessions; whoever is first
should not decide what the person reads. So where the edge may have a word of its own to say, that
of PostgreSQL's, and its end, wait for the edge's a moment.
"""

import asyncio
from collections.abc import Callable
from typing import Final

WAIT_SECONDS: Final = 3.0
"""An edge hears of a revocation within the second, and sees the end of a time within two."""

# pg_terminate_backend, or a shutdown: fields of ErrorResponse, each of which ends in NUL. The
# severity is that which no language changes (manual, 55.8 "Error and Notice Message Fields").
_FATAL: Final = b"\0VFATAL\0"
ADMIN_SHUTDOWN: Final = "57P01"
_ADMIN_SHUTDOWN: Final = f"\0C{ADMIN_SHUTDOWN}\0".encode()


def says_farewell(message: bytes) -> bool:
    """Tell whether an ErrorResponse says that an administrator ends the session."""
    return _ADMIN_SHUTDOWN in message and _FATAL in message


class Farewell:
    """Holds PostgreSQL's last word back, once: ``message``, if there was any.

    ``is_expected`` tells whether the edge may end the session by itself about now. ``go_on`` is
    called when it did not within ``WAIT_SECONDS``.
    """

    __slots__ = ("_go_on", "_is_expected", "_is_over", "_loop", "_timer", "message")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        is_expected: Callable[[], bool],
        go_on: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._is_expected = is_expected
        self._go_on = go_on
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False
        self.message = b""

    @property
    def waits(self) -> bool:
        """Whether PostgreSQL has ended the session, and the edge may yet say why."""
        return self._timer is not None

    def takes(self, error: memoryview) -> bool:
        """Take an ErrorResponse that is a last word to be held back."""
        message = bytes(error)
        if self.message or not says_farewell(message) or not self.begins():
            return False
        self.message = message
        return True

    def begins(self) -> bool:
        """Wait, or go on waiting, as PostgreSQL ends; False if there is nothing to wait for."""
        if self._timer is None and not self._is_over and self._is_expected():
            self._timer = self._loop.call_later(WAIT_SECONDS, self._end)
        return self.waits

    def taken(self) -> bytes:
        """Return the message to be said, once."""
        message, self.message = self.message, b""
        return message

    def close(self) -> None:
        """Let go of everything: the session is over."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._is_over = None, True
        self._is_expected, self._go_on = never, _nothing

    def _end(self) -> None:
        self._timer, self._is_over = None, True
        self._go_on()


def never() -> bool:
    """Expect no end by the edge."""
    return False


def _nothing() -> None:
    return
