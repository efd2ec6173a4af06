"""Runs all probes of this operating system side by side, in bounded time; never fails."""

import platform
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from pgward.system.posture import linux, macos, windows
from pgward.system.posture.facts import Fact, Posture, Topic

_K = TypeVar("_K")
_T = TypeVar("_T")
SECONDS = 1.8
KEPT_SECONDS = 300.0

Probes = Mapping[Topic, Callable[[], Fact]]
Naming = Callable[[], tuple[str, str]]
_SYSTEMS: Mapping[str, tuple[str, Probes, Naming]] = {
    "linux": ("linux", linux.PROBES, linux.name_and_version),
    "darwin": ("macos", macos.PROBES, macos.name_and_version),
    "win32": ("windows", windows.PROBES, windows.name_and_version),
}


def gather(*, seconds: float = SECONDS, system: str = sys.platform) -> Posture:
    """Return this machine's posture; what is not known in time is unknown."""
    family, probes, naming = _SYSTEMS.get(system, ("other", {}, _unnamed))
    names, facts = _Answers({"name": naming}), _Answers(probes)
    end = time.monotonic() + seconds
    answered = facts.within(end)
    name, version = names.within(end).get("name") or _unnamed()
    found = {topic: answered.get(topic) or Fact.unknown(facts.why(topic)) for topic in probes}
    return Posture(family, name, version, platform.release(), found)


class Cache:
    """A posture that is gathered anew when it is some minutes old."""

    def __init__(
        self,
        gathering: Callable[[], Posture] = gather,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gathering = gathering
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._found: Posture | None = None
        self._at = 0.0

    def get(self) -> Posture:
        """Return the posture of this machine, at most five minutes old."""
        with self._lock:
            if self._found is None or self._monotonic() - self._at > KEPT_SECONDS:
                self._found, self._at = self._gathering(), self._monotonic()
            return self._found


class _Answers(Generic[_K, _T]):
    """Answers of threads that nobody waits for at the end of the process."""

    def __init__(self, questions: Mapping[_K, Callable[[], _T]]) -> None:
        self._changed = threading.Condition()
        self._found: dict[_K, _T] = {}
        self._failed: dict[_K, str] = {}
        self._asked = len(questions)
        for key, question in questions.items():
            threading.Thread(target=self._run, args=(key, question), daemon=True).start()

    def within(self, end: float) -> dict[_K, _T]:
        """Return what is known at a time of the monotonic clock, or earlier when all is."""
        with self._changed:
            self._changed.wait_for(
                lambda: len(self._found) + len(self._failed) >= self._asked,
                max(0.0, end - time.monotonic()),
            )
            return dict(self._found)

    def why(self, key: _K) -> str:
        """Say why there is no answer."""
        return self._failed.get(key, "it took too long to find out")

    def _run(self, key: _K, question: Callable[[], _T]) -> None:
        try:
            found = question()
        except Exception as error:  # noqa: BLE001 - a login must not fail for what a tool says
            with self._changed:
                self._failed[key] = f"it could not be found out: {type(error).__name__}"
                self._changed.notify()
            return
        with self._changed:
            self._found[key] = found
            self._changed.notify()


def _unnamed() -> tuple[str, str]:
    return platform.system(), platform.version()
