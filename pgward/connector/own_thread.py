"""What works in a thread of its own until it is ended."""

import threading
from abc import ABC, abstractmethod


class OwnThread(ABC):
    """Runs ``_run``, which looks at ``_ended`` and waits on ``_changed``."""

    def __init__(self, name: str) -> None:
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, seconds: float) -> bool:
        """End after what is under way, if it can be; tell whether that was in time."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(seconds)
        return not self._thread.is_alive()

    @abstractmethod
    def _run(self) -> None:
        """Work until ``_ended``."""
