"""What the server and its libraries log: one safe line a record, for people or as JSON."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from pgward.ca import caller
from pgward.core.clock import rfc3339
from pgward.system import terminal

_QUIET = {"text": logging.WARNING, "json": logging.INFO}
# What tells of every request or connection at level info: of little use, and much of it.
_CHATTY = ("httptools", "httpx2", "httpcore2", "asyncio", "alembic", "sqlalchemy", "opentelemetry")


class TerminalHandler(logging.Handler):
    """Writes through the one module that owns output."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write time, level and message, and the traceback of an unexpected error."""
        moment = rfc3339(datetime.fromtimestamp(record.created, UTC))
        terminal.note(f"{moment} {record.levelname.lower()} {self.format(record)}")


class JsonHandler(logging.Handler):
    """Writes one JSON object a line; what belongs to a request has its ids."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record."""
        terminal.note(json.dumps(self.fields(record), ensure_ascii=True, default=str))

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return what is told of a record."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat("T", "milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": getattr(record, "event", "log"),
        }
        own: dict[str, Any] | None = getattr(record, "fields", None)
        if own is not None:
            return fields | own
        asked = caller.asked.get()
        if asked is not None:
            fields |= asked.ids()
        fields["message"] = record.getMessage()
        if record.exc_info:
            fields["error"] = logging.Formatter().formatException(record.exc_info)
        return fields


def to_terminal(style: str = "text", level: str = "") -> None:
    """Send what every library logs to stderr; empty ``level`` is the style's own."""
    root = logging.getLogger()
    root.handlers = [JsonHandler() if style == "json" else TerminalHandler()]
    root.setLevel(level.upper() or _QUIET[style])
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    # uvicorn warns of each malformed request: a stranger could fill the disk with them.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
