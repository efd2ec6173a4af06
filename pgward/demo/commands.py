"""``pgward demo``."""

import signal
import sys
from pathlib import Path

import click

from pgward.core.errors import InvalidInputError
from pgward.demo.interrupts import Stopped
from pgward.demo.run import run
from pgward.system import terminal


@click.command()
@click.option("--hold", is_flag=True, help="Keep all of it running until Ctrl-C.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path),
    metavar="D",
    help="Where to run it: a new or empty directory.  [default: a temporary one]",
)
def demo(hold: bool, directory: Path | None) -> None:
    """Set all of pgward up on this machine, use it, and remove it again.

    A CA, a PostgreSQL server that `hba apply` configures, an edge, a person, a tunnel, and psql
    through it; then who is refused, what the CA can prove, how another CA takes its place while a
    session runs, and how a revocation ends one. Ends with an error if anything is not as it
    should be.

    With --hold it stays up for you to try, and D/demo.json says where everything is.
    """
    if sys.platform == "win32":
        raise InvalidInputError("the demo runs servers, which pgward does not on Windows")
    try:
        run(hold=hold, directory=directory)
    except Stopped as stop:
        terminal.note(f"\nended by {stop}; nothing is left behind")
        if not hold:
            sys.exit(128 + stop.number)
    except BrokenPipeError:  # whoever read the story went away
        sys.exit(128 + signal.SIGPIPE)
