"""Signals that end a demo: at any moment, but never between making a thing and owning it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked for the end; nothing but the outermost caller may catch it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Interrupts:
    """Raises ``Stopped`` at the first signal, once, and never inside a shield.

    As a context manager it installs its handlers, and puts the former ones back.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._pending: int | None = None
        self._over = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # nohup
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def ignore(self) -> None:
        """Let no signal interrupt from now on: the cleaning up has begun."""
        self._over = True

    @contextmanager
    def shield(self) -> Iterator[None]:
        """Put a signal off until the block has ended; it then wins over the block's error."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._pending is not None and not self._depth:
                self._stop(self._pending)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._depth:
            self._pending = self._pending or number
        else:
            self._stop(number)

    def _stop(self, number: int) -> None:
        if not self._over:
            self._over = True
            raise Stopped(number)
