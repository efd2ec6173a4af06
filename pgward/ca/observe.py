"""What the authority does, told to whoever measures it: metrics, traces, or nobody.

``event`` counts something that happened; ``step`` is something that takes time, and may fail.
Names and labels are fixed words, never what a stranger sent: they become a metric's labels.
An observer must be quick, must not raise, and is called in any thread.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import Protocol

Labels = Mapping[str, str]


class Step(Protocol):
    """A step that goes on."""

    def add(self, **labels: str) -> None:
        """Tell what is known only now."""
        ...


class Observer(Protocol):
    """Is told of what happens."""

    def event(self, name: str, labels: Labels, count: int) -> None:
        """Note that it happened so many times."""
        ...

    def step(self, name: str, labels: Labels) -> AbstractContextManager[Step]:
        """Return what is entered when a step begins, and left when it ends, well or not."""
        ...


class _Unwatched:
    def __enter__(self) -> Step:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def add(self, **labels: str) -> None:
        pass


class _Several:
    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps

    def add(self, **labels: str) -> None:
        for each in self._steps:
            each.add(**labels)


_observers: tuple[Observer, ...] = ()
_UNWATCHED = _Unwatched()


def watch(observer: Observer) -> Callable[[], None]:
    """Tell this observer too, from now on; return what ends that."""
    global _observers  # noqa: PLW0603 - what is watched is this process
    _observers = (*_observers, observer)

    def end() -> None:
        global _observers  # noqa: PLW0603 - as above
        _observers = tuple(each for each in _observers if each is not observer)

    return end


def event(name: str, count: int = 1, **labels: str) -> None:
    """Tell that something happened."""
    for each in _observers:
        each.event(name, labels, count)


def step(name: str, **labels: str) -> AbstractContextManager[Step]:
    """Tell of a step: the ``with`` block."""
    observers = _observers
    if not observers:
        return _UNWATCHED
    if len(observers) == 1:
        return observers[0].step(name, labels)
    return _together(observers, name, labels)


@contextmanager
def _together(observers: tuple[Observer, ...], name: str, labels: Labels) -> Iterator[Step]:
    with ExitStack() as stack:
        yield _Several([stack.enter_context(each.step(name, labels)) for each in observers])
