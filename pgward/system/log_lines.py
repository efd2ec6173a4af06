"""How a service's log is written: a line of it is the service's own, whatever it quotes.

Roles and databases are named by whoever may make them, or asks for them, line breaks included; and
what a server says is its own affair.
"""

import logging
import sys

from pgward.system.safe_text import clean

_FORMAT = "%(asctime)s %(name)s: %(message)s"
_INDENT = "\n    "
# They tell of each request and each channel.
_CHATTY = ("asyncssh", "httpx2")


class OwnLines(logging.Formatter):
    """Indents what follows a line break, and shows what a terminal would act on."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Write the message."""
        record.message = _own(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name
        """Write a traceback, whose last line has a message in it."""
        return "    " + _own(super().formatException(ei))  # type: ignore[arg-type] # as logging's


def set_up(level: str) -> None:
    """Write what this process says to standard error; libraries only warn."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OwnLines(_FORMAT))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _own(text: str) -> str:
    return _INDENT.join(clean(line) for line in text.split("\n"))
