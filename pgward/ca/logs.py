"""What libraries log, said to the person who runs the server, one safe line a record."""

import logging
from datetime import UTC, datetime

from pgward.core.clock import rfc3339
from pgward.system import terminal


class TerminalHandler(logging.Handler):
    """Writes through the one module that owns output."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write time, level and message, and the traceback of an unexpected error."""
        moment = rfc3339(datetime.fromtimestamp(record.created, UTC))
        terminal.note(f"{moment} {record.levelname.lower()} {self.format(record)}")


def to_terminal() -> None:
    """Send warnings and errors of every library to stderr."""
    root = logging.getLogger()
    root.handlers = [TerminalHandler()]
    root.setLevel(logging.WARNING)
    # uvicorn warns of each malformed request: a stranger could fill the disk with them.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
