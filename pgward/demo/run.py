"""Make a demo's surroundings, play it, and leave nothing behind."""

import importlib.util
import resource
from contextlib import ExitStack
from pathlib import Path

from pgward.core.errors import PgwardError
from pgward.demo import hold as holding
from pgward.demo import tour
from pgward.demo.crew import Crew
from pgward.demo.interrupts import Interrupts
from pgward.demo.layout import temporary
from pgward.demo.parts import Workshop
from pgward.demo.site import build
from pgward.demo.story import Story
from pgward.system.postgres import find_binaries, find_client

_MODULES = ("alembic", "argon2", "fastapi", "sqlalchemy", "uvicorn")


def run(*, hold: bool, directory: Path | None) -> None:
    """Play a demo; raise DemoError when it does not show what it should, Stopped at a signal."""
    check_machine()
    raise_file_limit()
    story = Story()
    with Interrupts() as interrupts:
        stack = ExitStack()
        try:
            try:
                _play(stack, interrupts, story, hold=hold, directory=directory)
            finally:
                interrupts.ignore()
        finally:
            stack.close()
    story.heading(f"All shown in {story.seconds:.0f} s; nothing is left behind.")


def check_machine() -> None:
    """Raise NotFoundError or PgwardError when something is missing that the demo needs."""
    missing = [name for name in _MODULES if importlib.util.find_spec(name) is None]
    if missing:
        raise PgwardError(
            f"the demo runs servers, and these Python modules are missing: {', '.join(missing)}",
            hint="pip install 'pgward[server]'",
        )
    find_client("psql", find_binaries())


def raise_file_limit() -> None:
    """Allow the parts, which inherit it, as many connections as the system does."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _play(
    stack: ExitStack, interrupts: Interrupts, story: Story, *, hold: bool, directory: Path | None
) -> None:
    layout = stack.enter_context(temporary(interrupts, directory))
    story.line(f"pgward demo: real servers, in {layout.root}, all removed at the end")
    crew = Crew(layout, interrupts)
    stack.callback(crew.stop_all)
    shop = Workshop(layout, crew, interrupts, stack)
    site = build(shop, story)
    if hold:
        holding.hold(shop, site, story)
    else:
        tour.walk(shop, site, story)
