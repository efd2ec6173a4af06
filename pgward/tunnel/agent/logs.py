"""The log of an agent in the background: bounded, for its person only."""

import logging
import os
import sys
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from pgward.system.files import open_regular

MOST_BYTES = 1024 * 1024
_FORMAT = "%(asctime)s %(levelname)s %(message)s"


class BoundedLog(RotatingFileHandler):
    """A file and the one before it; what is written to stdout and stderr goes there, too."""

    def __init__(
        self, path: Path, *, most_bytes: int = MOST_BYTES, take_output: bool = True
    ) -> None:
        self._take_output = take_output
        super().__init__(path, maxBytes=most_bytes, backupCount=1, encoding="utf-8")
        self._point_output()

    def doRollover(self) -> None:  # noqa: N802 - the handler's own name for it
        """Begin a new file."""
        super().doRollover()
        self._point_output()

    def _open(self) -> TextIOWrapper:
        descriptor = open_regular(Path(self.baseFilename), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding="utf-8", errors="replace")

    def _point_output(self) -> None:
        if self._take_output and self.stream is not None:
            for output in (1, 2):
                os.dup2(self.stream.fileno(), output)


def to_file(path: Path) -> None:
    """Log to a bounded file."""
    _install(BoundedLog(path))


def to_stderr() -> None:
    """Log to stderr, which a service manager keeps."""
    _install(logging.StreamHandler(sys.stderr))


def _install(handler: logging.Handler) -> None:
    handler.setFormatter(logging.Formatter(_FORMAT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("pgward").setLevel(logging.INFO)
