"""What is printed: one line a step with its seconds, and facts below it."""

import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from pgward.core.errors import PgwardError
from pgward.system import terminal

_WIDTH = 100
_INDENT = " " * 10


@dataclass(slots=True)
class Step:
    """What one step has to tell."""

    facts: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        """Add a line, which is wrapped."""
        self.facts += textwrap.wrap(text, _WIDTH - len(_INDENT), break_on_hyphens=False)

    def table(self, values: Mapping[str, object]) -> None:
        """Add a line for each name and value."""
        width = max(map(len, values))
        self.facts += [f"{name:<{width}}  {value}" for name, value in values.items()]


class Story:
    """Prints headings and steps; knows when it began."""

    def __init__(
        self,
        say: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say or terminal.echo
        self._clock = clock
        self._began = clock()

    @property
    def seconds(self) -> float:
        """The seconds since the beginning."""
        return self._clock() - self._began

    def heading(self, text: str) -> None:
        """Begin a chapter."""
        self._say(f"\n{terminal.clean(text)}")

    def line(self, text: str = "") -> None:
        """Print one line as it is."""
        self._say(terminal.clean(text))

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Time a step, and print it with its facts once it has worked."""
        began = self._clock()
        step = Step()
        try:
            yield step
        except PgwardError:
            self.line(f"  {self._clock() - began:4.1f} s  FAILED: {title}")
            raise
        self.line(f"  {self._clock() - began:4.1f} s  {title}")
        for fact in step.facts:
            self.line(f"{_INDENT}{fact}")
